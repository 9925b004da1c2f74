// One alarm: what it tells of, what became of it when, what was sent of it to whom. Its address stands in sent messages.

import { useEffect } from "preact/hooks"
import { acknowledge } from "../core/alarm_feed.ts"
import { type Alarm, type Flip, logAddress } from "../core/alarms.ts"
import { ask, type List, part } from "../core/api.ts"
import { clock, millis, span } from "../core/format.ts"
import { visible } from "../core/harmless.ts"
import { now } from "../core/now.ts"
import { addressOf } from "../core/pages.ts"
import { useTurns } from "../core/polled.ts"
import { may } from "../core/session.ts"
import type { Delivery } from "../core/told.ts"
import { AlarmPlace, AlarmStateWords, SeverityBadge } from "../ui/alarm_parts.tsx"
import { useAnswer } from "../ui/answer.ts"
import { Deliveries } from "../ui/deliveries.tsx"
import { confirmFirst, say } from "../ui/dialogs.tsx"
import { ErrorBox, Waiting } from "../ui/notices.tsx"
import { useTitle } from "../ui/shell.tsx"
import "../styles/alarms.css"
import "../styles/forms.css"
import "../styles/hub.css"

const TURN_MS = 300
const EVERY_MS = 15_000
/** Messages of one alarm that are shown, the newest. */
const DELIVERIES = 100

export function AlarmPage(props: { params: Record<string, string> }) {
  const id = props.params["alarm"] ?? ""
  const turn = useTurns(["alarm"], TURN_MS)
  const answer = useAnswer((signal) => ask<Alarm>("GET", `alarms/${part(id)}`, { signal }), [id, turn.value])
  const alarm = answer.value
  useTitle(alarm ? `${visible(alarm.summary)} · Alarm` : "Alarm")
  if (!alarm) return answer.fault ? <><h1>Alarm</h1><ErrorBox text={answer.fault} again={answer.again} /><p><a href={addressOf("/alarms")}>All alarms</a></p></> : <Waiting />
  const take = () => confirmFirst("Acknowledge this alarm?", "It says that you take care of it: nobody is reminded of it again.", "Acknowledge", async () => {
    await acknowledge([id])
    say("The alarm is acknowledged")
    answer.again()
  })
  return (
    <div class="al-view">
      <div class="head">
        <h1><SeverityBadge severity={alarm.severity} /> {visible(alarm.summary)}</h1>
        {alarm.state === "raised" && may("operator") && <button type="button" class="primary" onClick={take}>Acknowledge</button>}
      </div>
      {answer.fault && <ErrorBox text={answer.fault} again={answer.again} />}
      <section class="card" aria-label="About">
        <dl class="facts">
          <dt>State</dt><dd><AlarmStateWords alarm={alarm} /></dd>
          <dt>Where</dt><dd><AlarmPlace alarm={alarm} /></dd>
          <dt>What of it</dt><dd><code>{visible(alarm.subject)}</code>{alarm.value && <>: {visible(alarm.value)}</>}</dd>
          <dt>Rule</dt><dd><a href={addressOf("/rules")}><code>{alarm.rule}</code></a> (<a href={addressOf("/alarms", {}, { rule: alarm.rule, show: "all" })}>its alarms</a>)</dd>
          <dt>Lasted</dt><dd>{span(Math.max(0, (millis(alarm.cleared) || now.value) - millis(alarm.raised)))}{!alarm.cleared && " until now"}</dd>
          {alarm.tags.length > 0 && <><dt>Tags</dt><dd>{alarm.tags.map((tag) => <span key={tag} class="tag">{tag}</span>)}</dd></>}
          <dt>Log</dt><dd><a href={logAddress(alarm)}>the lines around its beginning</a></dd>
        </dl>
      </section>
      <section aria-label="History">
        <h2>History</h2>
        <ul class="al-flips">{(alarm.flips ?? []).map((flip, at) => <li key={at}><Happened alarm={alarm} flip={flip} /></li>)}</ul>
      </section>
      {may("operator") && <Sent alarm={alarm} turn={turn.value} />}
    </div>
  )
}

function Happened(props: { alarm: Alarm; flip: Flip }) {
  const { alarm, flip } = props
  return (
    <>
      <time dateTime={flip.time ?? ""}>{clock(millis(flip.time))}</time> {flip.kind}
      {flip.kind === "acknowledged" && alarm.acknowledged_by && <> by <bdi>{visible(alarm.acknowledged_by)}</bdi></>}
      {flip.kind === "cleared" && alarm.reason && `: ${visible(alarm.reason)}`}
      {!flip.claimed && <span class="faint"> (not told yet)</span>}
    </>
  )
}

function Sent(props: { alarm: Alarm; turn: number }) {
  const list = useAnswer((signal) => ask<List<Delivery>>("GET", "deliveries", { query: { alarm: props.alarm.id, limit: DELIVERIES }, signal }), [props.alarm.id, props.turn], EVERY_MS)
  useEffect(() => { if (props.alarm.flips?.some((flip) => flip.claimed)) list.again() }, [props.alarm.flips?.filter((flip) => flip.claimed).length])
  return (
    <section aria-label="Messages">
      <h2>What was sent of it</h2>
      {list.fault && <ErrorBox text={list.fault} again={list.again} />}
      {!list.value ? !list.fault && <Waiting /> : list.value.items.length ? <Deliveries items={list.value.items} /> : <p class="faint">Nothing was sent of it.</p>}
    </section>
  )
}

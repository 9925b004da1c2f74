// The open alarms as the shell and the first page tell them: how many, how bad, and the worst few.

import { useEffect } from "preact/hooks"
import { type Alarm, type AlarmSummary, alarmSummary, severityWords } from "../core/alarms.ts"
import { visible } from "../core/harmless.ts"
import { addressOf } from "../core/pages.ts"
import { usePolled, useTurns } from "../core/polled.ts"
import { Ago } from "./badges.tsx"
import { AlarmPlace, SeverityBadge } from "./alarm_parts.tsx"

const EVERY_MS = 15_000
const TURN_MS = 500
/** No node is newer than that: of the overview only what it says of alarms is wanted here. */
const NO_NODES = "fffffffffffffff.fffffffffffffff"
const MOST = 99

/** Keeps `alarmSummary`, for as long as it is shown. */
export function useAlarmSummary(): void {
  const found = usePolled<{ alarms: AlarmSummary }>("overview", { cursor: NO_NODES }, EVERY_MS, useTurns(["alarm"], TURN_MS).value)
  useEffect(() => { if (found.value) alarmSummary.value = found.value.alarms }, [found.value])
}

/** How many nobody takes care of yet, beside the way to them. Its room is always there, so that nothing moves. */
export function AlarmCount() {
  const many = alarmSummary.value?.raised ?? 0
  return <span class={`nav-count ${many ? "some" : ""}`}>{many > 0 && <><span aria-hidden="true">{many > MOST ? `${MOST}+` : many}</span><span class="hidden">{many} raised</span></>}</span>
}

/** Those that are open, on the first page: counts by severity, and the worst of those that are not told of there anyway. */
export function OpenAlarms(props: { worst: readonly Alarm[] }) {
  const summary = alarmSummary.value
  if (!summary || summary.raised + summary.acknowledged === 0) return null
  return (
    <section aria-label="Open alarms">
      <p class="line"><a href={addressOf("/alarms")}>Alarms</a>: {severityWords(summary.severity)}{summary.acknowledged > 0 && ` (${summary.acknowledged} acknowledged)`}</p>
      {props.worst.length > 0 && <ul class="wrong" aria-label="Worst alarms">{props.worst.map((alarm) => <Line key={alarm.id} alarm={alarm} />)}</ul>}
    </section>
  )
}

function Line(props: { alarm: Alarm }) {
  const { alarm } = props
  return (
    <li>
      <SeverityBadge severity={alarm.severity} /> <a href={addressOf("/alarms/{alarm}", { alarm: alarm.id })}>{visible(alarm.summary)}</a>{" "}
      <span class="faint">(<AlarmPlace alarm={alarm} />)</span>, <Ago time={alarm.raised} />{alarm.acknowledged_by && <>, acknowledged by {visible(alarm.acknowledged_by)}</>}
    </li>
  )
}

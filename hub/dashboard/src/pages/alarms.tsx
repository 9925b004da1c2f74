// Alarms: those that are open first, newest first; acknowledged one by one or together. The address holds the filters
// (show, severity, service, node, rule), so that it can be sent to a colleague.

import { useSignal } from "@preact/signals"
import { useEffect, useMemo } from "preact/hooks"
import { acknowledge, AlarmFeed, type AlarmFilter } from "../core/alarm_feed.ts"
import { type Alarm, logAddress, SEVERITIES } from "../core/alarms.ts"
import { count } from "../core/format.ts"
import { visible } from "../core/harmless.ts"
import { addressOf } from "../core/pages.ts"
import { textOf } from "../core/problems.ts"
import { place } from "../core/router.ts"
import { may } from "../core/session.ts"
import { AlarmPlace, AlarmStateWords, SeverityBadge } from "../ui/alarm_parts.tsx"
import { Ago } from "../ui/badges.tsx"
import { say } from "../ui/dialogs.tsx"
import { Empty, ErrorBox, Waiting } from "../ui/notices.tsx"
import { type Column, Rows } from "../ui/rows.tsx"
import { useTitle } from "../ui/shell.tsx"
import { WindowsDialog } from "../ui/windows.tsx"
import { useTyping } from "../ui/typing.ts"
import "../styles/alarms.css"
import "../styles/forms.css"
import "../styles/hub.css"
import "../styles/runs.css"

/** What `show` in the address means for the hub; open ones without it. */
const OPEN = { open: "true", state: "" }
const SHOWN: Readonly<Record<string, Pick<AlarmFilter, "open" | "state">>> = {
  raised: { open: "", state: "raised" }, acknowledged: { open: "", state: "acknowledged" },
  cleared: { open: "", state: "cleared" }, all: { open: "", state: "" },
}

export function Alarms() {
  useTitle("Alarms")
  const windows = useSignal(false)
  const query = place.value?.query ?? new URLSearchParams()
  const text = (name: string) => query.get(name) ?? ""
  const filter: AlarmFilter = { ...(SHOWN[text("show")] ?? OPEN), severity: text("severity"), rule: text("rule"), node: text("node"), service: text("service") }
  return (
    <div class="al-view">
      <div class="head">
        <h1>Alarms</h1>
        <div class="buttons">
          <a class="button" href={addressOf("/rules")}>Rules</a>
          {may("operator") && <a class="button" href={addressOf("/channels")}>Channels</a>}
          <button type="button" onClick={() => { windows.value = true }}>Maintenance</button>
        </div>
      </div>
      <Filters show={text("show")} filter={filter} />
      <Listed key={JSON.stringify(filter)} filter={filter} />
      {windows.value && <WindowsDialog selector="" close={() => { windows.value = false }} />}
    </div>
  )
}

function Filters(props: { show: string; filter: AlarmFilter }) {
  const { filter } = props
  const { soon, now } = useTyping()
  return (
    <form class="run-filters" role="search" aria-label="Filter alarms" onSubmit={(event) => event.preventDefault()}>
      <label>
        <span>State</span>
        <select aria-label="State" value={props.show} onChange={(event) => now({ show: event.currentTarget.value })}>
          <option value="">open</option>
          <option value="raised">raised, nobody cares yet</option>
          <option value="acknowledged">acknowledged</option>
          <option value="cleared">cleared</option>
          <option value="all">all</option>
        </select>
      </label>
      <label>
        <span>Severity</span>
        <select aria-label="Severity" value={filter.severity} onChange={(event) => now({ severity: event.currentTarget.value })}>
          <option value="">any</option>
          {SEVERITIES.filter((each) => each !== "info").map((each) => <option key={each} value={each}>{each === "warning" ? "warning and worse" : each}</option>)}
        </select>
      </label>
      <label><span>Node</span><input type="search" data-search="" defaultValue={filter.node} placeholder="name" onInput={(event) => soon({ node: event.currentTarget.value.trim() })} /></label>
      <label><span>Service</span><input type="search" defaultValue={filter.service} placeholder="name" onInput={(event) => soon({ service: event.currentTarget.value.trim() })} /></label>
      <label><span>Rule</span><input type="search" defaultValue={filter.rule} placeholder="name" onInput={(event) => soon({ rule: event.currentTarget.value.trim() })} /></label>
    </form>
  )
}

function Listed(props: { filter: AlarmFilter }) {
  const feed = useMemo(() => new AlarmFeed(props.filter), [])
  const marked = useSignal<ReadonlySet<string>>(new Set())
  useEffect(() => {
    feed.start()
    return () => feed.close()
  }, [feed])
  const alarms = feed.alarms.value
  const take = async (ids: readonly string[]) => {
    try {
      say(`${count(await acknowledge(ids), "alarm")} acknowledged`)
      marked.value = new Set()
    } catch (error) {
      feed.fault.value = textOf(error)
    }
    void feed.load()
  }
  const mark = (id: string, on: boolean) => {
    const next = new Set(marked.value)
    if (on) next.add(id)
    else next.delete(id)
    marked.value = next
  }
  if (!alarms) return feed.fault.value ? <ErrorBox text={feed.fault.value} again={() => void feed.load()} /> : <Waiting />
  const waiting = may("operator") ? alarms.filter((alarm) => alarm.state === "raised") : []
  const chosen = waiting.filter((alarm) => marked.value.has(alarm.id))
  return (
    <>
      {feed.fault.value && <ErrorBox text={feed.fault.value} again={() => void feed.load()} />}
      {waiting.length > 1 && (
        <div class="al-marked">
          <label><input type="checkbox" checked={chosen.length === waiting.length} onChange={(event) => { marked.value = new Set(event.currentTarget.checked ? waiting.map((alarm) => alarm.id) : []) }} /> all {waiting.length} raised here</label>
          {chosen.length > 0 && <button type="button" class="primary" onClick={() => void take(chosen.map((alarm) => alarm.id))}>Acknowledge {count(chosen.length, "alarm")}</button>}
        </div>
      )}
      {alarms.length
        ? <Rows label="Alarms" items={alarms} columns={columnsOf(marked.value, mark, take)} keyOf={(alarm) => alarm.id} faint={(alarm) => alarm.state === "cleared" || alarm.silenced} />
        : <Empty><p>No alarm fits. What is watched for stands in the rules.</p></Empty>}
      {feed.next.value && <p class="after"><button type="button" aria-disabled={feed.busy.value} onClick={() => void feed.more()}>Older alarms</button></p>}
    </>
  )
}

function columnsOf(marked: ReadonlySet<string>, mark: (id: string, on: boolean) => void, take: (ids: readonly string[]) => Promise<void>): Column<Alarm>[] {
  const can = (alarm: Alarm) => alarm.state === "raised" && may("operator")
  return [
    { name: "Severity", cell: (alarm) => (
      <>{can(alarm) && <><input type="checkbox" aria-label={`Mark ${visible(alarm.summary)}`} checked={marked.has(alarm.id)} onChange={(event) => mark(alarm.id, event.currentTarget.checked)} />{" "}</>}<SeverityBadge severity={alarm.severity} /></>
    ) },
    { name: "What", cell: (alarm) => (
      <div class="al-summary"><a href={addressOf("/alarms/{alarm}", { alarm: alarm.id })}>{visible(alarm.summary)}</a><div class="faint">{alarm.rule}</div></div>
    ) },
    { name: "Where", cell: (alarm) => <AlarmPlace alarm={alarm} /> },
    { name: "Since", cell: (alarm) => <Ago time={alarm.raised} /> },
    { name: "State", cell: (alarm) => <div class="al-words"><AlarmStateWords alarm={alarm} /></div> },
    { name: "Actions", actions: true, cell: (alarm) => (
      <>
        {alarm.node && <a href={logAddress(alarm)} aria-label={`Log around ${visible(alarm.summary)}`}>log</a>}
        {can(alarm) && <button type="button" aria-label={`Acknowledge ${visible(alarm.summary)}`} onClick={() => void take([alarm.id])}>Acknowledge</button>}
      </>
    ) },
  ]
}

// All logs in one view: what is kept and what comes, by the same filters. The address holds the whole view, so that it can be
// sent to a colleague: q (selector), level, source, unit, text, since, until, wrap, and line for the one that is open.

import { useComputed, useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import { isAgo, isLive, type LogFilter, RANGES, readFilter, writeFilter } from "../core/log_filter.ts"
import { type LogLine, placeOfLine } from "../core/log_lines.ts"
import { fromLocalInput, rfc3339, toLocalInput } from "../core/moments.ts"
import { addressOf } from "../core/pages.ts"
import { go, keepInAddress, place } from "../core/router.ts"
import { LEVELS } from "../core/types.ts"
import { LevelChart } from "../ui/level_chart.tsx"
import { LogDialog, readName, writeName } from "../ui/log_dialog.tsx"
import { LogPanel } from "../ui/log_panel.tsx"
import { SelectorInput } from "../ui/selector_input.tsx"
import { useTitle } from "../ui/shell.tsx"
import { useTyping } from "../ui/typing.ts"
import "../styles/logs.css"

export function Logs() {
  useTitle("Logs")
  const query = place.value?.query ?? new URLSearchParams()
  const filter = readFilter(query)
  const wrap = query.get("wrap") === "1"
  const opened = readName(query.get("line") ?? "")
  const version = useSignal(0)
  const key = JSON.stringify(filter)
  const setWrap = (on: boolean) => keepInAddress({ wrap: on ? "1" : "" })
  const open = (line: LogLine) => keepInAddress({ line: writeName({ node: line.nodeId, time: rfc3339(line.time), place: placeOfLine(line) }) })
  const choose = (since: string, until: string) => {
    const kept = Object.fromEntries([...query].filter(([name]) => name !== "line"))
    go(addressOf("/logs", {}, { ...kept, ...writeFilter({ since, until }) }))
  }
  return (
    <div class="logs-view">
      <h1 class="quiet">Logs</h1>
      <Filters filter={filter} />
      <LevelChart key={`chart ${key}`} filter={filter} version={version.value} choose={choose} />
      <LogPanel
        key={`lines ${key}`} filter={filter} wrap={wrap} setWrap={setWrap} open={open} name="dvic-logs" empty={nothing(filter)}
        changed={(feed) => { version.value = feed.version.peek() + feed.waiting.peek() }}
      />
      {opened && <LogDialog name={opened} close={() => keepInAddress({ line: "" })} go={(name) => keepInAddress({ line: writeName(name) })} />}
    </div>
  )
}

function nothing(filter: LogFilter): string {
  const narrowed = filter.q || filter.level || filter.source || filter.unit || filter.text
  const when = isAgo(filter.since) ? `in the ${RANGES.find(([since]) => since === filter.since)?.[1] ?? `last ${filter.since}`}` : "in this time"
  return `No lines ${when}${narrowed ? " that fit these filters" : ""}.${isLive(filter) ? " New ones appear here by themselves." : ""}`
}

function Filters(props: { filter: LogFilter }) {
  const { filter } = props
  const typing = useTyping()
  const set = (change: Partial<LogFilter>, at: "now" | "soon" = "now") => typing[at]({ ...writeFilter(change), line: "" })
  const given = useComputed(() => place.value?.query.toString() ?? "")
  const range = filter.until || (filter.since && !RANGES.some(([since]) => since === filter.since)) ? "custom" : filter.since
  const custom = useSignal(false)
  const chooseRange = (value: string) => {
    custom.value = value === "custom"
    if (value !== "custom") set({ since: value, until: "" })
  }
  // Fields are the browser's own while one types; another address (back, a link) sets them anew.
  const text = (name: "source" | "unit" | "text", label: string, hint: string, search = false) => (
    <label class={`field-${name}`}>
      <span>{label}</span>
      <Field label={label} value={filter[name]} hint={hint} search={search} changed={(value) => set({ [name]: value }, "soon")} done={() => typing.now()} address={given.value} />
    </label>
  )
  return (
    <form class="log-filters" role="search" aria-label="Filter lines" onSubmit={(event) => { event.preventDefault(); typing.now() }}>
      {text("text", "Text", "in the message", true)}
      <div class="field-q">
        <span class="label" aria-hidden="true">Nodes</span>
        <Nodes value={filter.q} address={given.value} changed={(q) => set({ q }, "soon")} done={() => typing.now()} />
      </div>
      <label class="field-level">
        <span>Level</span>
        <select aria-label="Level" value={filter.level} onChange={(event) => set({ level: event.currentTarget.value as LogFilter["level"] })}>
          <option value="">all</option>
          {LEVELS.slice(1).map((level) => <option key={level} value={level}>{level === "critical" ? level : `${level} and worse`}</option>)}
        </select>
      </label>
      {text("source", "Source", "journal, dvic_log_*")}
      {text("unit", "Unit", "ssh.service, nginx*")}
      <label>
        <span>Time</span>
        <select aria-label="Time" value={custom.value ? "custom" : range} onChange={(event) => chooseRange(event.currentTarget.value)}>
          {RANGES.map(([since, label]) => <option key={since} value={since}>{label}</option>)}
          <option value="custom">from ... to ...</option>
        </select>
      </label>
      {(custom.value || range === "custom") && (
        <>
          <label><span>From</span><input type="datetime-local" step="1" value={toLocalInput(filter.since)} onChange={(event) => set({ since: fromLocalInput(event.currentTarget.value) })} /></label>
          <label><span>To</span><input type="datetime-local" step="1" value={toLocalInput(filter.until)} onChange={(event) => set({ until: fromLocalInput(event.currentTarget.value) })} /></label>
        </>
      )}
      <a class="button" href={addressOf("/logs")}>Reset</a>
    </form>
  )
}

/** What is typed stands until another address sets it anew. */
function Nodes(props: { value: string; address: string; changed: (value: string) => void; done: () => void }) {
  const typed = useSignal(props.value)
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (!box.current?.contains(document.activeElement)) typed.value = props.value
  }, [props.address])
  return (
    <div ref={box} onFocusOut={props.done}>
      <SelectorInput label="Nodes" value={typed.value} change={(text) => { typed.value = text; props.changed(text) }} enter={props.done} placeholder="all, web-*, tag:room=lab" />
    </div>
  )
}

function Field(props: { label: string; value: string; hint: string; search: boolean; address: string; changed: (value: string) => void; done: () => void }) {
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => {
    if (input.current && input.current !== document.activeElement) input.current.value = props.value
  }, [props.address])
  return (
    <input
      ref={input} type="search" aria-label={props.label} defaultValue={props.value} placeholder={props.hint} spellcheck={false} autoComplete="off" {...(props.search ? { "data-search": "" } : {})}
      onInput={(event) => props.changed(event.currentTarget.value)} onBlur={props.done}
    />
  )
}

// One log record whole, with the lines before and after it. What is very long is shown in part and can be downloaded whole.

import { useSignal } from "@preact/signals"
import { useEffect } from "preact/hooks"
import { ask } from "../core/api.ts"
import { bytes, clock, number } from "../core/format.ts"
import { oneLine, visible } from "../core/harmless.ts"
import { save } from "../core/log_download.ts"
import { fromEntry, KEPT_TEXT, type LogEntry, placeOfLine, plainText } from "../core/log_lines.ts"
import { micros, rfc3339, timeOfDay } from "../core/moments.ts"
import { addressOf } from "../core/pages.ts"
import { textOf } from "../core/problems.ts"
import { LevelBadge } from "./badges.tsx"
import { CopyButton } from "./copy.tsx"
import { Dialog } from "./dialogs.tsx"
import { ErrorBox, Waiting } from "./notices.tsx"
import "../styles/log_dialog.css"

/** Characters of a message that are shown. */
const SHOWN = 50_000
const FIRST_LINES = 10
const MOST_LINES = 300

/** Which record: enough to find it again. */
export type LineName = { node: string; time: string; place: string }

type Answer = { items: LogEntry[]; more_before: boolean; more_after: boolean }

/** As it stands in an address. */
export function writeName(name: LineName): string {
  return `${name.node}~${name.time}~${name.place}`
}

export function readName(text: string): LineName | null {
  const [node, time, place, ...more] = text.split("~")
  return node && time && place && !more.length ? { node, time, place } : null
}

export function LogDialog(props: { name: LineName; close: () => void; go: (name: LineName) => void }) {
  const { name } = props
  const whole = useSignal<LogEntry | null>(null)
  const fault = useSignal("")
  useEffect(() => {
    const stop = new AbortController()
    whole.value = null
    fault.value = ""
    ask<Answer>("GET", "logs/around", { query: { ...name, before: 0, after: 0 }, signal: stop.signal }).then(
      (answer) => {
        whole.value = answer.items.find((entry) => entry.place === name.place) ?? null
        if (!whole.value) fault.value = "This line is not there any more: its day is past what is kept, or its node was removed."
      },
      (error: unknown) => { if (!stop.signal.aborted) fault.value = textOf(error) },
    )
    return () => stop.abort()
  }, [writeName(name)])
  const entry = whole.value
  return (
    <Dialog title="Log line" close={props.close} wide>
      {fault.value && <ErrorBox text={fault.value} />}
      {!entry && !fault.value && <Waiting />}
      {entry && <Whole entry={entry} />}
      <Around name={name} source={entry?.source ?? ""} go={props.go} />
    </Dialog>
  )
}

function Whole(props: { entry: LogEntry }) {
  const { entry } = props
  const facts: [string, string][] = [
    ["time", `${clock(micros(entry.time) / 1000, true)} (${entry.time ?? ""})`], ["source", entry.source], ["unit", entry.unit ?? ""],
    ["identifier", entry.identifier ?? ""], ["pid", entry.pid?.toString() ?? ""], ["uid", entry.uid?.toString() ?? ""],
    ["priority", entry.priority?.toString() ?? ""], ["boot", entry.boot ?? ""], ["cut at the node", entry.cut ? bytes(entry.cut) : ""],
    ["not UTF-8", entry.binary ? `${bytes((entry.binary.length * 3) / 4)}, with \\xNN for what is no text` : ""],
    ["gap", entry.gap ? JSON.stringify(entry.gap) : ""],
    ...Object.entries(entry.fields ?? {}).map(([field, value]): [string, string] => [field, typeof value === "string" ? value : JSON.stringify(value)]),
  ]
  const shown = entry.message.slice(0, SHOWN)
  const file = `${entry.node}-${(entry.time ?? "").slice(0, 19).replaceAll(":", "")}`
  return (
    <>
      <p class="line-head"><LevelBadge level={entry.level} /> <a href={addressOf("/nodes/{node}", { node: entry.node })}><bdi>{entry.node}</bdi></a></p>
      <pre class="line-text" tabIndex={0} aria-label="Message">{visible(shown)}</pre>
      {entry.message.length > shown.length && <p class="faint">{number(shown.length)} of {number(entry.message.length)} characters are shown; the download has all.</p>}
      <p class="line-tools">
        <CopyButton text={plainText({ ...fromEntry(entry), message: entry.message })} />
        <button type="button" onClick={() => save(new Blob([entry.message], { type: "text/plain" }), `${file}.log`)}>Download the message</button>
        <button type="button" onClick={() => save(new Blob([JSON.stringify(entry)], { type: "application/json" }), `${file}.json`)}>as JSON</button>
        <CopyButton text={location.href} label="Copy a link" />
      </p>
      <dl class="line-facts">
        {facts.filter(([, value]) => value).map(([field, value]) => <div key={field}><dt>{visible(field)}</dt><dd>{visible(value.slice(0, KEPT_TEXT))}</dd></div>)}
      </dl>
    </>
  )
}

/** The lines before and after a record. `source`: of the record; "" where it is not known yet. */
export function Around(props: { name: LineName; source: string; go: (name: LineName) => void }) {
  const { name } = props
  const before = useSignal(FIRST_LINES)
  const after = useSignal(FIRST_LINES)
  const same = useSignal(false)
  const found = useSignal<Answer | null>(null)
  const fault = useSignal("")
  useEffect(() => {
    const stop = new AbortController()
    const query = { ...name, before: before.value, after: after.value, source: same.value ? props.source : "", text: 500 }
    ask<Answer>("GET", "logs/around", { query, signal: stop.signal }).then(
      (answer) => { found.value = answer },
      (error: unknown) => { if (!stop.signal.aborted) fault.value = textOf(error) },
    )
    return () => stop.abort()
  }, [writeName(name), before.value, after.value, same.value && props.source])
  const answer = found.value
  if (fault.value || !answer) return null
  return (
    <section aria-label="Lines before and after">
      <h3>Before and after</h3>
      <label class="check"><input type="checkbox" checked={same.value} onChange={(event) => { same.value = event.currentTarget.checked }} /> only {visible(props.source) || "this source"}</label>
      <div class="around" role="group" tabIndex={0} aria-label="Lines in order">
        {answer.more_before && <button type="button" class="plain" disabled={before.value >= MOST_LINES} onClick={() => { before.value = Math.min(MOST_LINES, before.value * 3) }}>More before</button>}
        {answer.items.map((entry) => <Neighbour key={entry.place} entry={entry} here={entry.place === name.place} go={props.go} />)}
        {answer.more_after && <button type="button" class="plain" disabled={after.value >= MOST_LINES} onClick={() => { after.value = Math.min(MOST_LINES, after.value * 3) }}>More after</button>}
      </div>
    </section>
  )
}

function Neighbour(props: { entry: LogEntry; here: boolean; go: (name: LineName) => void }) {
  const line = fromEntry(props.entry)
  const to: LineName = { node: line.nodeId, time: rfc3339(line.time), place: placeOfLine(line) }
  return (
    <button type="button" class={`near lv-${line.level}`} {...(props.here ? { "aria-current": true as const } : {})} onClick={() => props.go(to)}>
      <time>{timeOfDay(line.time)}</time> <span class="lv">{line.level}</span> <span class="from">{visible(line.unit || line.source)}</span> <span class="msg">{oneLine(line.message)}</span>
    </button>
  )
}

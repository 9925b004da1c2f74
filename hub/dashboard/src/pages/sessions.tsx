// Sessions: terminals that are open, with who is in them, and those that are over, with their recordings. The address holds the
// filters (node, by), and the form for a new one: new=1, with node.

import { useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import { ask, type List } from "../core/api.ts"
import { recordingAddress } from "../core/cast_load.ts"
import { bytes } from "../core/format.ts"
import { visible } from "../core/harmless.ts"
import { useKeys } from "../core/keys.ts"
import { openStream } from "../core/live.ts"
import { now } from "../core/now.ts"
import { addressOf } from "../core/pages.ts"
import { textOf } from "../core/problems.ts"
import { keepInAddress, place } from "../core/router.ts"
import { may, me } from "../core/session.ts"
import { lasted, mayEnd, type Session } from "../core/sessions.ts"
import { useAnswer } from "../ui/answer.ts"
import { Ago } from "../ui/badges.tsx"
import { Empty, ErrorBox, Waiting } from "../ui/notices.tsx"
import { type Column, Rows } from "../ui/rows.tsx"
import { RunBadge } from "../ui/run_parts.tsx"
import { endForAll } from "../ui/session_end.tsx"
import { SessionOpen } from "../ui/session_open.tsx"
import { useTitle } from "../ui/shell.tsx"
import { People } from "../ui/terminal_parts.tsx"
import { useTyping } from "../ui/typing.ts"
import "../styles/sessions.css"

const PAGE = 50
/** Most terminals that may be open at a time are far fewer; the rest is told. */
const OPEN = 200
/** Who is in one comes and goes without an event of its own. */
const OPEN_EVERY_MS = 3000

export function Sessions() {
  useTitle("Sessions")
  const query = place.value?.query ?? new URLSearchParams()
  const opening = may("operator") && query.get("new") === "1"
  const open = (on: boolean) => keepInAddress({ new: on ? "1" : "" })
  useKeys(may("operator") ? [{ key: "n", does: "new terminal", action: () => open(true) }] : [])
  const filter = { node: query.get("node") ?? "", by: query.get("by") ?? "" }
  return (
    <>
      <div class="page-head">
        <h1>Sessions</h1>
        {may("operator") && !opening && <button type="button" class="primary" onClick={() => open(true)}>New terminal</button>}
      </div>
      {opening && <SessionOpen node={filter.node} close={() => open(false)} />}
      <Filters filter={filter} />
      <Lists key={JSON.stringify(filter)} filter={filter} />
    </>
  )
}

type Filter = { node: string; by: string }

function Filters(props: { filter: Filter }) {
  const { soon } = useTyping()
  return (
    <form class="session-filters" role="search" aria-label="Filter sessions" onSubmit={(event) => event.preventDefault()}>
      <label><span>Node</span><input type="search" data-search="" defaultValue={props.filter.node} placeholder="name" onInput={(event) => soon({ node: event.currentTarget.value.trim() })} /></label>
      <label>
        <span>By</span>
        <input type="search" list="session-by" defaultValue={props.filter.by} placeholder="anyone" onInput={(event) => soon({ by: event.currentTarget.value.trim() })} />
        <datalist id="session-by"><option value={me.value?.user ?? ""} /></datalist>
      </label>
    </form>
  )
}

function Lists(props: { filter: Filter }) {
  const heard = useSignal(0)
  useEffect(() => {
    const again = () => { heard.value++ }
    const stream = openStream([{ kinds: ["state"] }], { events: again, back: again })
    return () => stream.close()
  }, [])
  const open = useAnswer((signal) => ask<List<Session>>("GET", "sessions", { query: { ...props.filter, state: "open", limit: OPEN }, signal }), [heard.value], OPEN_EVERY_MS)
  const over = open.value?.items.map((each) => each.id).join() ?? ""
  return (
    <>
      <section aria-labelledby="open-sessions">
        <h2 id="open-sessions">Open</h2>
        {open.fault && <ErrorBox text={open.fault} again={open.again} />}
        {!open.value ? !open.fault && <Waiting /> : open.value.items.length ? <Rows label="Open sessions" items={open.value.items} keyOf={(each) => each.id} columns={openColumns(open.again)} /> : (
          <Empty><p>No terminal is open{props.filter.node || props.filter.by ? " that fits these filters" : ""}.</p></Empty>
        )}
      </section>
      <Past filter={props.filter} turn={over} />
    </>
  )
}

/** `turn` changes when one may have ended. */
function Past(props: { filter: Filter; turn: string }) {
  const sessions = useSignal<Session[] | null>(null)
  const next = useSignal("")
  const fault = useSignal("")
  const stop = useRef(new AbortController()).current
  const load = async (cursor: string) => {
    try {
      const page = await ask<List<Session>>("GET", "sessions", { query: { ...props.filter, state: "ended", limit: PAGE, cursor }, signal: stop.signal })
      if (cursor || !sessions.value) next.value = page.next
      const known = new Map([...sessions.value ?? [], ...page.items].map((each) => [each.id, each]))
      sessions.value = [...known.values()].sort((one, other) => (other.created ?? "").localeCompare(one.created ?? ""))
      fault.value = ""
    } catch (error) {
      if (!stop.signal.aborted) fault.value = textOf(error)
    }
  }
  useEffect(() => { void load("") }, [props.turn])
  useEffect(() => () => stop.abort(), [])
  return (
    <section aria-labelledby="past-sessions">
      <h2 id="past-sessions">Past</h2>
      {fault.value && <ErrorBox text={fault.value} again={() => void load("")} />}
      {!sessions.value ? !fault.value && <Waiting /> : sessions.value.length ? <Rows label="Past sessions" items={sessions.value} keyOf={(each) => each.id} columns={PAST} /> : (
        <Empty><p>{props.filter.node || props.filter.by ? "None fits these filters." : "There was none yet."}</p></Empty>
      )}
      {next.value && <p class="more"><button type="button" onClick={() => void load(next.value)}>Older sessions</button></p>}
    </section>
  )
}

const pageOf = (session: Session, look = "") => addressOf("/sessions/{session}", { session: session.id }, { look })

const ABOUT: readonly Column<Session>[] = [
  { name: "Title", cell: (session) => <a href={pageOf(session)}>{visible(session.title)}</a> },
  { name: "On", cell: (session) => <><a href={addressOf("/nodes/{node}", { node: session.node })}>{session.node}</a>{session.user && <span class="faint"> as {visible(session.user)}</span>}</> },
  { name: "By", cell: (session) => <bdi>{session.by}</bdi> },
  { name: "Begun", cell: (session) => <Ago time={session.created} /> },
  { name: "Lasted", cell: (session) => lasted(session, now.value) },
]

const openColumns = (again: () => void): Column<Session>[] => [
  ...ABOUT,
  { name: "In it", cell: (session) => <People people={session.people} /> },
  {
    name: "Actions", actions: true, cell: (session) => may("operator") && (
      <span class="session-actions">
        <a class="button" href={pageOf(session)}>Join</a>
        <a class="button" href={pageOf(session, "1")}>Look on</a>
        {mayEnd(session, me.value) && <button type="button" aria-label={`End ${session.title} for all`} onClick={() => endForAll(session, again)}>End</button>}
      </span>
    ),
  },
]

const PAST: readonly Column<Session>[] = [
  ...ABOUT,
  { name: "Ended", cell: (session) => <><RunBadge state={session.state} />{session.exit_code > 0 && ` exit ${session.exit_code}`}{session.why && <span class="faint"> {visible(session.why)}</span>}</> },
  { name: "Recording", cell: (session) => (session.recording ? bytes(session.recording) : <span class="faint">none</span>) },
  {
    name: "Actions", actions: true, cell: (session) => may("operator") && session.recording > 0 && (
      <span class="session-actions">
        <a class="button" href={pageOf(session)}>Replay</a>
        <a class="button" href={recordingAddress(session.id)} download={`dvic-${session.id}.cast`} aria-label={`Download the recording of ${session.title}`}>Download</a>
      </span>
    ),
  },
]

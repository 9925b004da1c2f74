// Runs: who ordered what, when and why, and how it went; and the form for a new one. The address holds the filters (by, state,
// text, node), and the form: new=1, with q (selector) or again (a run to order once more).

import { useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import { ask, type List } from "../core/api.ts"
import { visible } from "../core/harmless.ts"
import { useKeys } from "../core/keys.ts"
import { openStream } from "../core/live.ts"
import { addressOf } from "../core/pages.ts"
import { textOf } from "../core/problems.ts"
import { keepInAddress, place } from "../core/router.ts"
import { commandOf, mergeRuns, type Run } from "../core/runs.ts"
import { may, me } from "../core/session.ts"
import { Ago } from "../ui/badges.tsx"
import { Empty, ErrorBox, Waiting } from "../ui/notices.tsx"
import { RunCompose } from "../ui/run_compose.tsx"
import { RunCounts } from "../ui/run_parts.tsx"
import { useTitle } from "../ui/shell.tsx"
import { useTyping } from "../ui/typing.ts"

const PAGE = 50
const AGAIN_MS = 1000

export function Runs() {
  useTitle("Runs")
  const query = place.value?.query ?? new URLSearchParams()
  const composing = may("operator") && query.get("new") === "1"
  const compose = (on: boolean) => keepInAddress({ new: on ? "1" : "", again: "", q: "" })
  useKeys(may("operator") ? [{ key: "n", does: "new run", action: () => compose(true) }] : [])
  const filter = { by: query.get("by") ?? "", state: query.get("state") ?? "", grep: query.get("text") ?? "", node: query.get("node") ?? "" }
  return (
    <>
      <div class="page-head">
        <h1>Runs</h1>
        {may("operator") && !composing && <button type="button" class="primary" onClick={() => compose(true)}>New run</button>}
      </div>
      {composing && <RunCompose key={`${query.get("again") ?? ""} ${query.get("q") ?? ""}`} selector={query.get("q") ?? ""} again={query.get("again") ?? ""} close={() => compose(false)} />}
      <Filters filter={filter} />
      <History key={JSON.stringify(filter)} filter={filter} />
    </>
  )
}

type Filter = { by: string; state: string; grep: string; node: string }

function Filters(props: { filter: Filter }) {
  const { filter } = props
  const { soon, now } = useTyping()
  return (
    <form class="run-filters" role="search" aria-label="Filter runs" onSubmit={(event) => event.preventDefault()}>
      <label><span>Text</span><input type="search" data-search="" defaultValue={filter.grep} placeholder="command, selector, reason" onInput={(event) => soon({ text: event.currentTarget.value })} /></label>
      <label><span>Node</span><input type="search" defaultValue={filter.node} placeholder="name" onInput={(event) => soon({ node: event.currentTarget.value.trim() })} /></label>
      <label>
        <span>By</span>
        <input type="search" list="run-people" defaultValue={filter.by} placeholder="anyone" onInput={(event) => soon({ by: event.currentTarget.value.trim() })} />
        <datalist id="run-people"><option value={me.value?.user ?? ""} /></datalist>
      </label>
      <label>
        <span>State</span>
        <select aria-label="State" value={filter.state} onChange={(event) => now({ state: event.currentTarget.value })}>
          <option value="">any</option>
          <option value="active">not over yet</option>
          <option value="failed">with failures</option>
        </select>
      </label>
    </form>
  )
}

function History(props: { filter: Filter }) {
  const runs = useSignal<Run[] | null>(null)
  const next = useSignal("")
  const fault = useSignal("")
  const busy = useSignal(false)
  const stop = useRef(new AbortController()).current
  const timer = useRef(0)

  const load = async (cursor: string) => {
    try {
      const page: List<Run> = await ask("GET", "runs", { query: { ...props.filter, limit: PAGE, cursor }, signal: stop.signal })
      if (cursor || !runs.value) next.value = page.next
      runs.value = mergeRuns(runs.value ?? [], page.items)
      fault.value = ""
    } catch (error) {
      if (!stop.signal.aborted) fault.value = textOf(error)
    }
  }
  useEffect(() => {
    const again = () => {
      timer.current ||= window.setTimeout(() => {
        timer.current = 0
        void load("")
      }, AGAIN_MS)
    }
    const stream = openStream([{ kinds: ["state"] }], { events: again, back: again })
    void load("")
    return () => {
      stream.close()
      stop.abort()
      clearTimeout(timer.current)
    }
  }, [])
  const older = async () => {
    if (busy.value) return
    busy.value = true
    await load(next.value)
    busy.value = false
  }

  const filtered = Object.values(props.filter).some((each) => each)
  if (!runs.value) return fault.value ? <ErrorBox text={fault.value} again={() => void load("")} /> : <Waiting />
  if (!runs.value.length) return <Empty><p>{filtered ? "No run fits these filters." : "Nothing was run yet."}</p></Empty>
  return (
    <>
      {fault.value && <ErrorBox text={fault.value} again={() => void load("")} />}
      <ul class="run-list" aria-label="Runs">
        {runs.value.map((run) => (
          <li key={run.id}>
            <a class="run-command" href={addressOf("/runs/{run}", { run: run.id })}><code>{visible(commandOf(run))}</code></a>
            <RunCounts run={run} />
            <span class="run-about">
              <bdi>{run.created_by}</bdi> <Ago time={run.created} /> on <code>{run.selector}</code>
              {run.user && <> as <code>{run.user}</code></>}
              {run.reason && <>: <q>{visible(run.reason)}</q></>}
              {run.cancelled && " (cancelled)"}
            </span>
          </li>
        ))}
      </ul>
      {next.value && <p><button type="button" aria-disabled={busy.value} onClick={older}>Older runs</button></p>}
    </>
  )
}

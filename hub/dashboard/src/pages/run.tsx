// One run: what it is, how every node stands, and what they write, side by side or one alone. The address holds which
// (node, state, from), so that it can be sent to a colleague.

import { useEffect, useMemo } from "preact/hooks"
import { ask, part } from "../core/api.ts"
import { count, millis, number, span } from "../core/format.ts"
import { now } from "../core/now.ts"
import { addressOf } from "../core/pages.ts"
import { keepInAddress, place } from "../core/router.ts"
import { MOST_PANES, RunFeed } from "../core/run_feed.ts"
import { rolloutOf } from "../core/rollouts.ts"
import { batchText, commandOf, countsOf, isState, type Run, type RunNode, STATES, totalOf } from "../core/runs.ts"
import { joinWords } from "../core/shell_words.ts"
import { may } from "../core/session.ts"
import { visible } from "../core/harmless.ts"
import { Ago } from "../ui/badges.tsx"
import { confirmFirst, say } from "../ui/dialogs.tsx"
import { ErrorBox, Waiting } from "../ui/notices.tsx"
import { RunPane } from "../ui/run_pane.tsx"
import { RunBadge, RunCounts } from "../ui/run_parts.tsx"
import { useTitle } from "../ui/shell.tsx"

/** Panes side by side. */
const PANES = 6
/** Nodes that are listed; a state narrows them down. */
const LISTED = 200

export function RunPage(props: { params: Record<string, string> }) {
  const id = props.params["run"] ?? ""
  const feed = useMemo(() => new RunFeed(id), [id])
  useEffect(() => {
    feed.start()
    return () => feed.close()
  }, [feed])
  const run = feed.run.value
  useTitle(run ? `${commandOf(run).slice(0, 60)} · Run` : "Run")
  if (!run) return feed.fault.value ? <ErrorBox text={feed.fault.value} again={() => void feed.load()} /> : <Waiting />
  return (
    <div class="run-view">
      {feed.fault.value && <ErrorBox text={feed.fault.value} again={() => void feed.load()} />}
      <Head run={run} feed={feed} />
      <Nodes run={run} feed={feed} />
    </div>
  )
}

function cancel(feed: RunFeed, run: Run, nodes: RunNode[] | null): void {
  const what = nodes ? nodes.map((node) => node.node).join(", ") : "all nodes that have not ended"
  confirmFirst("Cancel the run?", <p>The command ends on <strong>{what}</strong>: what was not sent is not started, what runs gets SIGTERM and then SIGKILL.</p>,
    "Yes, end it", async () => {
      await ask("POST", `runs/${part(run.id)}/cancel`, { body: nodes ? { nodes: nodes.map((node) => node.node_id) } : {} })
      say("The end was asked for")
      void feed.load()
    }, true)
}

function Head(props: { run: Run; feed: RunFeed }) {
  const { run } = props
  const created = millis(run.created)
  return (
    <header class="run-head">
      <h1><code>{visible(commandOf(run))}</code></h1>
      <p class="line">
        <bdi>{run.created_by}</bdi> ordered it <Ago time={run.created} /> on <code>{run.selector}</code> ({count(totalOf(run), "node")})
        {run.ended ? `, over after ${span(Math.max(0, millis(run.ended) - created))}` : run.cancelled ? ", being cancelled" : `, for ${span(Math.max(0, now.value - created))} now`}
        {run.reason && <>: <q>{visible(run.reason)}</q></>}
      </p>
      <p class="run-tools">
        <RunCounts run={run} />
        <span class="spring" />
        {may("operator") && !run.ended && <button type="button" class="danger" onClick={() => cancel(props.feed, run, null)}>Cancel</button>}
        {may("operator") && run.kind === "run" && <a class="button" href={addressOf("/runs", {}, { new: "1", again: run.id })}>Run again</a>}
        {rolloutOf(run.reason) && run.kind === "update" && <a class="button" href={addressOf("/updates/{rollout}", { rollout: rolloutOf(run.reason) })}>The rollout</a>}
      </p>
      <details>
        <summary>What exactly</summary>
        <dl class="run-facts">
          {facts(run).map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value.includes("\n") ? <pre tabIndex={0}>{visible(value)}</pre> : <code>{visible(value)}</code>}</dd></div>)}
        </dl>
      </details>
    </header>
  )
}

function facts(run: Run): [string, string][] {
  const all: [string, string][] = [
    ["id", run.id], ["words", run.argv.length ? joinWords(run.argv) : ""], ["script", run.script], ["user", run.user || "as each machine's policy says"],
    ["timeout", span(run.timeout * 1000)], ["batch", run.batch ? batchText(run.batch) : "all at once"],
    ["failures", run.max_failures < 0 ? "not counted" : `no further node after more than ${run.max_failures}`],
    ["folder", run.more?.cwd ?? ""], ["input", run.more?.stdin ?? ""],
    ["environment", Object.entries(run.more?.env ?? {}).map(([name, value]) => `${name}=${value}`).join("\n")],
    ["memory", run.more?.memory ? `${run.more.memory} bytes` : ""], ["cpu", run.more?.cpu ? `${run.more.cpu} % of a core` : ""],
  ]
  return all.filter(([, value]) => value)
}

function Nodes(props: { run: Run; feed: RunFeed }) {
  const { run, feed } = props
  const query = place.value?.query ?? new URLSearchParams()
  const state = query.get("state") ?? ""
  const alone = query.get("node") ?? ""
  const all = run.nodes ?? []
  const narrowed = isState(state) ? all.filter((node) => node.state === state) : all
  const one = alone ? all.find((node) => node.node === alone || node.node_id === alone) : undefined
  const from = Math.max(0, Math.min(Number(query.get("from")) || 0, narrowed.length - 1))
  const shown = one ? [one] : narrowed.slice(from, from + Math.min(PANES, MOST_PANES))
  const ids = shown.map((node) => node.node_id)
  const panes = feed.show(ids)
  const show = (node: RunNode | undefined) => keepInAddress({ node: node?.node ?? "" })
  return (
    <>
      <div class="run-bar">
        <div role="group" aria-label="Only nodes that are" class="run-chips">
          {all.length > 1 && <button type="button" aria-pressed={!isState(state)} onClick={() => keepInAddress({ state: "", from: "", node: "" })}>all {number(all.length)}</button>}
          {all.length > 1 && countsOf(run).map(([each, many]) => (
            <button key={each} type="button" aria-pressed={state === each} onClick={() => keepInAddress({ state: each, from: "", node: "" })}>{each} {number(many)}</button>
          ))}
        </div>
        <span class="spring" />
        {!one && narrowed.length > shown.length && (
          <span class="run-pages">
            <button type="button" aria-label="Earlier nodes" disabled={from === 0} onClick={() => keepInAddress({ from: from - PANES > 0 ? String(from - PANES) : "" })}>‹</button>
            {` ${number(from + 1)} to ${number(from + shown.length)} of ${number(narrowed.length)} `}
            <button type="button" aria-label="Later nodes" disabled={from + PANES >= narrowed.length} onClick={() => keepInAddress({ from: String(from + PANES) })}>›</button>
          </span>
        )}
      </div>
      <div class={all.length > 1 ? "run-body listed" : "run-body"}>
        {all.length > 1 && (
          <ul class="run-nodes" aria-label="Nodes">
            {narrowed.slice(0, LISTED).map((node) => (
              <li key={node.node_id}>
                <button type="button" class="plain" aria-pressed={node === one} onClick={() => show(node === one ? undefined : node)}>
                  <bdi class="name">{node.node}</bdi> <RunBadge state={node.state} />{node.exit_code > 0 && <span class="faint"> exit {node.exit_code}</span>}
                </button>
              </li>
            ))}
            {narrowed.length > LISTED && <li class="faint">and {number(narrowed.length - LISTED)} more: choose a state</li>}
          </ul>
        )}
        <div class={one ?? (shown.length === 1) ? "run-panes alone" : "run-panes"}>
          {shown.map((node, at) => {
            const pane = panes[at]
            return pane && (
              <RunPane
                key={node.node_id} run={run.id} node={node} pane={pane} alone={!!one || shown.length === 1} only={() => show(one ? undefined : node)}
                {...(may("operator") && !run.ended && !STATES[node.state].over ? { cancel: () => cancel(feed, run, [node]) } : {})}
              />
            )
          })}
          {!shown.length && <p class="empty">{state ? "No node is in this state." : "This run has no nodes any more: they were removed."}</p>}
        </div>
      </div>
    </>
  )
}

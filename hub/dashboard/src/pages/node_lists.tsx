// What a node has many of: the processes behind its log files, the files themselves, its runs, and its updates.

import { useSignal } from "@preact/signals"
import { useEffect } from "preact/hooks"
import { ask, askAll, type List, part } from "../core/api.ts"
import { count } from "../core/format.ts"
import { visible } from "../core/harmless.ts"
import { shown } from "../core/metric_families.ts"
import { addressOf } from "../core/pages.ts"
import { usePolled, useTurns } from "../core/polled.ts"
import { textOf } from "../core/problems.ts"
import { rolloutOf } from "../core/rollouts.ts"
import { nameTerm } from "../core/selector.ts"
import { badEnds, commandOf, type RunShort } from "../core/trouble.ts"
import type { Node } from "../core/types.ts"
import { useAnswer } from "../ui/answer.ts"
import { Ago } from "../ui/badges.tsx"
import { ErrorBox } from "../ui/notices.tsx"

type Demo = { name: string; state: string; file?: string; pid?: number; executable?: string; user?: string; owner?: string; since?: string; cpu?: number; memory?: number }

const AT_FIRST = 30
const RUNS = 10
const RUNS_EVERY_MS = 15_000
const UPDATES_TURN_MS = 1000

const DEMO_SIGNS: Record<string, string> = { alive: "●", ended: "○", unverified: "?" }

/** `turn` grows when something was heard of them. */
export function Demos(props: { node: Node; turn: number }) {
  const demos = useSignal<Demo[] | null>(null)
  const fault = useSignal("")
  const all = useSignal(false)
  useEffect(() => {
    const stop = new AbortController()
    ask<List<Demo>>("GET", `nodes/${part(props.node.id)}/demos`, { query: { limit: 1000 }, signal: stop.signal }).then(
      (list) => { demos.value = list.items; fault.value = "" },
      (error: unknown) => { if (!stop.signal.aborted) fault.value = textOf(error) },
    )
    return () => stop.abort()
  }, [props.node.id, props.turn])
  if (fault.value) return <ErrorBox text={fault.value} />
  if (!demos.value?.length) return null
  const some = all.value ? demos.value : demos.value.slice(0, AT_FIRST)
  const base = (file: string) => file.slice(file.lastIndexOf("/") + 1)
  return (
    <section aria-labelledby="demos">
      <h2 id="demos">Programs with a log</h2>
      <div class="wide-box" role="group" aria-labelledby="demos" tabIndex={0}>
        <table class="plain-table">
          <thead><tr><th scope="col">Name</th><th scope="col">State</th><th scope="col" class="number">CPU</th><th scope="col" class="number">Memory</th><th scope="col" class="number">PID</th><th scope="col">User</th><th scope="col">Since</th><th scope="col">Log</th></tr></thead>
          <tbody>
            {some.map((demo) => (
              <tr key={`${demo.file ?? ""}/${demo.name}`}>
                <td title={demo.executable}>{demo.name || "-"}</td>
                <td><span class={`badge demo-${demo.state}`}><span aria-hidden="true">{DEMO_SIGNS[demo.state] ?? "·"}</span> {demo.state}</span></td>
                <td class="number">{shown(demo.cpu, "percent")}</td>
                <td class="number">{shown(demo.memory, "bytes")}</td>
                <td class="number">{demo.pid ?? "-"}</td>
                <td>{demo.user ?? demo.owner ?? "-"}</td>
                <td>{demo.since ? <Ago time={demo.since} /> : "-"}</td>
                <td>{demo.file && <a href={addressOf("/logs", {}, { q: nameTerm(props.node.name), source: base(demo.file) })} title={demo.file}>{base(demo.file)}</a>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {some.length < demos.value.length && <p class="more"><button type="button" onClick={() => { all.value = true }}>Show all {demos.value.length}</button></p>}
    </section>
  )
}

type Claims = Record<string, string | number | boolean | null>
type Open = { stream: string; path?: string; owner?: string; claims?: Claims }

/** The log files that it reads now: whose they are by the machine's word, and what their first lines claim. */
export function LogFiles(props: { node: Node; turn: number }) {
  const list = useAnswer((signal) => askAll<Open>(`nodes/${part(props.node.id)}/streams`, {}, signal), [props.node.id, props.turn])
  const files = list.value?.filter((each) => each.path) ?? []
  if (list.fault) return <ErrorBox text={list.fault} again={list.again} />
  if (!files.length) return null
  return (
    <details class="log-files">
      <summary>{count(files.length, "log file")}, and whose they are</summary>
      <div class="wide-box" role="group" aria-label="Log files" tabIndex={0}>
        <table class="plain-table">
          <thead><tr><th scope="col">File</th><th scope="col">Owner</th><th scope="col">Claims to be</th></tr></thead>
          <tbody>{files.map((file) => <tr key={file.stream}><td><code>{visible(file.path ?? "")}</code></td><td>{visible(file.owner ?? "") || "-"}</td><td>{visible(claimOf(file.claims ?? {})) || "-"}</td></tr>)}</tbody>
        </table>
      </div>
    </details>
  )
}

/** What a log file's first line says of the program that writes it. */
function claimOf(claims: Claims): string {
  const said = new Set(["name", "executable"].map((key) => claims[key]).filter(Boolean).map(String))
  return [...said, ...(claims["pid"] ? [`pid ${claims["pid"]}`] : [])].join(" ")
}

/** The node's last runs, as often asked for as a person would look. */
export function NodeRuns(props: { node: Node }) {
  const runs = usePolled<List<RunShort>>("runs", { node: props.node.id, limit: RUNS }, RUNS_EVERY_MS)
  if (!runs.value?.items.length) return null
  return (
    <section aria-labelledby="runs">
      <h2 id="runs">Runs</h2>
      <ul class="node-runs">
        {runs.value.items.map((run) => {
          const { bad, of } = badEnds(run)
          return (
            <li key={run.id}>
              <a href={addressOf("/runs/{run}", { run: run.id })}><code>{commandOf(run) || run.id}</code></a>
              <span class="faint">{run.created_by}, <Ago time={run.created} /></span>
              <span class={bad ? "state-silent" : run.ended ? "state-online" : ""}>
                {bad ? `failed on ${bad} of ${count(of, "node")}` : run.ended ? "well" : "under way"}
              </span>
            </li>
          )
        })}
      </ul>
    </section>
  )
}

/** The updates of its agent that were ordered here: to which version, how it went, and what was said there. */
export function NodeUpdates(props: { node: Node }) {
  const turn = useTurns(["rollout"], UPDATES_TURN_MS).value
  const runs = usePolled<List<RunShort>>("runs", { kind: "update", node: props.node.id, limit: RUNS }, RUNS_EVERY_MS, turn)
  if (!runs.value?.items.length) return null
  return (
    <section aria-labelledby="updates">
      <h2 id="updates">Updates</h2>
      <ul class="node-runs">
        {runs.value.items.map((run) => {
          const rollout = rolloutOf(run.reason ?? "")
          const { bad } = badEnds(run)
          const well = (run.counts["finished"] ?? 0) > 0
          const words = run.argv.slice(1).join(" ")
          return (
            <li key={run.id}>
              {rollout ? <a href={addressOf("/updates/{rollout}", { rollout })}>{words}</a> : <span>{words}</span>}
              <span class="faint">{run.created_by}, <Ago time={run.created} />, <a href={addressOf("/runs/{run}", { run: run.id })}>what it said</a></span>
              <span class={bad ? "state-silent" : well ? "state-online" : ""}>{bad ? "failed" : well ? "well" : run.ended ? "not begun" : "under way"}</span>
            </li>
          )
        })}
      </ul>
    </section>
  )
}

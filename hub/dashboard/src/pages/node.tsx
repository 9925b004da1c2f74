// One node: what it is, how it does, what runs on it, and what can be done with it.

import { useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import { ask, part } from "../core/api.ts"
import { hubTime } from "../core/clock.ts"
import { BEHIND, chainOf, countBehind } from "../core/dependencies.ts"
import { loaded, nodeNamed, nodes } from "../core/fleet.ts"
import { clock, count, millis, span } from "../core/format.ts"
import { openStream } from "../core/live.ts"
import { now } from "../core/now.ts"
import { addressOf } from "../core/pages.ts"
import { isSilenced } from "../core/silences.ts"
import type { Node } from "../core/types.ts"
import { Ago, StateBadge, Tags } from "../ui/badges.tsx"
import { Empty, Waiting } from "../ui/notices.tsx"
import { useTitle } from "../ui/shell.tsx"
import { NodeActions, SilencedNotice } from "./node_actions.tsx"
import { NodeCharts, type Sample } from "./node_charts.tsx"
import { Containers } from "./node_containers.tsx"
import { NodeFiles } from "./node_files.tsx"
import { Demos, LogFiles, NodeRuns, NodeUpdates } from "./node_lists.tsx"
import { NodeLog } from "./node_log.tsx"
import { NodeSessions } from "./node_sessions.tsx"
import "./node.css"

const HOUR_MS = 3600_000
const CONTAINERS_TURN_MS = 500

type Latest = { time: string | null; values: Record<string, number> }

const FACTS: readonly (readonly [string, string])[] = [
  ["os", "Operating system"], ["kernel", "Kernel"], ["arch", "Architecture"], ["model", "Model"], ["hostname", "Host name"], ["machine_id", "Machine id"], ["boot_id", "Boot id"],
]

/** What comes live of one node: its samples, and that something was heard of its programs and containers. */
function useLive(id: string) {
  const names = useSignal<readonly string[] | null>(null)
  const sample = useSignal<Sample | null>(null)
  const demos = useSignal(0)
  const containers = useSignal(0)
  const turn = useSignal(0)
  useEffect(() => {
    if (!id) return
    const stop = new AbortController()
    const know = (more: Iterable<string>) => {
      const before = names.peek() ?? []
      const found = new Set([...before, ...more])
      if (found.size > before.length || names.peek() === null) names.value = [...found]
    }
    const look = () => ask<Latest>("GET", `nodes/${part(id)}/metrics/latest`, { signal: stop.signal }).then(
      (latest) => know(Object.keys(latest.values)), () => { if (!stop.signal.aborted) know([]) })
    // where many start and end at once, the list is asked for now and then only
    let waiting: ReturnType<typeof setTimeout> | undefined
    const stirred = () => {
      waiting ??= setTimeout(() => {
        waiting = undefined
        containers.value++
      }, CONTAINERS_TURN_MS)
    }
    const stream = openStream([{ kinds: ["sample"], selector: `id:${id}` }], {
      events(list) {
        for (const event of list) {
          if (event.stream === "demos") demos.value++
          if (event.stream === "containers") stirred()
          if (typeof event.time !== "number" || typeof event.values !== "object" || !event.values) continue
          const values = new Map(Object.entries(event.values as Record<string, number>))
          know(values.keys())
          sample.value = { time: event.time / 1e6, values }
        }
      },
      back() {
        turn.value++
        demos.value++
        stirred()
        void look()
      },
    })
    void look()
    return () => {
      stop.abort()
      clearTimeout(waiting)
      stream.close()
    }
  }, [id])
  return { names, sample, demos, containers, turn }
}

/** Of a machine that has just joined the hour before is empty. */
const usualOf = (node: Node) => (hubTime() - millis(node.enrolled) < HOUR_MS ? "15m" : "1h")

export function NodePage(props: { params: Record<string, string> }) {
  const wanted = props.params["node"] ?? ""
  const id = useRef("")
  const node = nodeNamed(wanted) ?? nodeNamed(id.current)
  id.current = node?.id ?? id.current
  const live = useLive(node?.id ?? "")
  useTitle(node?.name ?? wanted)
  if (!loaded.value) return <Waiting />
  if (!node) return <Empty><h1>There is no node {wanted}</h1><p><a href={addressOf("/fleet")}>The fleet</a></p></Empty>
  return (
    <div class="node">
      <div class="node-head">
        <h1>{node.name}</h1>
        <StateBadge state={node.state} quiet={isSilenced(node, now.value)} />
        <span class="node-tags"><Tags tags={node.tags} /></span>
        <NodeActions node={node} />
      </div>
      {node.conflict && <div class="notice bad" role="alert"><span>{node.conflict}</span></div>}
      <SilencedNotice node={node} />
      <Facts node={node} />
      <section aria-labelledby="measurements">
        <h2 id="measurements">Measurements</h2>
        {live.names.value === null ? <Waiting /> : <NodeCharts node={node.id} usual={usualOf(node)} names={live.names.value} live={live.sample} turn={live.turn.value} />}
      </section>
      <Demos node={node} turn={live.demos.value} />
      <Containers node={node} turn={live.containers.value} />
      <LogFiles node={node} turn={live.demos.value} />
      <NodeLog node={node} />
      <NodeFiles node={node} />
      <NodeRuns node={node} />
      <NodeUpdates node={node} />
      <NodeSessions node={node} />
    </div>
  )
}

/** What it is reached through; while one of these is not heard, it raises nothing of its own for being silent. */
function Behind(props: { chain: ReturnType<typeof chainOf> }) {
  return (
    <>
      {props.chain.map(({ name, node }, at) => (
        <span key={name}>
          {at > 0 && ", which is behind "}
          {node ? <><a href={addressOf("/nodes/{node}", { node: name })}>{name}</a>{node.state !== "online" && <> <StateBadge state={node.state} /></>}</> : `${name} (there is no such node)`}
        </span>
      ))}
    </>
  )
}

function Facts(props: { node: Node }) {
  const { node } = props
  const known = new Set(FACTS.map(([key]) => key))
  const others = Object.keys(node.facts).filter((key) => !known.has(key)).sort()
  const enrolled = millis(node.enrolled)
  const chain = chainOf(node, nodeNamed)
  const behind = countBehind(node, nodes.value)
  const revoked = millis(node.revoked)
  const lines: (readonly [string, preact.ComponentChildren])[] = [
    ["Last heard of", <Ago key="seen" time={node.last_seen} />],
    ["Connection", node.connected ? "connected" : node.period ? `not connected; speaks every ${span(node.period * 1000)}` : "not connected"],
    ["Address", node.address], ["Agent", node.agent_version], ["Says", node.status],
    ...FACTS.map(([key, name]) => [name, key.endsWith("_id") && node.facts[key] ? <code key={key}>{node.facts[key]}</code> : node.facts[key]] as const),
    ...others.map((key) => [key, node.facts[key]] as const),
    ["Behind", chain.length ? <Behind key="behind" chain={chain} /> : ""],
    ["Behind it", behind ? <a key="behind-it" href={addressOf("/fleet", {}, { q: `tag:${BEHIND}=${node.name}` })}>{count(behind, "node")}</a> : ""],
    ["Enrolled", enrolled ? clock(enrolled) : ""], ["Revoked", revoked ? clock(revoked) : ""], ["Id", <code key="id">{node.id}</code>],
  ]
  return (
    <details class="card node-facts" open={!matchMedia("(max-width: 760px)").matches}>
      <summary>Facts</summary>
      <dl>
        {lines.filter(([, text]) => text !== undefined && text !== "").map(([name, text]) => <div key={name}><dt>{name}</dt><dd>{text}</dd></div>)}
      </dl>
    </details>
  )
}

// The columns of the fleet's table: how each thing of a node is shown.

import type { JSX } from "preact"
import type { ColumnId } from "../core/fleet_order.ts"
import { seenOf } from "../core/fleet_order.ts"
import { type Figure, figureOf } from "../core/glance_history.ts"
import { glances } from "../core/glances.ts"
import { shown, type Unit } from "../core/metric_families.ts"
import { now } from "../core/now.ts"
import { addressOf } from "../core/pages.ts"
import { isSilenced } from "../core/silences.ts"
import type { Node } from "../core/types.ts"
import { Ago, StateBadge, Tags } from "../ui/badges.tsx"
import { Silenced } from "../ui/silences.tsx"
import { heat, Spark } from "../ui/spark.tsx"
import type { Column } from "../ui/table.tsx"

type Kind = Omit<Column<Node>, "id">

/** A percentage with its last hour. */
export function Drawn(props: { node: Node; figure: Figure }) {
  const all = glances.value
  const value = figureOf(all, props.node.id, props.figure)
  const glance = all.of.get(props.node.id)
  if (value === null || !glance) return <span class="faint">-</span>
  return (
    <span class={`drawn heat-${heat(value)} ${props.node.state === "online" ? "" : "stale"}`}>
      <Spark history={glance.history} figure={all.drawn.indexOf(props.figure)} points={all.points} later={all.minute - glance.minute} />
      <span class="value">{shown(value, "percent")}</span>
    </span>
  )
}

export function NameLink(props: { node: Node }) {
  return <a href={addressOf("/nodes/{node}", { node: props.node.name })} title={props.node.name}>{props.node.name}</a>
}

export function Seen(props: { node: Node }) {
  const seen = seenOf(props.node, glances.value)
  return <Ago time={seen ? new Date(seen).toISOString() : null} />
}

const text = (value: string | undefined): JSX.Element => (value ? <span title={value}>{value}</span> : <span class="faint">-</span>)

function plain(figure: Figure, unit: Unit): Kind["cell"] {
  return (node) => {
    const value = figureOf(glances.value, node.id, figure)
    return value === null ? <span class="faint">-</span> : <span class={node.state === "online" ? "" : "stale"}>{shown(value, unit)}</span>
  }
}

const KINDS: Record<ColumnId, Kind> = {
  name: { title: "Name", width: 12, sortable: true, cell: (node) => <NameLink node={node} /> },
  state: { title: "State", width: 6.5, sortable: true, cell: (node) => <><StateBadge state={node.state} quiet={isSilenced(node, now.value)} /> <Silenced node={node} brief />{node.conflict && <span class="conflict" title={node.conflict}> ⚠ conflict</span>}</> },
  tags: { title: "Tags", width: 13, sortable: true, cell: (node) => <span title={tagText(node)}><Tags tags={node.tags} /></span> },
  os: { title: "OS", width: 7.5, sortable: true, cell: (node) => text(node.os) },
  version: { title: "Agent", width: 5.8, sortable: true, cell: (node) => text(node.agent_version) },
  cpu: { title: "CPU", width: 8, number: true, sortable: true, cell: (node) => <Drawn node={node} figure="cpu" /> },
  memory: { title: "Memory", width: 8, number: true, sortable: true, cell: (node) => <Drawn node={node} figure="memory" /> },
  disk: { title: "Disk", width: 8, number: true, sortable: true, cell: (node) => <Drawn node={node} figure="disk" /> },
  load: { title: "Load", width: 4.5, number: true, sortable: true, cell: plain("load", "number") },
  temperature: { title: "Hottest", width: 5, number: true, sortable: true, cell: plain("temperature", "celsius") },
  uptime: { title: "Uptime", width: 6, number: true, sortable: true, cell: plain("uptime", "seconds") },
  seen: { title: "Last seen", width: 8.8, sortable: true, cell: (node) => <Seen node={node} /> },
  silenced: { title: "Silenced", width: 12, sortable: true, cell: (node) => (isSilenced(node, now.value) ? <Silenced node={node} /> : <span class="faint">-</span>) },
  address: { title: "Address", width: 8, sortable: true, cell: (node) => text(node.address) },
  model: { title: "Model", width: 10, sortable: true, cell: (node) => text(node.facts["model"]) },
  kernel: { title: "Kernel", width: 9, sortable: true, cell: (node) => text(node.facts["kernel"]) },
}

function tagText(node: Node): string {
  return Object.entries(node.tags).map(([key, value]) => (value ? `${key}=${value}` : key)).join("  ")
}

export const titleOf = (id: ColumnId) => KINDS[id].title

export function columnsOf(ids: readonly ColumnId[]): Column<Node>[] {
  return ids.map((id) => ({ id, ...KINDS[id] }))
}

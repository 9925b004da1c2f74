// In which order the fleet is shown, and which of its columns. Pure.

import { millis } from "./format.ts"
import { type Figure, figureOf, type Glances } from "./glance_history.ts"
import { STATES } from "./selector.ts"
import type { Node } from "./types.ts"

/** Columns by the name that stands in the address and in the browser's memory. */
export const COLUMNS = [
  "name", "state", "tags", "os", "version", "cpu", "memory", "disk", "load", "temperature", "uptime", "seen", "silenced", "address", "model", "kernel",
] as const
export type ColumnId = (typeof COLUMNS)[number]

export const USUAL: readonly ColumnId[] = ["name", "state", "tags", "os", "version", "cpu", "memory", "disk", "seen"]

const FIGURES: Partial<Record<string, Figure>> = { cpu: "cpu", memory: "memory", disk: "disk", load: "load", temperature: "temperature", uptime: "uptime" }

/** Whether a column's values change all the time. */
export const isLive = (id: string) => id in FIGURES || id === "seen"

/** When a node was last heard of (ms), whichever of both knows later. */
export function seenOf(node: Node, all: Glances): number {
  return Math.max(millis(node.last_seen), all.of.get(node.id)?.lastSeen ?? 0)
}

/** Nodes (given by name) in another order; those without a value come last either way. */
export function ordered(nodes: readonly Node[], by: string, down: boolean, all: Glances): readonly Node[] {
  if (by === "name" || !COLUMNS.some((id) => id === by)) return down ? nodes.toReversed() : nodes
  const keyed = nodes.map((node) => ({ node, key: keyOf(node, by, all) }))
  const sign = down ? -1 : 1
  keyed.sort((one, other) => {
    if (one.key === other.key) return 0
    if (one.key === null) return 1
    if (other.key === null) return -1
    return one.key < other.key ? -sign : sign
  })
  return keyed.map((each) => each.node)
}

function keyOf(node: Node, by: string, all: Glances): number | string | null {
  const figure = FIGURES[by]
  if (figure) return figureOf(all, node.id, figure)
  switch (by) {
    case "state": return STATES.indexOf(node.state)
    case "seen": return seenOf(node, all) || null
    case "tags": return Object.entries(node.tags).map(([key, value]) => `${key}=${value}`).join(" ") || null
    case "os": return node.os || null
    case "version": return versionKey(node.agent_version)
    case "silenced": return millis(node.silenced?.until) || null
    case "address": return node.address || null
    default: return node.facts[by] || null
  }
}

/** 1.10 comes behind 1.9. */
function versionKey(version: string): string | null {
  return version ? version.replace(/\d+/g, (digits) => digits.padStart(6, "0")) : null
}

/** `cpu-` in the address is cpu, highest first. */
export function readSort(text: string): { by: string; down: boolean } {
  const down = text.endsWith("-")
  const by = down ? text.slice(0, -1) : text
  return COLUMNS.some((id) => id === by) ? { by, down } : { by: "name", down: false }
}

export function writeSort(sort: { by: string; down: boolean }): string {
  return sort.by === "name" && !sort.down ? "" : sort.by + (sort.down ? "-" : "")
}

/** The columns out of what a browser remembers; the name is always there. */
export function readColumns(text: string | null): ColumnId[] {
  const wanted = new Set((text ?? "").split(","))
  return text ? COLUMNS.filter((id) => id === "name" || wanted.has(id)) : [...USUAL]
}

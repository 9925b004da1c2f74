// Every node, kept up to date while anything looks at it: loaded once, then changed by what the hub tells.

import { computed, signal } from "@preact/signals"
import { ask, askAll, part } from "./api.ts"
import { type LiveEvent, openStream, type Stream } from "./live.ts"
import { Problem } from "./problems.ts"
import type { Node } from "./types.ts"

const GATHER_MS = 400
const MANY = 50

const known = signal<ReadonlyMap<string, Node>>(new Map())

/** All nodes by name; empty until `loaded`. */
export const nodes = computed(() => [...known.value.values()].sort((one, other) => byName(one.name, other.name)))
export const loaded = signal(false)

/** Numbers in names count as numbers: web-2 comes before web-10. */
const collator = new Intl.Collator("en", { numeric: true })
export const byName = (one: string, other: string) => collator.compare(one, other)

let stream: Stream | null = null
let changed = new Set<string>()
let timer = 0

/** Begin; called once somebody has signed in. */
export function watchFleet(): void {
  stream ??= openStream([{ kinds: ["node"] }], { events: hear, back: () => void loadAll() })
  void loadAll()
}

/** Forget all: somebody signed out. */
export function leaveFleet(): void {
  stream?.close()
  stream = null
  known.value = new Map()
  loaded.value = false
}

export function nodeNamed(name: string): Node | undefined {
  for (const node of known.value.values()) if (node.name === name || node.id === name) return node
  return undefined
}

/** Ask for one node anew, after something was done to it. */
export async function reload(id: string): Promise<void> {
  try {
    put([await ask<Node>("GET", `nodes/${part(id)}`)])
  } catch (error) {
    if (!(error instanceof Problem && error.status === 404)) return
    const left = new Map(known.value)
    left.delete(id)
    known.value = left
  }
}

export async function loadAll(): Promise<void> {
  try {
    const all = await askAll<Node>("nodes")
    known.value = new Map(all.map((node) => [node.id, node]))
    loaded.value = true
  } catch {
    // out of reach or signed out: both are told elsewhere, and the stream's return asks again
  }
}

function put(some: Node[]): void {
  const next = new Map(known.value)
  for (const node of some) next.set(node.id, node)
  known.value = next
}

function hear(events: LiveEvent[]): void {
  for (const event of events) if (typeof event.node_id === "string") changed.add(event.node_id)
  if (!timer && changed.size) timer = window.setTimeout(gather, GATHER_MS)
}

function gather(): void {
  const ids = [...changed]
  changed = new Set()
  timer = 0
  if (ids.length > MANY) void loadAll()
  else for (const id of ids) void reload(id)
}

// Every node, kept up to date while anything looks at it: loaded once, then changed by what the hub tells.

import { computed, signal } from "@preact/signals"
import { ask, askAll, part } from "./api.ts"
import { type LiveEvent, openStream, type Stream } from "./live.ts"
import { Problem } from "./problems.ts"
import { STATES } from "./selector.ts"
import type { Node, NodeState } from "./types.ts"

const GATHER_MS = 400
const MANY = 50
const ALL_AGAIN_MS = 5000

const known = signal<ReadonlyMap<string, Node>>(new Map())

/** All nodes by name; empty until `loaded`. */
export const nodes = computed(() => [...known.value.values()].sort((one, other) => byName(one.name, other.name)))
export const loaded = signal(false)

/** Numbers in names count as numbers: web-2 comes before web-10. */
const collator = new Intl.Collator("en", { numeric: true })
export const byName = (one: string, other: string) => collator.compare(one, other)

let stream: Stream | null = null
let changed = new Map<string, string>()
let timer = 0
let loading = false
let allAgain = 0

/** Begin; called once somebody has signed in. */
export function watchFleet(): void {
  stream ??= openStream([{ kinds: ["node"] }], { events: hear, back: () => void loadAll() })
  void loadAll()
}

/** Forget all: somebody signed out. */
export function leaveFleet(): void {
  stream?.close()
  stream = null
  clearTimeout(allAgain)
  allAgain = 0
  known.value = new Map()
  loaded.value = false
}

const byNames = computed(() => new Map([...known.value.values()].map((node) => [node.name.toLowerCase(), node])))

/** The node of a name or an id. */
export function nodeNamed(name: string): Node | undefined {
  return known.value.get(name) ?? byNames.value.get(name.toLowerCase())
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

/** Ask for all; where this is wanted again meanwhile, once more afterwards, and never without a pause. */
export async function loadAll(): Promise<void> {
  if (loading) {
    allAgain ||= window.setTimeout(() => { allAgain = 0; void loadAll() }, ALL_AGAIN_MS)
    return
  }
  loading = true
  try {
    const all = await askAll<Node>("nodes")
    known.value = new Map(all.map((node) => [node.id, node]))
    loaded.value = true
  } catch {
    // out of reach or signed out: both are told elsewhere, and the stream's return asks again
  } finally {
    loading = false
  }
}

function put(some: Node[]): void {
  const next = new Map(known.value)
  for (const node of some) next.set(node.id, node)
  known.value = next
}

function hear(events: LiveEvent[]): void {
  for (const event of events) {
    if (typeof event.node_id === "string") changed.set(event.node_id, typeof event.state === "string" ? event.state : "")
  }
  if (!timer && changed.size) timer = window.setTimeout(gather, GATHER_MS)
}

/** States are shown as they were told, at once; what else may have changed of a node is asked for. */
function gather(): void {
  const told = changed
  changed = new Map()
  timer = 0
  const moved = [...told].flatMap(([id, state]) => {
    const node = known.value.get(id)
    return node && isState(state) && node.state !== state ? [{ ...node, state }] : []
  })
  if (moved.length) put(moved)
  if (told.size > MANY) allAgain ||= window.setTimeout(() => { allAgain = 0; void loadAll() }, ALL_AGAIN_MS)
  else for (const id of told.keys()) void reload(id)
}

function isState(state: string): state is NodeState {
  return STATES.some((each) => each === state)
}

// One run, followed: the states of its nodes as they change, and what those write that are looked at.
//
// Only the output of nodes that are shown is asked for and listened to, so that a run on thousands costs no more than one on ten.
// Output is kept apart by the id that the hub gives it, which is the node's that sent it: none writes into another's.

import { signal, type Signal } from "@preact/signals"
import { ask, type List, part } from "./api.ts"
import { type Filter, type LiveEvent, openStream, type Stream } from "./live.ts"
import { textOf } from "./problems.ts"
import { Output, type Piece, placeOfPiece, readPiece } from "./run_output.ts"
import { countNodes, isState, type Run, type RunNode } from "./runs.ts"

/** Nodes whose output is followed at a time (a subscription has 16 filters, one is for states). */
export const MOST_PANES = 12
/** Characters that are fetched for one pane; a run can have written a gigabyte. */
const MOST_FETCHED = 4_000_000
const FLUSH_MS = 60
/** After a state changed the run is asked for again: what the event does not tell (times) is in it. */
const AGAIN_MS = 400
const AGAIN_LARGE_MS = 3000
const LARGE = 200

export type Pane = {
  node: string
  output: Output
  version: Signal<number>
  fault: Signal<string>
  /** There is nothing to wait for before it is shown. */
  loaded: Signal<boolean>
  fetching: boolean
  again: boolean
  fetched: number
  waiting: Piece[]
}

export class RunFeed {
  readonly id: string
  readonly run = signal<Run | null>(null)
  readonly fault = signal("")
  #panes = new Map<string, Pane>()
  #shown: string[] = []
  #stream: Stream | null = null
  #stop = new AbortController()
  #timer = 0
  #flush = 0

  constructor(id: string) {
    this.id = id
  }

  start(): this {
    this.#stream = openStream(this.#filters(), { events: (list) => this.#hear(list), stands: () => this.#stands() })
    void this.load()
    return this
  }

  close(): void {
    this.#stop.abort()
    this.#stream?.close()
    clearTimeout(this.#timer)
    clearTimeout(this.#flush)
  }

  async load(): Promise<void> {
    try {
      this.run.value = await ask<Run>("GET", `runs/${part(this.id)}`, { signal: this.#stop.signal })
      this.fault.value = ""
    } catch (error) {
      if (!this.#stop.signal.aborted) this.fault.value = textOf(error)
    }
  }

  /** Follow the output of these nodes (ids), and forget that of others. */
  show(nodes: string[]): Pane[] {
    const wanted = nodes.slice(0, MOST_PANES)
    if (wanted.join() !== this.#shown.join()) {
      this.#shown = wanted
      for (const node of [...this.#panes.keys()]) if (!wanted.includes(node)) this.#panes.delete(node)
      for (const node of wanted) if (!this.#panes.has(node)) this.#panes.set(node, newPane(node))
      this.#stream?.change(this.#filters())
    }
    return wanted.map((node) => this.#panes.get(node) as Pane)
  }

  #filters(): Filter[] {
    return [{ kinds: ["state"], run: this.id }, ...this.#shown.map((node) => ({ kinds: ["run"], run: this.id, selector: `id:${node}` }))]
  }

  /** The hub tells what was asked for from now on: what was before is fetched. */
  #stands(): void {
    void this.load()
    for (const pane of this.#panes.values()) void this.#fetch(pane)
  }

  async #fetch(pane: Pane): Promise<void> {
    if (pane.fetching) {
      pane.again = true
      return
    }
    pane.fetching = true
    try {
      let cursor = ""
      const { last } = pane.output
      const after = last.position < 0 ? "" : placeOfPiece(last)
      do {
        const page: List<Record<string, unknown>> = await ask("GET", `runs/${part(this.id)}/output`, {
          query: { node: pane.node, after, cursor, limit: 1000 }, signal: this.#stop.signal,
        })
        const pieces = page.items.map(readPiece).filter((piece) => piece !== null)
        pane.fetched += pieces.reduce((sum, piece) => sum + piece.text.length, 0)
        pane.output.add(pieces)
        cursor = page.next
        pane.version.value++
        if (cursor && pane.fetched > MOST_FETCHED) {
          pane.output.note("... what was written in between is not loaded here: download it ...")
          cursor = ""
        }
      } while (cursor)
      pane.fault.value = ""
    } catch (error) {
      if (!this.#stop.signal.aborted) pane.fault.value = textOf(error)
    }
    pane.fetching = false
    pane.loaded.value = true
    this.#pour(pane)
    if (pane.again) {
      pane.again = false
      await this.#fetch(pane)
    }
  }

  #hear(events: LiveEvent[]): void {
    const changes: LiveEvent[] = []
    for (const event of events) {
      if (event["run"] !== this.id) {
        if (event.kind === "gap") this.#stands()
        continue
      }
      if (event.kind === "run") changes.push(event)
      else if (event.kind === "output") {
        const pane = this.#panes.get(String(event["node_id"]))
        const piece = pane && readPiece(event)
        if (pane && piece) pane.waiting.push(piece)
      }
    }
    if (changes.length) this.#apply(changes)
    this.#flush ||= window.setTimeout(() => {
      this.#flush = 0
      for (const pane of this.#panes.values()) if (!pane.fetching) this.#pour(pane)
    }, FLUSH_MS)
  }

  /** While a pane is being fetched its live pieces wait, so that they stand behind what is older. */
  #pour(pane: Pane): void {
    if (!pane.waiting.length) return
    const pieces = pane.waiting
    pane.waiting = []
    if (pane.output.add(pieces)) pane.version.value++
  }

  #apply(changes: LiveEvent[]): void {
    const run = this.run.peek()
    if (run?.nodes) {
      const byId = new Map(run.nodes.map((node) => [node.node_id, node]))
      for (const change of changes) {
        const held = byId.get(String(change["node_id"]))
        if (held && isState(change["state"])) byId.set(held.node_id, changed(held, change, change["state"]))
      }
      const nodes = [...byId.values()]
      this.run.value = { ...run, nodes, counts: countNodes(nodes) }
    }
    this.#timer ||= window.setTimeout(() => {
      this.#timer = 0
      void this.load()
    }, (run?.nodes?.length ?? 0) > LARGE ? AGAIN_LARGE_MS : AGAIN_MS)
  }
}

function changed(node: RunNode, change: LiveEvent, state: RunNode["state"]): RunNode {
  const number = (name: string, held: number) => (typeof change[name] === "number" ? change[name] : held)
  return {
    ...node, state, reason: typeof change["reason"] === "string" ? change["reason"] : node.reason, exit_code: number("exit_code", node.exit_code),
    cut: number("cut", node.cut),
  }
}

function newPane(node: string): Pane {
  return {
    node, output: new Output(), version: signal(0), fault: signal(""), loaded: signal(false), fetching: false, again: false, fetched: 0, waiting: [],
  }
}

/** All that a node wrote, as a file. */
export async function outputFile(run: string, node: string): Promise<Blob> {
  const parts: BlobPart[] = []
  let cursor = ""
  do {
    const page: List<{ text?: string; binary?: string }> = await ask("GET", `runs/${part(run)}/output`, { query: { node, cursor, limit: 1000 } })
    for (const item of page.items) parts.push(item.binary ? Uint8Array.from(atob(item.binary), (one) => one.charCodeAt(0)) : (item.text ?? ""))
    cursor = page.next
  } while (cursor)
  return new Blob(parts, { type: "application/octet-stream" })
}

// One rollout, followed: states move as they are told, and what else has changed is asked for a moment later.

import { signal } from "@preact/signals"
import { ask, part } from "./api.ts"
import { type LiveEvent, openStream, type Stream } from "./live.ts"
import { textOf } from "./problems.ts"
import { countNodes, isState, type Rollout } from "./rollouts.ts"

/** After an event the rollout is asked for again so much later, and longer for each thousand nodes of it. */
const AGAIN_MS = 300
const PER_NODE_MS = 1

export class RolloutFeed {
  readonly id: string
  readonly rollout = signal<Rollout | null>(null)
  readonly fault = signal("")
  #stream: Stream | null = null
  #stop = new AbortController()
  #timer = 0

  constructor(id: string) {
    this.id = id
  }

  start(): this {
    this.#stream = openStream([{ kinds: ["rollout"], rollout: this.id }], { events: (list) => this.#hear(list), stands: () => void this.load() })
    void this.load()
    return this
  }

  close(): void {
    this.#stop.abort()
    this.#stream?.close()
    clearTimeout(this.#timer)
  }

  async load(): Promise<void> {
    try {
      this.put(await ask<Rollout>("GET", `rollouts/${part(this.id)}`, { signal: this.#stop.signal }))
    } catch (error) {
      if (!this.#stop.signal.aborted) this.fault.value = textOf(error)
    }
  }

  /** What the hub answered to something that was done with it. */
  put(rollout: Rollout): void {
    this.rollout.value = rollout
    this.fault.value = ""
  }

  #hear(events: LiveEvent[]): void {
    const rollout = this.rollout.peek()
    const moved = new Map(events.flatMap((event) => (event["rollout"] === this.id && isState(event["state"]) ? [[event["node_id"], event["state"]] as const] : [])))
    if (rollout?.nodes && moved.size) {
      const nodes = rollout.nodes.map((node) => ({ ...node, state: moved.get(node.node_id) ?? node.state }))
      this.rollout.value = { ...rollout, nodes, counts: countNodes(nodes) }
    }
    this.#timer ||= window.setTimeout(() => {
      this.#timer = 0
      void this.load()
    }, AGAIN_MS + PER_NODE_MS * (rollout?.nodes?.length ?? 0))
  }
}

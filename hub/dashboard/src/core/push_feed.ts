// One machine that is enrolled by ssh, followed from the first look at its host keys to the new node.
//
// The hub is asked again and again and answers as soon as there is something new. While it can't be reached it is asked
// less and less often, for what has begun there goes on without us. The secret is sealed and sent, and kept nowhere.

import { signal, type Signal } from "@preact/signals"
import { ask, part } from "./api.ts"
import { Problem, textOf } from "./problems.ts"
import { aboutSecret, encodeSecret, isOver, type Push, type PushLine, type PushQuestion, type Secret, type Target } from "./pushing.ts"
import { seal } from "./sealing.ts"
import { nextWait } from "./waits.ts"

/** Seconds for which the hub is let wait for something new. */
const WAIT = 20
/** Lines that are kept; the first of more are forgotten, as the hub does. */
const MOST_LINES = 2000

export class PushFeed {
  readonly target: Target
  readonly push: Signal<Push>
  readonly lines = signal<PushLine[]>([])
  readonly left = signal(0)
  /** Why nothing new is heard, "" while it is. */
  readonly trouble = signal("")
  #stop = new AbortController()
  #count = 0

  constructor(target: Target, push: Push) {
    this.target = target
    this.push = signal(push)
    this.#take(push)
  }

  /** Have the source look at the host keys of `target`; throws Problem. */
  static async begin(target: Target, via: string, name: string, tags: Record<string, string>): Promise<PushFeed> {
    const feed = new PushFeed(target, await ask<Push>("POST", "pushes", { body: { ...target, via, name, tags } }))
    void feed.#follow()
    return feed
  }

  /** Accept a host key and send the secret, sealed. Throws Error, or Problem. `sealed` is called when it can be forgotten. */
  async answer(question: PushQuestion, fingerprint: string, secret: Secret, sealed: () => void): Promise<void> {
    const text = await seal(crypto.subtle, question.seal, encodeSecret(secret), aboutSecret(this.push.value.id, this.target, fingerprint))
    sealed()
    await ask("POST", `pushes/${part(this.push.value.id)}/answer`, { body: { host_key: fingerprint, secret: text } })
    if (this.push.value.state === "asking") this.push.value = { ...this.push.value, state: "installing" }
  }

  async cancel(): Promise<void> {
    await ask("POST", `pushes/${part(this.push.value.id)}/cancel`)
  }

  /** Nobody looks any more. What nobody will answer is ended; what is being installed goes on. */
  close(): void {
    this.#stop.abort()
    const { state } = this.push.value
    // one that can't be ended now ends by itself for want of an answer
    if (state === "looking" || state === "asking") this.cancel().catch(() => {})
  }

  async #follow(): Promise<void> {
    const closed = () => this.#stop.signal.aborted
    for (let tries = 0; !isOver(this.push.value.state) && !closed();) {
      const { id, state } = this.push.value
      try {
        this.#take(await ask<Push>("GET", `pushes/${part(id)}`, { query: { after: this.#count, state, wait: WAIT }, signal: this.#stop.signal }))
        this.trouble.value = ""
        tries = 0
      } catch (error) {
        if (closed()) return
        if (error instanceof Problem && error.status === 404) {
          this.push.value = { ...this.push.value, state: "failed", reason: "the hub was started again meanwhile and knows nothing of it any more: look in the fleet whether the machine has joined" }
        } else {
          this.trouble.value = textOf(error)
          await new Promise((resolve) => setTimeout(resolve, nextWait(tries++, Math.random())))
        }
      }
    }
  }

  #take(push: Push): void {
    const missed = push.count - this.#count - push.lines.length
    const lines = [...this.lines.value, ...push.lines]
    this.left.value += Math.max(0, missed) + Math.max(0, lines.length - MOST_LINES)
    if (push.lines.length) this.lines.value = lines.slice(-MOST_LINES)
    this.#count = push.count
    this.push.value = push
  }
}

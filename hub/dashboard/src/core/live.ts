// Live events from the hub over one WebSocket a view: opened, kept, opened again after a loss, closed with its view.
//
//   const stream = openStream([{ kinds: ["log"], selector: "all" }], { events(list) { ... }, back() { catch up } })
//   stream.close()
//
// After a loss `back` is called once the stream stands again: what came meanwhile is then asked for by the view. A socket that
// is quiet is asked whether it lives (pulse.ts), by saying once more what one wants to hear: the hub answers that.

import { signal } from "@preact/signals"
import { hubTime } from "./clock.ts"
import { Pulse } from "./pulse.ts"
import { nextWait } from "./waits.ts"

const LOOK_MS = 1000

export type Filter = {
  kinds?: string[]
  selector?: string
  level?: string
  source?: string
  unit?: string
  grep?: string
  run?: string
  rollout?: string
  service?: string
  package?: string
  /** Packages come with the objects that changed. */
  data?: boolean
  /** Very long log records come cut. */
  brief?: boolean
}

export type LiveEvent = { kind: string; [name: string]: unknown }

export type Listener = {
  /** Everything that came in one frame. */
  events(list: LiveEvent[]): void
  /** The stream stands again after it was lost. */
  back?(): void
  /** From now on what was asked for is heard: once at the beginning, after each `change`, after each loss. */
  stands?(): void
}

/** Since when (ms) the hub is out of reach; 0 while it is there. */
export const lostSince = signal(0)

const open = new Set<Stream>()

/** `heard`: when (by this machine's clock) the hub was heard last by the one that is lost now. */
function tellLost(heard = Date.now()): void {
  const lost = [...open].some((stream) => stream.lost)
  if (!lost) lostSince.value = 0
  else if (lostSince.value === 0) lostSince.value = hubTime() - Math.max(0, Date.now() - heard)
}

class Stream {
  lost = false
  #filters: Filter[]
  #listener: Listener
  #socket: WebSocket | null = null
  #tries = 0
  #timer = 0
  #closed = false
  #pulse = new Pulse(Date.now())
  /** What each answer that is still to come is for: a new wish, or only a sign of life. */
  #asked: ("wish" | "life")[] = []

  constructor(filters: Filter[], listener: Listener) {
    this.#filters = filters
    this.#listener = listener
    open.add(this)
    this.#connect()
  }

  /** Hear of other things from now on. */
  change(filters: Filter[]): void {
    this.#filters = filters
    this.#say("wish")
  }

  /** Ask a hub that has been quiet, and leave one that does not answer. `doubt`: there is reason to ask now. */
  look(doubt = false): void {
    if (!this.#socket || this.#closed) return
    const verdict = doubt ? this.#pulse.doubt(Date.now()) : this.#pulse.look(Date.now())
    if (verdict === "ask") this.#say("life")
    else if (verdict === "gone") this.#leave()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#socket?.close()
    open.delete(this)
    tellLost()
  }

  /** Try now: the network says that it is back. */
  hurry(): void {
    if (!this.lost || this.#closed || this.#socket) return
    clearTimeout(this.#timer)
    this.#connect()
  }

  #connect(): void {
    const url = new URL("api/v1/stream", document.baseURI)
    url.protocol = url.protocol.replace("http", "ws")
    const socket = new WebSocket(url)
    this.#socket = socket
    this.#asked = []
    this.#pulse = new Pulse(Date.now())
    socket.onopen = () => this.#say("wish")
    socket.onmessage = (message) => { if (this.#socket === socket) this.#hear(String(message.data)) }
    socket.onclose = () => { if (this.#socket === socket) this.#leave() }
  }

  #say(what: "wish" | "life"): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return
    this.#asked.push(what)
    this.#socket.send(JSON.stringify({ subscribe: this.#filters }))
  }

  #leave(): void {
    const left = this.#socket
    this.#socket = null
    left?.close()
    if (this.#closed) return
    this.lost = true
    tellLost(this.#pulse.heard)
    this.#timer = window.setTimeout(() => this.#connect(), nextWait(this.#tries++, Math.random()))
  }

  #hear(text: string): void {
    this.#pulse.hear(Date.now())
    const events: LiveEvent[] = []
    for (const line of text.split("\n")) {
      const event = JSON.parse(line) as LiveEvent
      if (event.kind !== "subscribed") events.push(event)
      else if (this.#asked.shift() !== "life") this.#stands()
    }
    if (events.length) this.#listener.events(events)
  }

  #stands(): void {
    this.#tries = 0
    const wasLost = this.lost
    this.lost = false
    tellLost()
    this.#listener.stands?.()
    if (wasLost) this.#listener.back?.()
  }
}

export type { Stream }

export function openStream(filters: Filter[], listener: Listener): Stream {
  return new Stream(filters, listener)
}

setInterval(() => { for (const stream of open) stream.look() }, LOOK_MS)
addEventListener("offline", () => { for (const stream of open) stream.look(true) })
addEventListener("online", () => { for (const stream of open) stream.hurry() })
document.addEventListener("visibilitychange", () => { if (!document.hidden) for (const stream of open) stream.hurry() })

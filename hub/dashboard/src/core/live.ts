// Live events from the hub over one WebSocket a view: opened, kept, opened again after a loss, closed with its view.
//
//   const stream = openStream([{ kinds: ["log"], selector: "all" }], { events(list) { ... }, back() { catch up } })
//   stream.close()
//
// After a loss `back` is called once the stream stands again: what came meanwhile is then asked for by the view.

import { signal } from "@preact/signals"
import { hubTime } from "./clock.ts"
import { nextWait } from "./waits.ts"

export type Filter = {
  kinds?: string[]
  selector?: string
  level?: string
  source?: string
  unit?: string
  grep?: string
  run?: string
  rollout?: string
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

function tellLost(): void {
  const lost = [...open].some((stream) => stream.lost)
  if (!lost) lostSince.value = 0
  else if (lostSince.value === 0) lostSince.value = hubTime()
}

class Stream {
  lost = false
  #filters: Filter[]
  #listener: Listener
  #socket: WebSocket | null = null
  #tries = 0
  #timer = 0
  #closed = false

  constructor(filters: Filter[], listener: Listener) {
    this.#filters = filters
    this.#listener = listener
    open.add(this)
    this.#connect()
  }

  /** Hear of other things from now on. */
  change(filters: Filter[]): void {
    this.#filters = filters
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ subscribe: filters }))
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
    if (!this.lost || this.#closed || this.#socket?.readyState === WebSocket.CONNECTING) return
    clearTimeout(this.#timer)
    this.#connect()
  }

  #connect(): void {
    const url = new URL("api/v1/stream", document.baseURI)
    url.protocol = url.protocol.replace("http", "ws")
    const socket = new WebSocket(url)
    this.#socket = socket
    socket.onopen = () => socket.send(JSON.stringify({ subscribe: this.#filters }))
    socket.onmessage = (message) => this.#hear(String(message.data))
    socket.onclose = () => {
      if (this.#closed || this.#socket !== socket) return
      this.lost = true
      tellLost()
      this.#timer = window.setTimeout(() => this.#connect(), nextWait(this.#tries++, Math.random()))
    }
  }

  #hear(text: string): void {
    const events: LiveEvent[] = []
    for (const line of text.split("\n")) {
      const event = JSON.parse(line) as LiveEvent
      if (event.kind === "subscribed") this.#stands()
      else events.push(event)
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

addEventListener("online", () => { for (const stream of open) stream.hurry() })
document.addEventListener("visibilitychange", () => { if (!document.hidden) for (const stream of open) stream.hurry() })

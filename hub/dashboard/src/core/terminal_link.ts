// Somebody's place in a session on a terminal: one WebSocket, made again by itself after a loss, for as long as the session goes on.
//
//   const link = new TerminalLink(id, false, { began() {}, output(data, drawn) { write, then drawn() } }).start()
//   link.type(bytes); link.resize(100, 30); link.close()
//
// The hub is told what is drawn, so that a terminal that writes without end waits for this page. What is typed during a loss is
// sent when the connection stands again, and output is asked for from the byte on that was not seen. A browser's socket can't
// find out that its line is dead; so the hub is asked for a sign of life.

import { signal } from "@preact/signals"
import { ask, part } from "./api.ts"
import { Problem, textOf } from "./problems.ts"
import { findOut, may } from "./session.ts"
import type { Person, Session } from "./sessions.ts"
import { Flow, pieces, Typed } from "./terminal_flow.ts"
import { nextWait } from "./waits.ts"

const LONGEST_WAIT_MS = 2000
/** Between two questions for a sign of life; the answer to one must be there before the next. */
const PING_MS = 10_000
/** In which a connection must stand, and an answer be there. */
const PATIENCE_MS = 10_000
/** Bytes of one message: half of what the hub takes. */
const MESSAGE_BYTES = 32 * 1024
const TYPED_BYTES = 64 * 1024
/** Bytes that may wait in the browser for a terminal that takes nothing. */
const UNSENT_BYTES = 1024 * 1024
const OUTLAWED = 1008
const OUT = "The hub has put you out: you are no longer signed in, or may not come into terminals any more."

export type End = { state: string; exit_code: number; reason: string }
export type About = { id: string; node: string; title: string; by: string; recorded: boolean }

/** `connecting` the first time, then `open` and `lost` by turns, until it is `over` or we are `refused`. */
export type LinkState = "connecting" | "open" | "lost" | "over" | "refused"

export type LinkListener = {
  /** What comes next is the whole screen (`fresh`) or what was missed. */
  began(fresh: boolean): void
  /** `drawn` must be called when it is on the screen. `old`: it was shown before we came. */
  output(data: Uint8Array, old: boolean, drawn: () => void): void
}

export class TerminalLink {
  readonly state = signal<LinkState>("connecting")
  readonly people = signal<Person[]>([])
  readonly you = signal(0)
  readonly size = signal<[number, number]>([80, 24])
  readonly about = signal<About | null>(null)
  /** The machine is not connected to the hub. */
  readonly nodeAway = signal(false)
  readonly end = signal<End | null>(null)
  /** Why we are refused, what the hub had to say, or that something was left out. */
  readonly note = signal("")
  readonly #id: string
  readonly #readOnly: boolean
  readonly #listener: LinkListener
  readonly #flow = new Flow()
  readonly #typed = new Typed(TYPED_BYTES)
  #socket: WebSocket | null = null
  #window: [number, number] | null = null
  #old = 0
  #tries = 0
  #timer = 0
  #pinging = 0
  #patience = 0
  #answered = true
  #closed = false

  constructor(id: string, readOnly: boolean, listener: LinkListener) {
    this.#id = id
    this.#readOnly = readOnly
    this.#listener = listener
  }

  start(): this {
    addEventListener("online", this.#hurry)
    document.addEventListener("visibilitychange", this.#hurry)
    this.#connect()
    return this
  }

  close(): void {
    this.#closed = true
    removeEventListener("online", this.#hurry)
    document.removeEventListener("visibilitychange", this.#hurry)
    this.#drop()
  }

  type(data: Uint8Array): void {
    if (this.#readOnly || this.end.value || !data.length) return
    const socket = this.#socket
    const taken = this.state.value === "open" && socket ? this.#sendTyped(socket, data) : this.#typed.add(data)
    if (!taken) this.note.value = "The terminal takes no more right now: what you typed or pasted last was left out."
  }

  /** Our window has another size. */
  resize(cols: number, rows: number): void {
    if (this.#window?.[0] === cols && this.#window[1] === rows) return
    this.#window = [cols, rows]
    if (this.state.value === "open") this.#sendSize()
  }

  readonly #hurry = (): void => {
    if (document.hidden || this.state.value !== "lost" || !this.#timer) return
    clearTimeout(this.#timer)
    this.#connect()
  }

  #sendTyped(socket: WebSocket, data: Uint8Array): boolean {
    if (socket.bufferedAmount + data.length > UNSENT_BYTES) return false
    for (const piece of pieces(data, MESSAGE_BYTES)) socket.send(new Uint8Array(piece))
    return true
  }

  #sendSize(): void {
    if (this.#window && !this.#readOnly) this.#say({ size: this.#window })
  }

  #say(what: Record<string, unknown>): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(what))
  }

  #connect(): void {
    this.#timer = 0
    const url = new URL(`api/v1/sessions/${part(this.#id)}/attach`, document.baseURI)
    url.protocol = url.protocol.replace("http", "ws")
    url.search = new URLSearchParams({ read_only: String(this.#readOnly), acknowledge: "true", offset: String(this.#flow.offset) }).toString()
    const socket = new WebSocket(url)
    let stood = false
    socket.binaryType = "arraybuffer"
    socket.onopen = () => { stood = true }
    socket.onmessage = (message: MessageEvent<ArrayBuffer | string>) => {
      if (typeof message.data === "string") this.#hear(JSON.parse(message.data) as Record<string, unknown>)
      else this.#show(new Uint8Array(message.data))
    }
    socket.onclose = (event) => this.#lost(event.code, stood)
    this.#socket = socket
    this.#patience = window.setTimeout(() => this.#lost(0, false), PATIENCE_MS)
  }

  #show(data: Uint8Array): void {
    const old = this.#old > 0
    if (old && data.length > this.#old) {
      const place = this.#old
      this.#show(data.subarray(0, place))
      this.#show(data.subarray(place))
      return
    }
    if (old) this.#old -= data.length
    const place = this.#flow.came(data.length)
    const socket = this.#socket
    this.#listener.output(data, old, () => {
      const offset = this.#flow.drew(place)
      if (offset !== null && socket === this.#socket) this.#say({ seen: offset })
    })
  }

  #hear(value: Record<string, unknown>): void {
    if ("session" in value) this.#begin(value as { session: About; offset: number; screen: number; fresh: boolean; size: [number, number]; you: number })
    else if ("people" in value) this.people.value = value["people"] as Person[]
    else if ("size" in value) this.size.value = value["size"] as [number, number]
    else if ("node" in value) this.nodeAway.value = value["node"] === "away"
    else if ("note" in value) this.note.value = String(value["note"])
    else if ("pong" in value) this.#answered = true
    else if ("ended" in value) this.#over(value["ended"] as End)
  }

  #begin(first: { session: About; offset: number; screen: number; fresh: boolean; size: [number, number]; you: number }): void {
    this.#flow.begin(first.offset, first.screen)
    // whoever comes first of all has seen nothing answered yet
    this.#old = first.fresh && first.you > 1 ? first.screen : 0
    this.about.value = first.session
    this.you.value = first.you
    this.size.value = first.size
    this.#tries = 0
    this.state.value = "open"
    this.#listener.began(first.fresh)
    this.#sendSize()
    const socket = this.#socket
    if (socket) for (const data of this.#typed.take()) this.#sendTyped(socket, data)
    this.#answered = true
    clearTimeout(this.#patience)
    clearInterval(this.#pinging)
    this.#pinging = window.setInterval(() => this.#ping(), PING_MS)
  }

  #ping(): void {
    if (!this.#answered) {
      this.#lost(0, true)
      return
    }
    this.#answered = false
    this.#say({ ping: 1 })
  }

  /** Let go of the connection, without waiting for the other side. */
  #drop(): void {
    clearTimeout(this.#timer)
    clearTimeout(this.#patience)
    clearInterval(this.#pinging)
    this.#timer = 0
    const socket = this.#socket
    this.#socket = null
    if (!socket) return
    socket.onmessage = socket.onclose = null
    socket.close()
  }

  #lost(code: number, stood: boolean): void {
    this.#drop()
    if (this.#closed || this.end.value) return
    if (this.state.value === "open") this.state.value = "lost"
    if (code === OUTLAWED) {
      this.#refuse(OUT)
      findOut().catch(() => { /* the hub is away: it says so elsewhere */ })
    } else if (stood) this.#again()
    else void this.#look()
  }

  #again(): void {
    if (this.#closed) return
    this.#timer = window.setTimeout(() => this.#connect(), Math.min(LONGEST_WAIT_MS, nextWait(this.#tries++, Math.random())))
  }

  /** No connection was made, and a socket does not tell why: ask how the session stands. */
  async #look(): Promise<void> {
    try {
      const session = await ask<Session>("GET", `sessions/${part(this.#id)}`, { signal: AbortSignal.timeout(PATIENCE_MS) })
      if (this.#closed) return
      if (session.ended) {
        this.#over({ state: session.state, exit_code: session.exit_code, reason: session.why })
        return
      }
      await findOut(AbortSignal.timeout(PATIENCE_MS))
      if (may("operator")) this.#again()
      else this.#refuse(OUT)
    } catch (error) {
      if (this.#closed) return
      if (error instanceof Problem && [401, 403, 404].includes(error.status)) this.#refuse(textOf(error))
      else this.#again()
    }
  }

  #refuse(why: string): void {
    this.state.value = "refused"
    this.note.value = why
  }

  #over(end: End): void {
    this.end.value = end
    this.people.value = []
    this.state.value = "over"
    this.#drop()
  }
}

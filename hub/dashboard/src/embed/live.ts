// dvic-live.js: a monitoring service on a page of one's own (docs/dvic-live.md). It needs nothing but a share of the service.
//
//   const live = renderService(document.getElementById("pass"), { hub: "https://dvic.example.org", share: "dvics_..." })
//   const live = follow({ hub, share, onChange(service, cycles) { ... }, onStep(change) { ... }, onState(state) { ... } })
//   live.close()
//
// After a loss it connects again, later and later up to half a minute, and catches up by itself.

import { CycleBook } from "./book.ts"
import { Diagram } from "./diagram.ts"
import { type Change, changeOf, type Cycle, type Description } from "./steps.ts"

export type Service = Description & { title: string; on: boolean; due: string | null }
/** `refused`: the share is not valid (any more); it is tried no further. */
export type State = "connecting" | "live" | "lost" | "refused"
export type Options = {
  hub: string
  share: string
  /** Whenever anything is another than before: the service, and its newest cycles, newest first. */
  onChange?: (service: Service, cycles: Cycle[]) => void
  /** Each event of a step, as it comes; an empty component: of the cycle itself. Its message is the log line's. */
  onStep?: (change: Change) => void
  onState?: (state: State) => void
}
export type Live = { close: () => void }

const FIRST_MS = 500
const LONGEST_MS = 30_000
const ASK_AFTER_MS = 250
const ASK_AGAIN_MS = 1500
/** A hub that says nothing to a question for so long is gone. */
const ANSWER_MS = 10_000
const QUIET_MS = 20_000
const REFUSED = 1008
const KEPT = 20

export function follow(options: Options): Live {
  const url = new URL("api/v1/shared", `${options.hub.replace(/\/+$/, "")}/`)
  url.protocol = url.protocol.replace("http", "ws")
  const book = new CycleBook()
  let service: Service | null = null
  let socket: WebSocket | null = null
  let tries = 0
  let closed = false
  let heard = 0
  let asked = 0
  let mark = -1
  let timer = 0
  const tell = (state: State) => options.onState?.(state)
  const show = () => { if (service) options.onChange?.(service, book.cycles) }
  const ask = () => {
    timer = 0
    if (asked || socket?.readyState !== WebSocket.OPEN) return
    asked = Date.now()
    mark = book.asked()
    socket.send('{"again":true}')
  }
  const hear = (message: Record<string, unknown>) => {
    if (message["kind"] === "snapshot") {
      service = message["service"] as Service
      if (mark < 0) mark = book.asked()
      book.put(message["cycles"] as Cycle[], mark)
      book.trim(KEPT)
      mark = -1
      asked = tries = 0
      tell("live")
      return
    }
    const change = changeOf(message)
    if (change && service) {
      book.take(change, service)
      options.onStep?.(change)
    }
    timer ||= window.setTimeout(ask, asked ? ASK_AGAIN_MS : ASK_AFTER_MS)
  }
  const lose = (left: WebSocket, code: number) => {
    if (socket !== left || closed) return
    socket = null
    left.close()
    if (mark >= 0) book.dropped()
    mark = -1
    asked = 0
    if (code === REFUSED) return tell("refused")
    tell("lost")
    setTimeout(connect, Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(tries++, 8)) * (0.75 + Math.random() / 2))
  }
  const connect = () => {
    if (closed) return
    tell("connecting")
    const made = new WebSocket(url)
    socket = made
    heard = Date.now()
    made.onopen = () => made.send(JSON.stringify({ share: options.share }))
    made.onmessage = (frame) => {
      if (socket !== made) return
      heard = Date.now()
      for (const line of String(frame.data).split("\n")) hear(JSON.parse(line) as Record<string, unknown>)
      show()
    }
    made.onclose = (event) => lose(made, event.code)
  }
  const pulse = setInterval(() => {
    if (!socket) return
    if (asked && Date.now() - asked > ANSWER_MS) lose(socket, 0)
    else if (Date.now() - heard > QUIET_MS) ask()
  }, 1000)
  connect()
  return { close: () => {
    closed = true
    clearInterval(pulse)
    clearTimeout(timer)
    socket?.close()
  } }
}

/** Draw the steps of the newest cycle into an element, and keep them as they are. */
export function renderService(element: HTMLElement, options: Options & { onPress?: (component: string, source: string) => void }): Live {
  const diagram = new Diagram(element, options.onPress ? { onStep: options.onPress } : {})
  let shown: [Service, Cycle | null] | null = null
  const draw = () => { if (shown) diagram.show(shown[0], shown[1], Date.now()) }
  const live = follow({ ...options, onChange: (service, cycles) => {
    shown = [service, cycles[0] ?? null]
    draw()
    options.onChange?.(service, cycles)
  } })
  const counting = setInterval(draw, 1000)
  return { close: () => {
    clearInterval(counting)
    live.close()
    diagram.close()
  } }
}

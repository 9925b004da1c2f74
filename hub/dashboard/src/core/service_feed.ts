// Services for the views: loaded, then moved by what the hub tells live. Each change is shown as it comes; what it does not tell
// (durations by the hub's clock, who said it, where its record is) is asked for right after, at most once in a while.

import { signal } from "@preact/signals"
import { CycleBook } from "../embed/book.ts"
import { changeOf, type Cycle } from "../embed/steps.ts"
import { ask, askAll, part } from "./api.ts"
import { type LiveEvent, openStream, type Stream } from "./live.ts"
import { Problem, textOf } from "./problems.ts"
import type { Service } from "./services.ts"

const PAGE = 20
const ASK_AFTER_MS = 250
const ASK_AGAIN_MS = 1000
const LIST_AFTER_MS = 400
const SINGLY = 10

/** One service with its cycles. */
export class ServiceFeed {
  readonly service = signal<Service | null>(null)
  readonly cycles = signal<Cycle[]>([])
  /** There are older cycles: how to ask for them. */
  readonly next = signal("")
  readonly fault = signal("")
  readonly gone = signal(false)
  readonly #name: string
  readonly #book = new CycleBook()
  readonly #stale = new Set<number>()
  #stream: Stream | null = null
  #timer = 0
  #closed = false

  constructor(name: string) {
    this.#name = name
  }

  start(): void {
    this.#stream = openStream([{ kinds: ["service"], service: this.#name }], { events: (list) => this.#hear(list), stands: () => void this.load() })
    void this.load()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#stream?.close()
  }

  async load(): Promise<void> {
    const mark = this.#book.asked()
    try {
      const [service, page] = await Promise.all([
        ask<Service>("GET", this.#path()),
        ask<{ items: Cycle[]; next: string }>("GET", `${this.#path()}/cycles`, { query: { limit: PAGE } }),
      ])
      const first = !this.#book.cycles.length
      this.#book.put(page.items, mark)
      this.service.value = service
      if (first) this.next.value = page.next
      this.fault.value = ""
      this.#show()
    } catch (error) {
      this.#book.dropped()
      if (this.#closed) return
      if (error instanceof Problem && error.status === 404) this.gone.value = true
      this.fault.value = textOf(error)
    }
  }

  /** What somebody has just changed, as the hub answered. */
  took(service: Service): void {
    this.service.value = service
    void this.load()
  }

  async more(): Promise<void> {
    await this.#put(() => ask<{ items: Cycle[]; next: string }>("GET", `${this.#path()}/cycles`, { query: { limit: PAGE, cursor: this.next.value } }), (page) => {
      this.next.value = page.next
      return page.items
    })
  }

  /** A cycle that an address names and that is not among those loaded. */
  async need(number: number): Promise<void> {
    if (!this.#book.get(number)) await this.#put(() => ask<Cycle>("GET", `${this.#path()}/cycles/${number}`), (cycle) => [cycle])
  }

  cycle(number: number): Cycle | undefined {
    return this.cycles.value.find((each) => each.number === number)
  }

  #path(): string {
    return `services/${part(this.#name)}`
  }

  async #put<T>(load: () => Promise<T>, cyclesOf: (answer: T) => Cycle[]): Promise<void> {
    const mark = this.#book.asked()
    try {
      this.#book.put(cyclesOf(await load()), mark)
      this.#show()
    } catch (error) {
      this.#book.dropped()
      if (!this.#closed) this.fault.value = textOf(error)
    }
  }

  #show(): void {
    if (!this.#closed) this.cycles.value = this.#book.cycles
  }

  #hear(events: LiveEvent[]): void {
    const description = this.service.value?.description
    if (!description) return
    for (const event of events) {
      const change = changeOf(event)
      if (event.kind === "gap") void this.load()
      if (!change) continue
      this.#book.take(change, description)
      this.#stale.add(change.cycle)
    }
    this.#show()
    if (this.#stale.size) this.#timer ||= window.setTimeout(() => void this.#refresh(), ASK_AFTER_MS)
  }

  async #refresh(): Promise<void> {
    const stale = [...this.#stale]
    this.#stale.clear()
    await Promise.all(stale.map((number) => this.#put(() => ask<Cycle>("GET", `${this.#path()}/cycles/${number}`), (cycle) => [cycle])))
    if (this.#closed) return
    this.#timer = window.setTimeout(() => {
      this.#timer = 0
      if (this.#stale.size) void this.#refresh()
    }, ASK_AGAIN_MS)
  }
}

/** All services, by name. */
export class ServicesFeed {
  readonly services = signal<Service[] | null>(null)
  readonly fault = signal("")
  #stream: Stream | null = null
  readonly #told = new Set<string>()
  #timer = 0
  #closed = false

  start(): void {
    this.#stream = openStream([{ kinds: ["service"] }], {
      events: (list) => {
        for (const event of list) if (typeof event.service === "string") this.#told.add(event.service)
        this.#timer ||= window.setTimeout(() => void this.#gather(), LIST_AFTER_MS)
      },
      stands: () => void this.load(),
    })
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#stream?.close()
  }

  async load(): Promise<void> {
    try {
      this.services.value = await askAll<Service>("services")
      this.fault.value = ""
    } catch (error) {
      if (!this.#closed) this.fault.value = textOf(error)
    }
  }

  async #gather(): Promise<void> {
    const told = [...this.#told]
    this.#told.clear()
    if (told.length > SINGLY) await this.load()
    else {
      const found = await Promise.all(told.map((name) => ask<Service>("GET", `services/${part(name)}`).catch(() => null)))
      const fresh = new Map(found.flatMap((each) => (each ? [[each.name, each]] : [])))
      this.services.value = (this.services.value ?? []).map((each) => fresh.get(each.name) ?? each)
    }
    if (this.#closed) return
    this.#timer = window.setTimeout(() => {
      this.#timer = 0
      if (this.#told.size) void this.#gather()
    }, ASK_AGAIN_MS)
  }
}

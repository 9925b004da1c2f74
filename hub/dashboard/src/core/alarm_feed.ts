// The alarms of one filter, kept up to date: the newest at first, older ones on demand, and again when one of them changes.

import { signal } from "@preact/signals"
import { ask, type List } from "./api.ts"
import { type Alarm, mergeAlarms } from "./alarms.ts"
import { openStream, type Stream } from "./live.ts"
import { textOf } from "./problems.ts"

const PAGE = 100
const AGAIN_MS = 300

export type AlarmFilter = { open: string; state: string; severity: string; rule: string; node: string; service: string }

export class AlarmFeed {
  readonly alarms = signal<Alarm[] | null>(null)
  readonly fault = signal("")
  readonly next = signal("")
  readonly busy = signal(false)
  #filter: AlarmFilter
  #stream: Stream | null = null
  #stop = new AbortController()
  #timer = 0
  #older: Alarm[] = []

  constructor(filter: AlarmFilter) {
    this.#filter = filter
  }

  start(): void {
    this.#stop = new AbortController()
    const again = () => {
      this.#timer ||= window.setTimeout(() => {
        this.#timer = 0
        void this.load()
      }, AGAIN_MS)
    }
    this.#stream = openStream([{ kinds: ["alarm"] }], { events: again, back: again, stands: again })
    void this.load()
  }

  close(): void {
    this.#stream?.close()
    this.#stop.abort()
    clearTimeout(this.#timer)
    this.#timer = 0
  }

  /** The newest page, anew; what is no longer in it falls away, older pages stay as they were asked for. */
  async load(): Promise<void> {
    const page = await this.#ask("")
    if (!page) return
    if (!this.#older.length) this.next.value = page.next
    const oldest = page.items.at(-1)
    const kept = oldest && page.next ? this.#older : []
    this.alarms.value = mergeAlarms(kept, page.items)
  }

  async more(): Promise<void> {
    if (this.busy.value) return
    this.busy.value = true
    const page = await this.#ask(this.next.value)
    this.busy.value = false
    if (!page) return
    this.next.value = page.next
    this.#older = mergeAlarms(this.#older, page.items)
    this.alarms.value = mergeAlarms(this.alarms.value ?? [], page.items)
  }

  async #ask(cursor: string): Promise<List<Alarm> | null> {
    try {
      const page = await ask<List<Alarm>>("GET", "alarms", { query: { ...this.#filter, limit: PAGE, cursor }, signal: this.#stop.signal })
      this.fault.value = ""
      return page
    } catch (error) {
      if (!this.#stop.signal.aborted) this.fault.value = textOf(error)
      return null
    }
  }
}

/** Say of alarms that one takes care of them; what is acknowledged or cleared already stays as it is. */
export async function acknowledge(ids: readonly string[]): Promise<number> {
  return (await ask<List<Alarm>>("POST", "alarms/ack", { body: { alarms: ids } })).items.length
}

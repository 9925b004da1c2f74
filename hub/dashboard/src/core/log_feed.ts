// Log lines of one filter, kept up to date: the newest at first, older ones on demand, new ones as they come.
//
// The order of things leaves no gap: the stream stands first, then the search is asked. After a loss, a pause, or when the hub
// says that this page was too slow, the search is asked again from a little before the newest line; doubles fall away (Lines).

import { signal } from "@preact/signals"
import { ask, type List } from "./api.ts"
import { type LiveEvent, openStream, type Stream } from "./live.ts"
import { isLive, liveFilter, type LogFilter, searchQuery } from "./log_filter.ts"
import { compare, fromEntry, fromEvent, holeBefore, KEPT_TEXT, Lines, type LogEntry, type LogLine, missedSince } from "./log_lines.ts"
import { rfc3339 } from "./moments.ts"
import { textOf } from "./problems.ts"

const PAGE = 1000
/** Pages that are fetched at most to catch up; what is between is marked as a hole. */
const CATCH_UP_PAGES = 10
const FLUSH_MS = 60
/** Without a stream so long, the search is asked all the same. */
const STREAM_MS = 2000
/** Nodes heard of so short before count for where to catch up from. */
const RECENT_MS = 300_000
const SLOW_MS = 3000

export class LogFeed {
  readonly filter: LogFilter
  readonly lines: Lines
  /** Moves on whenever `lines` changed. */
  readonly version = signal(0)
  readonly loaded = signal(false)
  /** What went wrong, "" for nothing; `again` tries once more. */
  readonly fault = signal("")
  /** There are older lines at the hub. */
  readonly more = signal(false)
  readonly loadingOlder = signal(false)
  readonly paused = signal(false)
  /** Whether the view sticks to the end; the list says so. */
  readonly follow = signal(true)
  /** Lines that came and were not taken in, as the view was paused or full. */
  readonly waiting = signal(0)
  /** Lines that came in since the view left the end. */
  readonly unseen = signal(0)

  #cursor = ""
  #stream: Stream | null = null
  #pending: LogLine[] = []
  #flush = 0
  #patience = 0
  #nodes = new Map<string, { newest: number; heard: number }>()
  #stop = new AbortController()
  #catching = false
  #catchAgain = false
  /** Something may have been missed while new lines were not taken in. */
  #behind = false
  #slow = 0
  #started = false

  constructor(filter: LogFilter, lines = new Lines()) {
    this.filter = filter
    this.lines = lines
  }

  start(): this {
    if (!isLive(this.filter)) {
      void this.#load()
      return this
    }
    this.#stream = openStream([liveFilter(this.filter)], {
      events: (list) => this.#hear(list),
      stands: () => void (this.#started ? this.catchUp() : this.#load()),
    })
    this.#patience = window.setTimeout(() => void this.#load(), STREAM_MS)
    return this
  }

  close(): void {
    this.#stop.abort()
    this.#stream?.close()
    clearTimeout(this.#flush)
    clearTimeout(this.#patience)
    clearTimeout(this.#slow)
  }

  again(): void {
    this.fault.value = ""
    if (this.loaded.value) void this.catchUp()
    else void this.#load()
  }

  pause(): void {
    this.paused.value = true
  }

  resume(): void {
    this.paused.value = false
    this.#release()
  }

  /** The view is at the end, or has left it. */
  setFollow(follow: boolean): void {
    if (this.follow.peek() === follow) return
    this.follow.value = follow
    if (follow) this.#release()
  }

  /** Load the page before the oldest line. */
  async older(): Promise<void> {
    if (!this.more.peek() || this.loadingOlder.peek() || this.fault.peek() || this.lines.full) return
    this.loadingOlder.value = true
    await this.#guarded(async () => {
      const page = await this.#ask({ cursor: this.#cursor })
      this.#cursor = page.next
      this.more.value = page.next !== ""
      this.#take(page.items.map(fromEntry))
    })
    this.loadingOlder.value = false
  }

  /** Ask for what may have been missed since the newest line that is held. */
  async catchUp(): Promise<void> {
    if (!this.loaded.peek()) return
    this.#behind = this.#held()
    if (this.#behind) return
    if (this.#catching) {
      this.#catchAgain = true
      return
    }
    this.#catching = true
    await this.#guarded(() => this.#fetchMissed())
    this.#catching = false
    if (this.#catchAgain) {
      this.#catchAgain = false
      await this.catchUp()
    }
  }

  /** Load what a hole stands for; what is still missing then is a hole again. */
  async fill(hole: LogLine): Promise<void> {
    const { since } = hole.hole ?? { since: 0 }
    this.lines.remove(hole)
    if (!(await this.#guarded(() => this.#fetchBetween(since, hole.time)))) this.#take([hole])
  }

  async #load(): Promise<void> {
    if (this.#started) return
    this.#started = true
    clearTimeout(this.#patience)
    const fine = await this.#guarded(async () => {
      const page = await this.#ask({})
      this.#cursor = page.next
      this.more.value = page.next !== ""
      this.loaded.value = true
      this.#take(page.items.map(fromEntry))
    })
    this.#started = fine
  }

  async #fetchMissed(): Promise<void> {
    const recent = [...this.#nodes.values()].filter((node) => Date.now() - node.heard < RECENT_MS).map((node) => node.newest)
    const newest = this.lines.items.at(-1)?.time ?? 0
    this.waiting.value = 0
    await this.#fetchBetween(missedSince(newest, recent), 0)
  }

  /** Pages from the newest backwards until `since`; a hole where they end before it. */
  async #fetchBetween(since: number, until: number): Promise<void> {
    let cursor = ""
    let oldest: LogLine | undefined
    for (let page = 0; page < CATCH_UP_PAGES; page++) {
      const found = await this.#ask({ cursor, ...(since ? { since: rfc3339(since) } : {}), ...(until ? { until: rfc3339(until) } : {}) })
      const lines = found.items.map(fromEntry)
      oldest = lines.at(-1) ?? oldest
      this.#take(lines)
      cursor = found.next
      if (!cursor || !since) return
    }
    if (oldest && compare(oldest, this.lines.items[0] ?? oldest) > 0) this.#take([holeBefore(oldest, since)])
  }

  #hear(events: LiveEvent[]): void {
    for (const event of events) {
      if (event.kind === "log") this.#pending.push(fromEvent(event))
      else if (event.kind === "gap") this.#slow ||= window.setTimeout(() => this.#catchUpSlowly(), SLOW_MS)
      else if (event.kind === "problem") {
        this.#stream?.close()
        this.#stream = null
        void this.#load()
      }
    }
    if (this.#pending.length) this.#flush ||= window.setTimeout(() => this.#flushPending(), FLUSH_MS)
  }

  #catchUpSlowly(): void {
    this.#slow = 0
    void this.catchUp()
  }

  #flushPending(): void {
    const lines = this.#pending
    this.#pending = []
    this.#flush = 0
    if (this.#held()) {
      this.waiting.value += lines.length
      return
    }
    const heard = Date.now()
    const added = this.#take(lines)
    for (const line of added) {
      const known = this.#nodes.get(line.nodeId)
      if (known) {
        known.newest = Math.max(known.newest, line.time)
        known.heard = heard
      } else this.#nodes.set(line.nodeId, { newest: line.time, heard })
    }
  }

  /** New lines are not taken in: the hub keeps them, and they are fetched when they are wanted. */
  #held(): boolean {
    return this.paused.peek() || (this.lines.full && !this.follow.peek())
  }

  #release(): void {
    this.unseen.value = 0
    if ((this.waiting.peek() || this.#behind) && !this.#held()) void this.catchUp()
  }

  #take(lines: LogLine[]): LogLine[] {
    const newest = this.lines.items.at(-1)
    const added = this.lines.add(lines)
    if (!added.length) {
      if (!lines.length) this.version.value++
      return added
    }
    if (!this.follow.peek() && newest) this.unseen.value += added.filter((line) => compare(line, newest) > 0).length
    this.version.value++
    return added
  }

  #ask(more: Record<string, string>): Promise<List<LogEntry>> {
    return ask("GET", "logs", { query: { ...searchQuery(this.filter), limit: PAGE, text: KEPT_TEXT, ...more }, signal: this.#stop.signal })
  }

  async #guarded(work: () => Promise<void>): Promise<boolean> {
    try {
      await work()
      this.fault.value = ""
      return true
    } catch (error) {
      if (!this.#stop.signal.aborted) this.fault.value = textOf(error)
      return false
    }
  }
}

// Log lines as they are shown: read from the hub's two ways of telling them, joined without doubles, in order, bounded. Pure.
//
// A record comes by the search, by the live stream, or by both; its `place` is the same in each, and no other record's. The
// order of all lines is (time, batch, position), as the hub has it.

import { micros, rfc3339 } from "./moments.ts"
import type { Level } from "./types.ts"

/** Characters of a message that are kept; the rest is asked for when a line is opened. */
export const KEPT_TEXT = 2000
export const MAX_LINES = 112_000
/** Characters of all lines together; each line counts for some more than its text. */
export const MAX_WEIGHT = 30_000_000
const LINE_WEIGHT = 100

export type LogLine = {
  time: number
  batch: number
  position: number
  node: string
  nodeId: string
  source: string
  unit: string
  level: Level
  message: string
  /** Characters of the whole message, as the hub has it. */
  length: number
  /** Bytes that the node had left out already. */
  cut: number
  /** Older lines that came meanwhile are not loaded: how to ask for them. */
  hole?: { arrived: string; cursor: string }
}

/** A record as GET /logs tells it. */
export type LogEntry = {
  time: string | null
  node: string
  node_id: string
  source: string
  level: Level
  message: string
  place: string
  unit?: string
  pid?: number
  identifier?: string
  uid?: number
  boot?: string
  priority?: number
  binary?: string
  cut?: number
  length?: number
  gap?: Record<string, unknown>
  fields?: Record<string, unknown>
}

export function fromEntry(entry: LogEntry): LogLine {
  return made(micros(entry.time), entry)
}

/** A live event of the kind `log`. */
export function fromEvent(event: Record<string, unknown>): LogLine {
  return made(Number(event["time"]) || 0, event)
}

function made(time: number, from: Record<string, unknown>): LogLine {
  const text = (name: string) => (typeof from[name] === "string" ? from[name] : "")
  const number = (name: string) => (typeof from[name] === "number" ? from[name] : 0)
  const [batch = "", position = ""] = text("place").split(".")
  const message = text("message")
  return {
    time,
    batch: parseInt(batch, 16) || 0,
    position: parseInt(position, 16) || 0,
    node: text("node"),
    nodeId: text("node_id"),
    source: text("source"),
    unit: containerOf(from) || text("unit") || text("identifier"),
    level: text("level") as Level,
    // a copy: a slice would keep the long text alive
    message: message.length > KEPT_TEXT ? copied(message.slice(0, KEPT_TEXT)) : message,
    length: Math.max(number("length"), message.length),
    cut: number("cut"),
  }
}

/** What a container is called whose line it is. In the journal it would be a program's claim. */
function containerOf(from: Record<string, unknown>): string {
  const fields = from["fields"] as Record<string, unknown> | null | undefined
  const name = from["source"] === "journal" ? "" : fields?.["container"]
  return typeof name === "string" ? name : ""
}

function copied(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string
}

/** A mark that older lines are not loaded; it stands before the line `before`. */
export function holeBefore(before: LogLine, hole: { arrived: string; cursor: string }): LogLine {
  return {
    time: before.time, batch: before.batch, position: before.position - 0.5, node: "", nodeId: "", source: "", unit: "", level: "info",
    message: "", length: 0, cut: 0, hole,
  }
}

export function placeOfLine(line: LogLine): string {
  return `${line.batch.toString(16)}.${line.position.toString(16)}`
}

export function compare(one: LogLine, other: LogLine): number {
  return one.time - other.time || one.batch - other.batch || one.position - other.position
}

export class Lines {
  /** Oldest first. */
  items: LogLine[] = []
  /** Lines that were let go at the old end, as there were too many. */
  dropped = 0
  /** From here on items have changed since this was last set to Infinity. */
  changedFrom = 0
  #weight = 0
  readonly #most: number
  readonly #mostWeight: number

  constructor(most = MAX_LINES, mostWeight = MAX_WEIGHT) {
    this.#most = most
    this.#mostWeight = mostWeight
  }

  /** So many that more would soon drop old ones. */
  get full(): boolean {
    return this.items.length >= this.#most * 0.9 || this.#weight >= this.#mostWeight * 0.9
  }

  /** Join more lines in, in whatever order; returns those that were new. What is too many is dropped at the old end. */
  add(more: LogLine[]): LogLine[] {
    const sorted = isSorted(more) ? more : [...more].sort(compare)
    const [first] = sorted
    if (!first) return []
    const start = this.indexOf(first)
    const tail = this.items.splice(start)
    const added = joined(this.items, tail, sorted)
    if (added.length) {
      this.changedFrom = Math.min(this.changedFrom, start)
      for (const line of added) this.#weight += weightOf(line)
      this.#trim()
    }
    return added
  }

  /** Take lines out; it is only done to holes. */
  remove(line: LogLine): void {
    const at = this.indexOf(line)
    if (this.items[at] !== line) return
    this.items.splice(at, 1)
    this.#weight -= weightOf(line)
    this.changedFrom = Math.min(this.changedFrom, at)
  }

  /** Where a line is, or would be. */
  indexOf(line: LogLine): number {
    let low = 0
    let high = this.items.length
    while (low < high) {
      const middle = (low + high) >> 1
      const at = this.items[middle]
      if (at && compare(at, line) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #trim(): void {
    if (this.items.length <= this.#most && this.#weight <= this.#mostWeight) return
    let count = 0
    while (this.items.length - count > this.#most * 0.95 || this.#weight > this.#mostWeight * 0.95) {
      const line = this.items[count]
      if (!line) break
      this.#weight -= weightOf(line)
      if (!line.hole) this.dropped++
      count++
    }
    this.items.splice(0, count)
    this.changedFrom = 0
  }
}

function weightOf(line: LogLine): number {
  return line.message.length + LINE_WEIGHT
}

function isSorted(lines: LogLine[]): boolean {
  return lines.every((line, at) => {
    const before = lines[at - 1]
    return !before || compare(before, line) < 0
  })
}

/** Put two sorted lists behind `onto`, equal lines once (those of `held`); returns what of `more` was not in `held`. */
function joined(onto: LogLine[], held: LogLine[], more: LogLine[]): LogLine[] {
  const added: LogLine[] = []
  let last: LogLine | undefined
  let at = 0
  for (const line of more) {
    for (let next = held[at]; next && compare(next, line) < 0; next = held[at]) {
      onto.push(next)
      at++
    }
    const next = held[at]
    if ((next && compare(next, line) === 0) || (last && compare(last, line) === 0)) continue
    onto.push(line)
    added.push(line)
    last = line
  }
  for (; at < held.length; at++) onto.push(held[at] as LogLine)
  return added
}

/** Batches before the newest from which on what may have been missed is asked for: they are told about in their order, nearly. */
const OVERLAP = 100

/** The place from which on to ask for what may have been missed, when `batch` is the newest that came; "" when none has. */
export function missedSince(batch: number): string {
  return batch ? `${Math.max(1, batch - OVERLAP).toString(16)}.0` : ""
}

/** A line as plain text, as it is copied and downloaded. */
export function plainText(line: Pick<LogLine, "time" | "node" | "source" | "unit" | "level" | "message">): string {
  const from = line.unit && line.unit !== line.source ? `${line.source} ${line.unit}` : line.source
  return `${rfc3339(line.time)} ${line.node} ${from} ${line.level}: ${line.message}`
}

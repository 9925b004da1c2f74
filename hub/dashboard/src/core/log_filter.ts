// Which log lines a view is about: as an address has it, as the search and the stream are asked. Pure.

import type { Filter } from "./live.ts"
import { LEVELS, type Level } from "./types.ts"

export type LogFilter = {
  /** Selector of nodes. */
  q: string
  level: Level | ""
  source: string
  unit: string
  text: string
  /** RFC 3339, or how long ago (`1h`); "" for all that is kept. */
  since: string
  /** RFC 3339; "" for now, and what comes. */
  until: string
}

export const EVERYTHING: LogFilter = { q: "", level: "", source: "", unit: "", text: "", since: "", until: "" }
export const DEFAULT_SINCE = "1h"
/** In an address: no bound. */
const UNBOUNDED = "all"

export const RANGES: readonly (readonly [string, string])[] = [
  ["5m", "last 5 minutes"], ["15m", "last 15 minutes"], ["1h", "last hour"], ["6h", "last 6 hours"], ["1d", "last day"],
  ["7d", "last 7 days"], ["30d", "last 30 days"], ["", "all that is kept"],
]

const AGO = /^[0-9]{1,6}[smhdw]$/

export function isAgo(time: string): boolean {
  return AGO.test(time)
}

export function readFilter(query: URLSearchParams): LogFilter {
  const text = (name: string) => query.get(name) ?? ""
  const level = text("level")
  const since = query.get("since") ?? DEFAULT_SINCE
  return {
    q: text("q"), level: (LEVELS as readonly string[]).includes(level) ? (level as Level) : "", source: text("source"),
    unit: text("unit"), text: text("text"), since: since === UNBOUNDED ? "" : since, until: text("until"),
  }
}

/** What of a filter stands in an address; an empty text means that the parameter is left out. */
export function writeFilter(filter: Partial<LogFilter>): Record<string, string> {
  const written: Record<string, string> = {}
  for (const [name, value] of Object.entries(filter)) {
    written[name] = name === "since" ? (value === DEFAULT_SINCE ? "" : value || UNBOUNDED) : value
  }
  return written
}

/** Parameters of GET /logs, and of what stands around it. */
export function searchQuery(filter: LogFilter): Record<string, string> {
  return {
    selector: filter.q.trim() || "all", level: filter.level, source: filter.source, unit: filter.unit, grep: filter.text,
    since: filter.since, until: filter.until,
  }
}

export function liveFilter(filter: LogFilter): Filter {
  return {
    kinds: ["log"], selector: filter.q.trim() || "all", level: filter.level, source: filter.source, unit: filter.unit,
    grep: filter.text, brief: true,
  }
}

/** Whether what comes belongs to it. */
export function isLive(filter: LogFilter): boolean {
  return filter.until === ""
}

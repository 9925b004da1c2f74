// How much time the charts show: the last hours, moving on, or a piece that stands still. It lives in the address. Pure.

export const SPANS = [
  { key: "15m", name: "15 min", seconds: 900 },
  { key: "1h", name: "1 h", seconds: 3600 },
  { key: "6h", name: "6 h", seconds: 6 * 3600 },
  { key: "1d", name: "1 day", seconds: 86_400 },
  { key: "7d", name: "7 days", seconds: 7 * 86_400 },
] as const
export type SpanKey = (typeof SPANS)[number]["key"]

const SHORTEST = 10

/** `from` and `until` in seconds since 1970, both 0 for the last `seconds` before now. */
export type Range = { key: SpanKey | ""; seconds: number; from: number; until: number }

/** The range of an address: `range=6h`, or `from` and `until` in seconds; where that makes no sense, the usual one. */
export function rangeOf(query: URLSearchParams, usual: SpanKey): Range {
  const from = Number(query.get("from"))
  const until = Number(query.get("until"))
  if (from > 0 && until - from >= SHORTEST && until < 1e11) return { key: "", seconds: until - from, from, until }
  const span = SPANS.find((each) => each.key === query.get("range")) ?? SPANS.find((each) => each.key === usual) ?? SPANS[1]
  return { key: span.key, seconds: span.seconds, from: 0, until: 0 }
}

/** What stands in the address for a span. */
export function spanQuery(key: string): Record<string, string> {
  return { range: key, from: "", until: "" }
}

/** What changes in the address for a piece that was dragged out, at least some seconds of it; the span stays, to go back to. */
export function pieceQuery(from: number, until: number): Record<string, string> {
  const middle = (from + until) / 2
  const half = Math.max(until - from, SHORTEST) / 2
  return { from: String(Math.round(middle - half)), until: String(Math.round(middle + half)) }
}

/** What changes in the address to go back from a piece. */
export const WHOLE = { from: "", until: "" }

/** What is shown at `now` (seconds). */
export function edges(range: Range, now: number): [number, number] {
  return range.from ? [range.from, range.until] : [now - range.seconds, now]
}

/** Seconds since 1970 of what a `datetime-local` field holds (local time), 0 for none. */
export function fromField(text: string): number {
  const time = text ? new Date(text).getTime() / 1000 : 0
  return Number.isFinite(time) ? time : 0
}

/** What such a field holds for a time in seconds. */
export function toField(seconds: number): string {
  const date = new Date(seconds * 1000)
  const two = (value: number) => String(value).padStart(2, "0")
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`
}

/** Texts under a time axis, local time: the day where it changes, else the time as fine as the marks (seconds apart). */
export function markTexts(marks: readonly number[], apart: number): string[] {
  let day = ""
  return marks.map((mark) => {
    const text = toField(mark)
    const [date = "", time = ""] = text.split("T")
    const isNew = date !== day
    day = date
    if (apart >= 86_400) return date.slice(5)
    const seconds = apart < 60 ? `:${String(Math.floor(mark) % 60).padStart(2, "0")}` : ""
    return isNew && mark !== marks[0] ? `${date.slice(5)} ${time}` : time + seconds
  })
}

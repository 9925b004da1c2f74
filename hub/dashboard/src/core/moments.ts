// Times as the hub counts them, in microseconds since 1970, and as they are written. Pure.

/** Microseconds of an RFC 3339 text with up to six decimals; 0 for none. */
export function micros(time: string | null | undefined): number {
  if (!time) return 0
  const found = /^(.*?)(?:\.(\d{1,6})\d*)?(Z|[+-]\d\d:\d\d)$/.exec(time)
  if (!found) return 0
  const whole = Date.parse(`${found[1] ?? ""}${found[3] ?? ""}`)
  return Number.isNaN(whole) ? 0 : whole * 1000 + Number((found[2] ?? "").padEnd(6, "0"))
}

/** RFC 3339 with six decimals, UTC. */
export function rfc3339(us: number): string {
  const ms = Math.floor(us / 1000)
  return `${new Date(ms).toISOString().slice(0, 23)}${String(us - ms * 1000).padStart(3, "0")}Z`
}

/** The local time of day: `14:03:05.123`. */
export function timeOfDay(us: number): string {
  const date = new Date(us / 1000)
  const two = (value: number) => String(value).padStart(2, "0")
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`
}

/** The local day of a moment as `2026-11-20`. */
export function dayOf(us: number): string {
  const date = new Date(us / 1000)
  return `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}-${String(date.getDate()).padStart(2, "0")}`
}

/** What `<input type="datetime-local" step="1">` holds for a moment, "" for none; and the moment that it names, as RFC 3339. */
export function toLocalInput(time: string): string {
  const us = micros(time)
  return us ? `${dayOf(us)}T${timeOfDay(us).slice(0, 8)}` : ""
}

export function fromLocalInput(value: string): string {
  const ms = Date.parse(value)
  return Number.isNaN(ms) ? "" : new Date(ms).toISOString()
}

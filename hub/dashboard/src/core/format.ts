// Numbers and times as people read them. Pure: what is shown depends on what is given.

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Milliseconds since 1970 of an RFC 3339 text; 0 for none. */
export function millis(time: string | null | undefined): number {
  return time ? Date.parse(time) : 0
}

/** A span in one or two units: `8 s`, `3 min`, `2 h 5 min`, `4 d`. */
export function span(ms: number): string {
  if (ms < 0) return `-${span(-ms)}`
  if (ms < 10 * SECOND && ms >= SECOND) return `${(ms / SECOND).toFixed(1)} s`
  if (ms < SECOND) return `${Math.round(ms)} ms`
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`
  if (ms < DAY) return joined(Math.floor(ms / HOUR), "h", Math.floor((ms % HOUR) / MINUTE), "min")
  return ms < 10 * DAY ? joined(Math.floor(ms / DAY), "d", Math.floor((ms % DAY) / HOUR), "h") : `${Math.floor(ms / DAY)} d`
}

/** How long ago: `now` below two seconds, then `3 min ago`; `in 5 min` for what is to come; `never` for 0. */
export function ago(then: number, now: number): string {
  if (!then) return "never"
  const past = now - then
  if (Math.abs(past) < 2 * SECOND) return "now"
  return past > 0 ? `${plainSpan(past)} ago` : `in ${plainSpan(-past)}`
}

/** Bytes in binary units: `512 B`, `1.5 KiB`, `20 GiB`. */
export function bytes(count: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
  let value = count
  let at = 0
  while (Math.abs(value) >= 1024 && at < units.length - 1) {
    value /= 1024
    at++
  }
  return `${at === 0 || Math.abs(value) >= 100 ? Math.round(value) : value.toFixed(1)} ${units[at]}`
}

/** A number with at most three figures that count, and thin spaces between thousands. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return "-"
  if (Math.abs(value) >= 100 || Number.isInteger(value)) return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, "\u2009")
  return String(Number(value.toPrecision(3)))
}

/** `1 node`, `5 nodes`. */
export function count(value: number, one: string, many = `${one}s`): string {
  return `${number(value)} ${value === 1 ? one : many}`
}

/** The local time of a moment: `2026-11-20 14:03:05`, with milliseconds where wanted. */
export function clock(ms: number, withMillis = false): string {
  const date = new Date(ms)
  const two = (value: number) => String(value).padStart(2, "0")
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  return `${day} ${time}${withMillis ? `.${String(date.getMilliseconds()).padStart(3, "0")}` : ""}`
}

function plainSpan(ms: number): string {
  return ms < MINUTE ? `${Math.floor(ms / SECOND)} s` : span(ms)
}

function joined(large: number, unit: string, small: number, smaller: string): string {
  return small ? `${large} ${unit} ${small} ${smaller}` : `${large} ${unit}`
}

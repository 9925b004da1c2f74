// Maintenance windows: planned times in which nobody is to be troubled about nodes. What a form says to the hub, and
// what to say of one. Pure.

import { clock, millis, span } from "./format.ts"

export type WindowSpan = { begin: string | null; end: string | null }

export type MaintenanceWindow = {
  name: string
  selector: string
  seconds: number
  begin: string | null
  cron: string
  zone: string
  reason: string
  created: string | null
  created_by: string
  on: boolean
  next: WindowSpan[]
}

/** As the hub's API takes it. */
export type WindowBody = { selector: string; seconds: number; begin?: string; cron?: string; zone: string; reason: string }

export type When = "once" | "weekly" | "cron"

/** What stands in the form; `begin` as `datetime-local` writes it, in the reader's own time. */
export type WindowForm = { selector: string; when: When; begin: string; days: readonly number[]; at: string; cron: string; zone: string; seconds: number; reason: string }

/** Days of the week as cron numbers them, from Monday on. */
export const DAYS: readonly (readonly [number, string])[] = [[1, "Mon"], [2, "Tue"], [3, "Wed"], [4, "Thu"], [5, "Fri"], [6, "Sat"], [0, "Sun"]]

/** How long one can last, as the form offers it: seconds and what to call them. */
export const LENGTHS: readonly (readonly [number, string])[] = [
  [1800, "30 minutes"], [3600, "an hour"], [2 * 3600, "2 hours"], [4 * 3600, "4 hours"], [8 * 3600, "8 hours"], [86_400, "a day"], [2 * 86_400, "2 days"],
  [7 * 86_400, "a week"],
]

const TIME = /^([01]?\d|2[0-3]):([0-5]\d)$/
const WEEKLY = /^(\d{1,2}) (\d{1,2}) \* \* ([0-6](?:,[0-6])*)$/

/** What the hub is asked, or what is still missing. */
export function bodyOf(form: WindowForm): WindowBody | string {
  const { selector, seconds, zone, reason } = form
  if (!selector.trim()) return "Say which nodes."
  const body = { selector: selector.trim(), seconds, zone: zone.trim() || "UTC", reason: reason.trim() }
  if (form.when === "once") {
    const begin = Date.parse(form.begin)
    return Number.isNaN(begin) ? "Say when it begins." : { ...body, begin: new Date(begin).toISOString() }
  }
  if (form.when === "cron") return form.cron.trim() ? { ...body, cron: form.cron.trim() } : "Give a cron expression."
  const time = TIME.exec(form.at)
  if (!form.days.length || !time) return "Choose days of the week and a time."
  const days = DAYS.map(([day]) => day).filter((day) => form.days.includes(day))
  return { ...body, cron: `${Number(time[2])} ${Number(time[1])} * * ${days.join(",")}` }
}

/** `Sat, Sun at 22:00 Europe/Paris, for 4 h`. */
export function windowWords(window: Pick<MaintenanceWindow, "begin" | "cron" | "zone" | "seconds">): string {
  const length = `for ${span(window.seconds * 1000)}`
  if (!window.cron) return `once, ${clock(millis(window.begin)).slice(0, 16)}, ${length}`
  const weekly = WEEKLY.exec(window.cron)
  if (!weekly?.[1] || !weekly[2] || !weekly[3]) return `by cron ${window.cron} ${window.zone}, ${length}`
  const chosen = weekly[3].split(",").map(Number)
  const days = DAYS.filter(([day]) => chosen.includes(day)).map(([, name]) => name)
  return `${days.length === DAYS.length ? "daily" : days.join(", ")} at ${weekly[2].padStart(2, "0")}:${weekly[1].padStart(2, "0")} ${window.zone}, ${length}`
}

/** `2026-11-28 22:00 to 02:00`, in the reader's own time. */
export function spanWords(each: WindowSpan): string {
  const begin = clock(millis(each.begin)).slice(0, 16)
  const end = clock(millis(each.end)).slice(0, 16)
  return `${begin} to ${end.slice(0, 10) === begin.slice(0, 10) ? end.slice(11) : end}`
}

/** The window that makes a silence; "" where somebody made it. */
export function windowOf(silence: string): string {
  return silence.startsWith("window:") ? silence.slice("window:".length) : ""
}

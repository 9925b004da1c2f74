// Alarms: what the hub's rules found wrong. How each is named, where it leads, and how many are open. Pure but for the signal.

import { signal } from "@preact/signals"
import { addressOf } from "./pages.ts"

export const SEVERITIES = ["info", "warning", "critical"] as const
export type Severity = (typeof SEVERITIES)[number]
export type AlarmState = "raised" | "acknowledged" | "cleared"
export type Flip = { kind: AlarmState; time: string | null; claimed: string | null }

export type Alarm = {
  id: string
  state: AlarmState
  rule: string
  severity: Severity
  summary: string
  subject: string
  node: string
  node_id: string
  service: string
  component: string
  value: string
  tags: string[]
  raised: string | null
  acknowledged: string | null
  acknowledged_by: string
  cleared: string | null
  changed: string | null
  silenced: boolean
  reason: string
  flips?: Flip[]
}

/** What the overview says of the open ones. */
export type AlarmSummary = { raised: number; acknowledged: number; severity: Record<Severity, number>; worst: Alarm[] }

/** The newest summary; null before the first. The shell keeps it, the first page and the ways to go show it. */
export const alarmSummary = signal<AlarmSummary | null>(null)

/** How many minutes of the log before and after an alarm its link shows. */
const AROUND_MS = 5 * 60_000

/** `2 critical, 1 warning`, worst first; "" where none is open. */
export function severityWords(many: Readonly<Record<Severity, number>>): string {
  return [...SEVERITIES].reverse().filter((each) => many[each] > 0).map((each) => `${many[each]} ${each}`).join(", ")
}

/** What of a summary is news beside the troubles that are told anyway (`told`: their subjects) and those that nobody is to be
 * troubled about: the worst to list, and how many are raised. */
export function newsOf(summary: AlarmSummary | null, told: ReadonlySet<string>, quiet: (alarm: Alarm) => boolean): { raised: number; worst: Alarm[] } {
  if (!summary) return { raised: 0, worst: [] }
  const known = (alarm: Alarm) => alarm.silenced || quiet(alarm) || told.has(alarm.subject) || (alarm.service !== "" && told.has(`service:${alarm.service}`))
  return { raised: summary.raised - summary.worst.filter((alarm) => alarm.state === "raised" && known(alarm)).length, worst: summary.worst.filter((alarm) => !known(alarm)) }
}

/** The alarms with those of `newer` in their place or added, newest first. */
export function mergeAlarms(known: readonly Alarm[], newer: readonly Alarm[]): Alarm[] {
  const all = new Map(known.map((alarm) => [alarm.id, alarm]))
  for (const alarm of newer) all.set(alarm.id, alarm)
  return [...all.values()].sort((one, other) => Date.parse(other.raised ?? "") - Date.parse(one.raised ?? "") || (other.id < one.id ? -1 : 1))
}

/** The histogram package that an alarm tells of; "" for none. */
export function packageOf(alarm: Pick<Alarm, "subject">): string {
  return /^package:(\S+)/.exec(alarm.subject)?.[1] ?? ""
}

/** The part of the log in which what an alarm tells of stands: around its beginning, of its node. */
export function logAddress(alarm: Pick<Alarm, "raised" | "node">): string {
  const then = Date.parse(alarm.raised ?? "")
  const at = (ms: number) => new Date(ms).toISOString()
  return addressOf("/logs", {}, { ...(alarm.node ? { q: alarm.node } : {}), since: at(then - AROUND_MS), until: at(then + AROUND_MS) })
}

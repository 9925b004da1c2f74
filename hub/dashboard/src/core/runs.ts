// Runs as the hub tells them, and what their states mean. Pure.

import { count } from "./format.ts"
import { joinWords } from "./shell_words.ts"

export type RunState = "queued" | "dispatched" | "running" | "finished" | "failed" | "timed-out" | "cancelled" | "refused" | "expired" | "lost"

export type RunNode = {
  node: string
  node_id: string
  state: RunState
  reason: string
  exit_code: number
  dispatched: string | null
  started: string | null
  ended: string | null
  cut: number
}

export type Run = {
  id: string
  kind: "run" | "update" | "enroll" | "terminal"
  selector: string
  argv: string[]
  script: string
  user: string
  timeout: number
  created: string | null
  created_by: string
  reason: string
  batch: string
  max_failures: number
  queue_until: string | null
  cancelled: string | null
  ended: string | null
  counts: Partial<Record<RunState, number>>
  nodes?: RunNode[]
  more?: { cwd: string; env: Record<string, string>; stdin: string; memory: number; cpu: number; output: number; queue: number }
}

type Meaning = { sign: string; tone: "good" | "bad" | "warn" | "busy" | "faint"; over: boolean; says: string }

/** In the order in which they are listed: what went wrong first. */
export const STATES: Readonly<Record<RunState, Meaning>> = {
  failed: { sign: "✕", tone: "bad", over: true, says: "ended with an error" },
  "timed-out": { sign: "✕", tone: "bad", over: true, says: "took longer than it may" },
  lost: { sign: "✕", tone: "bad", over: true, says: "never reported its end" },
  refused: { sign: "⊘", tone: "bad", over: true, says: "refused by the machine" },
  expired: { sign: "○", tone: "warn", over: true, says: "the node was not there in time" },
  cancelled: { sign: "◌", tone: "warn", over: true, says: "cancelled" },
  running: { sign: "▶", tone: "busy", over: false, says: "running" },
  dispatched: { sign: "▷", tone: "busy", over: false, says: "sent to the node" },
  queued: { sign: "·", tone: "faint", over: false, says: "waits" },
  finished: { sign: "✓", tone: "good", over: true, says: "ended well" },
}

export const STATE_NAMES = Object.keys(STATES) as RunState[]

export function isState(text: unknown): text is RunState {
  return typeof text === "string" && Object.hasOwn(STATES, text)
}

/** States that there are, in the order of STATES, with how many. */
export function countsOf(run: Pick<Run, "counts">): [RunState, number][] {
  return STATE_NAMES.map((state): [RunState, number] => [state, run.counts[state] ?? 0]).filter(([, count]) => count > 0)
}

export function countNodes(nodes: readonly RunNode[]): Run["counts"] {
  const counts: Run["counts"] = {}
  for (const node of nodes) counts[node.state] = (counts[node.state] ?? 0) + 1
  return counts
}

export function totalOf(run: Pick<Run, "counts">): number {
  return Object.values(run.counts).reduce((sum, count) => sum + count, 0)
}

/** What is run, on one line. */
export function commandOf(run: Pick<Run, "argv" | "script">): string {
  if (!run.script) return joinWords(run.argv)
  const lines = run.script.split("\n").filter((line) => line.trim() && !line.startsWith("#!"))
  const first = (lines[0] ?? "").trim()
  return `script: ${first}${lines.length > 1 ? " ..." : ""}${run.argv.length ? ` (with ${joinWords(run.argv)})` : ""}`
}

/** Runs joined by id, newest first; what is told later counts. */
export function mergeRuns(held: readonly Run[], more: readonly Run[]): Run[] {
  const byId = new Map(held.map((run) => [run.id, run]))
  for (const run of more) byId.set(run.id, run)
  return [...byId.values()].sort((one, other) => (other.created ?? "").localeCompare(one.created ?? "") || other.id.localeCompare(one.id))
}

/** How many nodes at a time, as `10` or `25%` says it. */
export function batchText(batch: string): string {
  return batch.trim().endsWith("%") ? `${batch.trim()} of the nodes at a time` : `${count(Number(batch), "node")} at a time`
}

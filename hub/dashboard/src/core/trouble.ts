// What is wrong, worst first: what Home begins with. Pure.

import { millis } from "./format.ts"
import type { HubStatus, Node } from "./types.ts"

export const BAD_ENDS = ["failed", "timed-out", "refused", "lost"] as const
const RECENT_MS = 24 * 3600_000

/** As far as Home reads it. */
export type RunShort = { id: string; argv: string[]; script: string; created: string | null; created_by: string; ended: string | null; counts: Record<string, number> }

/** `kind` says how bad: what loses data or trust first, then what is down, then what failed, then what is only late. */
export type Trouble =
  | { kind: "hub"; text: string }
  | { kind: "conflict" | "silent" | "late"; node: Node }
  | { kind: "run"; run: RunShort; bad: number; of: number }

/** Nodes of a run that ended badly, and all of them. */
export function badEnds(run: RunShort): { bad: number; of: number } {
  let bad = 0
  let of = 0
  for (const [state, count] of Object.entries(run.counts)) {
    of += count
    if (BAD_ENDS.some((each) => each === state)) bad += count
  }
  return { bad, of }
}

export function troublesOf(nodes: readonly Node[], runs: readonly RunShort[], hub: HubStatus | null, now: number): Trouble[] {
  const found: Trouble[] = []
  if (hub?.trouble) found.push({ kind: "hub", text: hub.trouble })
  for (const node of nodes) if (node.conflict && node.state !== "revoked") found.push({ kind: "conflict", node })
  const silent = nodes.filter((node) => node.state === "silent" && !node.conflict)
  for (const node of silent.sort((one, other) => millis(other.last_seen) - millis(one.last_seen))) found.push({ kind: "silent", node })
  for (const run of runs) {
    const { bad, of } = badEnds(run)
    if (bad && now - millis(run.created) < RECENT_MS) found.push({ kind: "run", run, bad, of })
  }
  for (const node of nodes) if (node.state === "late" && !node.conflict) found.push({ kind: "late", node })
  return found
}

/** What a run does, in one line: its command, or the first line of its script that says something. */
export function commandOf(run: Pick<RunShort, "argv" | "script">): string {
  if (!run.script) return run.argv.join(" ")
  const line = run.script.split("\n").find((each) => each.trim() && !each.startsWith("#"))
  return (line ?? run.script.split("\n")[0] ?? "").trim()
}

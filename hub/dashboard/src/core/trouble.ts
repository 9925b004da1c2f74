// What is wrong, worst first: what Home begins with. Pure.
//
// A silenced node is no trouble, whether it is silent or late, as long as its silence lasts. A key that is used twice is, silenced
// or not; so are runs and rollouts, which nobody silenced.

import { millis } from "./format.ts"
import { type Rollout, sums } from "./rollouts.ts"
import { isTrouble, type Service } from "./services.ts"
import { isSilenced } from "./silences.ts"
import type { HubStatus, Node } from "./types.ts"

export const BAD_ENDS = ["failed", "timed-out", "refused", "lost"] as const
const RECENT_MS = 24 * 3600_000

/** As far as Home reads it. */
export type RunShort = { id: string; argv: string[]; script: string; created: string | null; created_by: string; reason?: string; ended: string | null; counts: Record<string, number> }

/** `kind` says how bad: what loses data or trust first, then what is down, what stands still, what failed, what is only late. */
export type Trouble =
  | { kind: "hub"; text: string }
  | { kind: "conflict" | "silent" | "late"; node: Node }
  | { kind: "service"; service: Service }
  | { kind: "halted"; rollout: Rollout }
  | { kind: "run"; run: RunShort; bad: number; of: number }
  | { kind: "update"; rollout: Rollout; bad: number; of: number }

export type Known = { nodes: readonly Node[]; services?: readonly Service[]; runs: readonly RunShort[]; rollouts: readonly Rollout[]; hub: HubStatus | null }

/** Nodes of a run that ended badly, and all of them. */
export function badEnds(run: Pick<RunShort, "counts">): { bad: number; of: number } {
  let bad = 0
  let of = 0
  for (const [state, count] of Object.entries(run.counts)) {
    of += count
    if (BAD_ENDS.some((each) => each === state)) bad += count
  }
  return { bad, of }
}

export function troublesOf({ nodes, services = [], runs, rollouts, hub }: Known, now: number): Trouble[] {
  const found: Trouble[] = []
  if (hub?.trouble) found.push({ kind: "hub", text: hub.trouble })
  for (const node of nodes) if (node.conflict && node.state !== "revoked") found.push({ kind: "conflict", node })
  const loud = nodes.filter((node) => !node.conflict && !isSilenced(node, now))
  const silent = loud.filter((node) => node.state === "silent")
  for (const node of silent.sort((one, other) => millis(other.last_seen) - millis(one.last_seen))) found.push({ kind: "silent", node })
  for (const service of services) if (isTrouble(service)) found.push({ kind: "service", service })
  for (const rollout of rollouts) if (rollout.state === "halted") found.push({ kind: "halted", rollout })
  for (const run of runs) {
    const { bad, of } = badEnds(run)
    if (bad && now - millis(run.created) < RECENT_MS) found.push({ kind: "run", run, bad, of })
  }
  for (const rollout of rollouts) {
    const { bad, all } = sums(rollout.counts)
    const recent = !rollout.ended || now - millis(rollout.ended) < RECENT_MS
    if (bad && recent && rollout.state !== "halted") found.push({ kind: "update", rollout, bad, of: all })
  }
  for (const node of loud) if (node.state === "late") found.push({ kind: "late", node })
  return found
}

/** Nodes that would be trouble if they were not silenced. */
export function hushed(nodes: readonly Node[], now: number): Node[] {
  return nodes.filter((node) => (node.state === "silent" || node.state === "late") && isSilenced(node, now))
}

/** What a run does, in one line: its command, or the first line of its script that says something. */
export function commandOf(run: Pick<RunShort, "argv" | "script">): string {
  if (!run.script) return run.argv.join(" ")
  const line = run.script.split("\n").find((each) => each.trim() && !each.startsWith("#"))
  return (line ?? run.script.split("\n")[0] ?? "").trim()
}

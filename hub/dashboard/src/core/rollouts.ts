// Rollouts as the hub tells them, what the states of their nodes mean, and what to say of them. Pure.

import { count, millis, span } from "./format.ts"

export type UpdateState =
  | "pending" | "sent" | "downloading" | "installing" | "confirming" | "rolling-back"
  | "updated" | "unchanged" | "rolled-back" | "failed" | "refused" | "expired" | "cancelled" | "lost"

export type RolloutNode = {
  node: string
  node_id: string
  state: UpdateState
  reason: string
  wave: number
  run: string
  from_version: string
  to_version: string
  sent: string | null
  changed: string | null
  ended: string | null
}

export type RolloutState = "going" | "halted" | "cancelling" | "ended"
export type Counts = Partial<Record<UpdateState, number>>

export type Rollout = {
  id: string
  selector: string
  package: string
  version: string
  state: RolloutState
  created: string | null
  created_by: string
  reason: string
  older: boolean
  canary: string
  batch: string
  max_failures: number
  halt_on_error: boolean
  soak: number
  confirm: number
  queue_until: string | null
  halted: string | null
  halt_reason: string
  cancelled: string | null
  ended: string | null
  counts: Counts
  nodes?: RolloutNode[]
}

export type Plan = { package: string; version: string; counts: Counts; nodes: RolloutNode[] }

type Tone = "good" | "bad" | "warn" | "busy" | "faint"
type Meaning = { sign: string; tone: Tone; over: boolean; says: string }

/** In the order in which they are listed: what is under way first, then what went wrong, what waits, what went well. */
export const STATES: Readonly<Record<UpdateState, Meaning>> = {
  "rolling-back": { sign: "↶", tone: "warn", over: false, says: "the previous agent is being put back" },
  confirming: { sign: "▶", tone: "busy", over: false, says: "installed, waits for the hub's word" },
  installing: { sign: "▶", tone: "busy", over: false, says: "the package is being installed" },
  downloading: { sign: "▷", tone: "busy", over: false, says: "fetches the package" },
  sent: { sign: "▷", tone: "busy", over: false, says: "sent to the node" },
  failed: { sign: "✕", tone: "bad", over: true, says: "could not be updated, nor put back as it was" },
  "rolled-back": { sign: "↶", tone: "bad", over: true, says: "the previous agent is back" },
  refused: { sign: "⊘", tone: "bad", over: true, says: "refused by the machine, or by what it has already" },
  lost: { sign: "✕", tone: "bad", over: true, says: "fell silent in the middle, or was removed" },
  expired: { sign: "○", tone: "warn", over: true, says: "the node was not there in time" },
  cancelled: { sign: "◌", tone: "warn", over: true, says: "cancelled before it began" },
  pending: { sign: "·", tone: "faint", over: false, says: "its turn has not come, or it is offline" },
  updated: { sign: "✓", tone: "good", over: true, says: "has the version now" },
  unchanged: { sign: "✓", tone: "good", over: true, says: "had the version already" },
}

export const STATE_NAMES = Object.keys(STATES) as UpdateState[]
const RANK = new Map(STATE_NAMES.map((state, at) => [state, at]))

export const ROLLOUT_STATES: Readonly<Record<RolloutState, { sign: string; tone: Tone }>> = {
  going: { sign: "▶", tone: "busy" },
  halted: { sign: "■", tone: "bad" },
  cancelling: { sign: "◌", tone: "warn" },
  ended: { sign: "·", tone: "faint" },
}

/** How a node ends that was to be updated and was not, so that somebody should look. */
const BAD_ENDS: ReadonlySet<string> = new Set(["failed", "rolled-back", "refused", "lost"])

export const CANARY = 0
const NO_WAVE = -1

export function isState(text: unknown): text is UpdateState {
  return typeof text === "string" && Object.hasOwn(STATES, text)
}

/** States that there are, in their order, with how many. */
export function countsOf(counts: Counts): [UpdateState, number][] {
  return STATE_NAMES.map((state): [UpdateState, number] => [state, counts[state] ?? 0]).filter(([, some]) => some > 0)
}

export function countNodes(nodes: readonly RolloutNode[]): Counts {
  const counts: Counts = {}
  for (const node of nodes) counts[node.state] = (counts[node.state] ?? 0) + 1
  return counts
}

/** How many nodes ended badly, how many have ended at all, and how many there are. */
export function sums(counts: Counts): { bad: number; over: number; all: number } {
  const found = { bad: 0, over: 0, all: 0 }
  for (const [state, some] of countsOf(counts)) {
    found.all += some
    if (STATES[state].over) found.over += some
    if (BAD_ENDS.has(state)) found.bad += some
  }
  return found
}

/** Nodes in the order in which one looks at them; those alike by wave, then as the hub has them. */
export function byInterest(nodes: readonly RolloutNode[]): RolloutNode[] {
  return nodes.toSorted((one, other) => (RANK.get(one.state) ?? 0) - (RANK.get(other.state) ?? 0) || one.wave - other.wave)
}

export function waveName(wave: number): string {
  return wave === CANARY ? "canary" : wave === NO_WAVE ? "" : String(wave)
}

export type Wave = { wave: number; over: number; bad: number; of: number }

/** How far each wave is, the canaries first; nodes for which nothing was to be done are in none. */
export function wavesOf(nodes: readonly RolloutNode[]): Wave[] {
  const waves = new Map<number, Wave>()
  for (const node of nodes) {
    if (node.wave === NO_WAVE) continue
    const wave = waves.get(node.wave) ?? { wave: node.wave, over: 0, bad: 0, of: 0 }
    wave.of++
    if (STATES[node.state].over) wave.over++
    if (BAD_ENDS.has(node.state)) wave.bad++
    waves.set(node.wave, wave)
  }
  return [...waves.values()].sort((one, other) => one.wave - other.wave)
}

/** Until when (ms) the canaries are watched before others follow; 0 where that is no question (any more). */
export function watchedUntil(rollout: Rollout): number {
  if (rollout.state !== "going" || !rollout.soak) return 0
  const nodes = rollout.nodes ?? []
  const canaries = nodes.filter((node) => node.wave === CANARY)
  if (!canaries.length || canaries.some((node) => !STATES[node.state].over) || nodes.some((node) => node.wave > CANARY && node.state !== "pending")) return 0
  if (!nodes.some((node) => node.state === "pending")) return 0
  const ended = Math.max(0, ...canaries.filter((node) => node.state === "updated").map((node) => millis(node.ended)))
  return ended && ended + rollout.soak * 1000
}

/** How long the update of a node has taken by now, or took; "" where it has not begun. */
export function took(node: RolloutNode, now: number): string {
  const sent = millis(node.sent)
  return sent ? span(Math.max(0, (millis(node.ended) || now) - sent)) : ""
}

/** When it halts by itself. */
export function haltsWhen(rollout: Pick<Rollout, "halt_on_error" | "max_failures" | "canary">): string {
  const silent = "or updated nodes fall silent"
  if (rollout.halt_on_error) return `at the first node that fails, ${silent}`
  if (rollout.max_failures >= 0) return `after more than ${rollout.max_failures} failures and nodes that fell silent`
  return rollout.canary ? `when a canary fails, ${silent}` : "when updated nodes fall silent"
}

/** What a plan is about to do, in a sentence. */
export function planWords(plan: Plan, soak: number): string {
  const waves = wavesOf(plan.nodes.filter((node) => node.state === "pending"))
  if (!waves.length) return `Nothing is to be done for ${plan.package} ${plan.version}.`
  const total = waves.reduce((sum, wave) => sum + wave.of, 0)
  const canaries = waves.find((wave) => wave.wave === CANARY)?.of ?? 0
  const others = waves.filter((wave) => wave.wave !== CANARY).map((wave) => wave.of)
  let said = `${plan.package} ${plan.version} goes to ${count(total, "node")}`
  if (canaries) said += `: first to ${canaries}${soak ? `, watched for ${span(soak * 1000)}` : ""}`
  if (canaries && others.length) said += `, then to ${total - canaries}`
  if (others.length > 1) said += `, in ${others.length} waves of at most ${Math.max(...others)}`
  return `${said}.`
}

/** Rollouts joined by id, newest first; what is told later counts. */
export function mergeRollouts(held: readonly Rollout[], more: readonly Rollout[]): Rollout[] {
  const byId = new Map(held.map((one) => [one.id, one]))
  for (const one of more) byId.set(one.id, one)
  return [...byId.values()].sort((one, other) => (other.created ?? "").localeCompare(one.created ?? "") || other.id.localeCompare(one.id))
}

/** The rollout that ordered a run of the kind `update`, "" where none is named. */
export function rolloutOf(reason: string): string {
  return /^rollout ([0-9a-z]{1,32})$/.exec(reason)?.[1] ?? ""
}

// Silences: nobody is to be troubled about a node until then. What to say of one. Pure.

import { clock, millis } from "./format.ts"
import type { Node } from "./types.ts"

export type Silence = {
  id: string
  selector: string
  fixed: boolean
  nodes: number
  until: string | null
  created: string | null
  created_by: string
  reason: string
}

/** Whether it holds now: one whose time has come is over, also before the hub says so. */
export function isSilenced(node: Pick<Node, "silenced">, now: number): boolean {
  return millis(node.silenced?.until) > now
}

/** `until 18:05 by otto`, with the day where it is not today's. */
export function silenceWords(silence: NonNullable<Node["silenced"]>, now: number): string {
  const until = clock(millis(silence.until))
  const today = clock(now)
  return `until ${until.slice(0, 10) === today.slice(0, 10) ? until.slice(11, 16) : until.slice(0, 16)} by ${silence.by}`
}

/** How long one can last, as the dialog offers it: seconds and what to call them. */
export const SPANS: readonly (readonly [number, string])[] = [
  [1800, "30 minutes"], [3600, "an hour"], [2 * 3600, "2 hours"], [8 * 3600, "8 hours"], [86_400, "a day"], [3 * 86_400, "3 days"],
  [7 * 86_400, "a week"], [30 * 86_400, "30 days"],
]

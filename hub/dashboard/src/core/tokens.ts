// What an enrolment token still does, and how its choices are written. Pure.

import type { EnrolToken } from "./admin_types.ts"
import { count, millis } from "./format.ts"

export type TokenState = "open" | "used up" | "expired" | "revoked"

export const VALIDITIES: readonly { seconds: number; name: string }[] = [
  { seconds: 3600, name: "1 hour" },
  { seconds: 86_400, name: "1 day" },
  { seconds: 7 * 86_400, name: "1 week" },
  { seconds: 30 * 86_400, name: "30 days" },
  { seconds: 365 * 86_400, name: "1 year" },
]

/** Whether machines may still join with it, and if not, why. `now` in milliseconds. */
export function stateOf(token: EnrolToken, now: number): TokenState {
  if (token.revoked) return "revoked"
  if (token.uses === 0) return "used up"
  return millis(token.expires) <= now ? "expired" : "open"
}

/** How many may still join: `1 machine`, `any number`. */
export function usesText(uses: number): string {
  return uses < 0 ? "any number" : count(uses, "machine")
}

/** Those that let somebody in first, and among equals the newest. */
export function inOrder(tokens: readonly EnrolToken[], now: number): EnrolToken[] {
  const rank = (token: EnrolToken) => (stateOf(token, now) === "open" ? 0 : 1)
  return [...tokens].sort((one, other) => rank(one) - rank(other) || millis(other.created) - millis(one.created))
}

/** Whether an address is one that only its own machine can reach. */
export function isLoopback(url: string): boolean {
  const host = URL.canParse(url) ? new URL(url).hostname : ""
  return host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host)
}

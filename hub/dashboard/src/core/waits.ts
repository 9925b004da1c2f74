// How long to wait before the next try. Pure.

const FIRST = 300
const LONGEST = 10_000

/** Milliseconds before try number `tries` (from 0); `chance` in 0..1 spreads many pages out. */
export function nextWait(tries: number, chance: number): number {
  return Math.min(LONGEST, FIRST * 2 ** Math.min(tries, 10)) * (0.75 + chance / 2)
}

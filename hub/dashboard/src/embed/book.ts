// The cycles of one service as they stand: what was asked for, with the live events over it. Pure; who owns it asks and listens.
//
// An answer of the hub may be older than what was heard since it was asked for: those events are applied to it again, in order,
// so that no step goes back.

import { type Change, changed, type Cycle, type Description, freshCycle } from "./steps.ts"

/** Events that are remembered while an answer is awaited; the answers after it make good what is beyond. */
const MOST_HELD = 2000

/** Marks where in the stream something was asked. */
export type Mark = number

export class CycleBook {
  readonly #cycles = new Map<number, Cycle>()
  #held: Change[] = []
  #heard = 0
  #awaited = 0

  /** Newest first. */
  get cycles(): Cycle[] {
    return [...this.#cycles.values()].sort((one, other) => other.number - one.number)
  }

  get(number: number): Cycle | undefined {
    return this.#cycles.get(number)
  }

  /** Something is asked for now; `put` or `dropped` says what came of it. */
  asked(): Mark {
    this.#awaited++
    return this.#heard
  }

  dropped(): void {
    this.#awaited--
    if (!this.#awaited) this.#held = []
  }

  /** What the hub answered to what was asked at `mark`. */
  put(cycles: readonly Cycle[], mark: Mark): void {
    const since = this.#held.slice(Math.max(0, this.#held.length - (this.#heard - mark)))
    for (const cycle of cycles) {
      this.#cycles.set(cycle.number, since.filter((change) => change.cycle === cycle.number).reduce(changed, cycle))
    }
    this.dropped()
  }

  /** A live event; cycles that are not known begin with it. */
  take(change: Change, description: Description): void {
    if (this.#awaited) this.#held = [...this.#held, change].slice(-MOST_HELD)
    this.#heard++
    const known = this.#cycles.get(change.cycle)
    if (known ?? change.cycle > this.newest) this.#cycles.set(change.cycle, changed(known ?? freshCycle(change.cycle, description), change))
  }

  get newest(): number {
    return Math.max(0, ...this.#cycles.keys())
  }

  /** Keep the newest so many, and those that have not ended. */
  trim(most: number): void {
    for (const cycle of this.cycles.slice(most)) if (cycle.ended) this.#cycles.delete(cycle.number)
  }

  clear(): void {
    this.#cycles.clear()
  }
}

// Whether a socket that says nothing still lives. A pulled cable, a sleeping laptop or a hub that hangs closes no connection,
// so who has been quiet is asked, and who does not answer is gone. Pure.

/** Milliseconds of quiet after which the other side is asked. */
export const QUIET_MS = 5000
/** Milliseconds in which it has to answer. */
export const ANSWER_MS = 5000
/** A look that comes so late comes from a page that was asleep: what had been asked before counts no more. */
const LATE_MS = 3000

export type Verdict = "well" | "ask" | "gone"

export class Pulse {
  /** When something was heard last. */
  heard: number
  #asked = 0
  #looked: number

  constructor(now: number) {
    this.heard = now
    this.#looked = now
  }

  hear(now: number): void {
    this.heard = now
    this.#asked = 0
  }

  /** To be called about once a second; after "ask" the caller has asked. */
  look(now: number): Verdict {
    const slept = now - this.#looked > LATE_MS || now < this.#looked
    this.#looked = now
    if (slept || (!this.#asked && now - this.heard > QUIET_MS)) return this.doubt(now)
    return this.#asked && now - this.#asked > ANSWER_MS ? "gone" : "well"
  }

  /** There is reason to ask now, whatever was heard. */
  doubt(now: number): "ask" {
    this.#asked = now
    return "ask"
  }
}

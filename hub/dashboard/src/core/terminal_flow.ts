// Where a terminal's output stands, counted in bytes from its beginning: what has come, what is drawn, what the hub was
// told of it, and from where on to ask after a loss. Pure.
//
//   acknowledged <= drawn <= received

/** Bytes that are drawn before the hub is told, while more wait to be drawn. */
const STEP = 32 * 1024

export class Flow {
  #received = -1
  #drawn = -1
  #acknowledged = -1

  /** What to ask the hub for after a loss: everything from here on; -1 before the first time. */
  get offset(): number {
    return Math.max(-1, this.#received)
  }

  /** The hub's first word: what comes next ends at `offset` with its first `screen` bytes. */
  begin(offset: number, screen: number): void {
    this.#received = this.#drawn = this.#acknowledged = offset - screen
  }

  /** So many bytes have come; returns the place behind them. */
  came(size: number): number {
    this.#received += size
    return this.#received
  }

  /** Everything before `place` is drawn; returns the offset to acknowledge, null while that can wait. */
  drew(place: number): number | null {
    this.#drawn = Math.max(this.#drawn, Math.min(place, this.#received))
    const due = this.#drawn === this.#received || this.#drawn - this.#acknowledged >= STEP
    if (!due || this.#drawn === this.#acknowledged) return null
    this.#acknowledged = this.#drawn
    return this.#acknowledged
  }
}

/** What was typed while nobody can take it: kept up to a bound, what is more is left out. */
export class Typed {
  readonly #most: number
  #pieces: Uint8Array[] = []
  #size = 0

  constructor(most: number) {
    this.#most = most
  }

  /** False where it is left out. */
  add(data: Uint8Array): boolean {
    if (this.#size + data.length > this.#most) return false
    this.#pieces.push(data)
    this.#size += data.length
    return true
  }

  take(): Uint8Array[] {
    const pieces = this.#pieces
    this.#pieces = []
    this.#size = 0
    return pieces
  }
}

/** What is sent in one message: a long paste goes out in several. */
export function* pieces(data: Uint8Array, most: number): Generator<Uint8Array> {
  for (let at = 0; at < data.length; at += most) yield data.subarray(at, at + most)
}

// Heights of many rows, of which some are known and some guessed: where a row begins, which row is at a place. Pure.
//
// A Fenwick tree: changing one height and adding up to a row take a few steps for a hundred thousand rows.

export class Heights {
  #tree: number[] = [0]
  #own: number[] = []

  get length(): number {
    return this.#own.length
  }

  get total(): number {
    return this.offset(this.#own.length)
  }

  /** Forget all rows from `length` on. */
  cut(length: number): void {
    if (length >= this.#own.length) return
    this.#own.length = length
    this.#tree.length = length + 1
  }

  push(height: number): void {
    this.#own.push(height)
    const at = this.#own.length
    let sum = height
    for (let below = at - 1, end = at - (at & -at); below > end; below -= below & -below) sum += this.#tree[below] ?? 0
    this.#tree.push(sum)
  }

  get(row: number): number {
    return this.#own[row] ?? 0
  }

  set(row: number, height: number): void {
    const change = height - this.get(row)
    if (!change || row >= this.#own.length) return
    this.#own[row] = height
    for (let at = row + 1; at < this.#tree.length; at += at & -at) this.#tree[at] = (this.#tree[at] ?? 0) + change
  }

  /** Where a row begins. */
  offset(row: number): number {
    let sum = 0
    for (let at = Math.min(row, this.#own.length); at > 0; at -= at & -at) sum += this.#tree[at] ?? 0
    return sum
  }

  /** The row that is at `place`: the first for what is above, the last for what is below. */
  at(place: number): number {
    let row = 0
    let rest = place
    let step = 1
    while (step * 2 <= this.#own.length) step *= 2
    for (; step > 0; step >>= 1) {
      const sum = this.#tree[row + step]
      if (sum !== undefined && sum <= rest) {
        row += step
        rest -= sum
      }
    }
    return Math.max(0, Math.min(row, this.#own.length - 1))
  }
}

/** Lines that a text takes when it is wrapped after so many characters, newlines counted. */
export function wrappedLines(text: string, columns: number): number {
  let lines = 0
  for (let from = 0; from <= text.length;) {
    const end = text.indexOf("\n", from)
    const length = (end < 0 ? text.length : end) - from
    lines += Math.max(1, Math.ceil(length / Math.max(1, columns)))
    if (end < 0) break
    from = end + 1
  }
  return lines
}

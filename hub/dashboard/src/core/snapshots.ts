// Which kept state of a package stands for a moment. Pure.

import { millis } from "./format.ts"
import type { Snapshot } from "./package_types.ts"

/** The newest that was there already; the oldest for what is before all. `kept` is newest first. */
export function nearest(kept: readonly Snapshot[], time: number): Snapshot | undefined {
  let low = 0
  let high = kept.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (millis(kept[middle]?.received) <= time) high = middle
    else low = middle + 1
  }
  return kept[low] ?? kept.at(-1)
}

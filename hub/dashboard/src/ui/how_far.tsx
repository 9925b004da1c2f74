// How far a file is on its way, while it is.

import type { Signal } from "@preact/signals"
import { type Way, wayText } from "../core/file_copies.ts"

export function HowFar(props: { way: Signal<Way | null>; label: string }) {
  const way = props.way.value
  if (!way) return null
  return (
    <p class="how-far">
      <progress aria-label={props.label} {...(way.size > 0 ? { max: way.size, value: way.done } : {})} />
      <span>{wayText(way)}</span>
    </p>
  )
}

/** Do it, with something on its way shown from the first moment to the last. */
export async function whileShown<T>(way: Signal<Way | null>, work: () => Promise<T>): Promise<T> {
  way.value = { what: "…", done: 0, size: -1 }
  try {
    return await work()
  } finally {
    way.value = null
  }
}

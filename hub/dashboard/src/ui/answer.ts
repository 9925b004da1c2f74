// What the hub answers, kept by a view: asked when it is first shown, when what it depends on changes, on demand, and
// again when the hub is back after it was out of reach. The last answer stays while the next is on its way.

import { useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import { lostSince } from "../core/live.ts"
import { textOf } from "../core/problems.ts"

export type Answer<T> = { value: T | undefined; fault: string; again: () => void }

/** Ask by `load`; anew when `deps` change and, where `every` is given, each so many milliseconds while it is looked at. */
export function useAnswer<T>(load: (signal: AbortSignal) => Promise<T>, deps: readonly unknown[] = [], every = 0): Answer<T> {
  const value = useSignal<T | undefined>(undefined)
  const fault = useSignal("")
  const turn = useSignal(0)
  const wasLost = useRef(false)
  const asking = useRef(false)
  const lost = lostSince.value !== 0
  const again = () => { turn.value++ }
  useEffect(() => {
    const wanted = new AbortController()
    asking.current = true
    load(wanted.signal).then(
      (found) => {
        if (wanted.signal.aborted) return
        asking.current = false
        value.value = found
        fault.value = ""
      },
      (error: unknown) => {
        if (wanted.signal.aborted) return
        asking.current = false
        fault.value = textOf(error)
      },
    )
    return () => wanted.abort()
  }, [...deps, turn.value])
  useEffect(() => {
    if (wasLost.current && !lost) again()
    wasLost.current = lost
  }, [lost])
  useEffect(() => {
    if (!every) return
    // an answer that takes longer than that is waited for
    const timer = setInterval(() => { if (!document.hidden && !asking.current) again() }, every)
    return () => clearInterval(timer)
  }, [every])
  return { value: value.value, fault: fault.value, again }
}

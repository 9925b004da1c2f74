// Something of the hub that is asked for now and then while a view shows it; and again when an event says that it is time.

import { type ReadonlySignal, useSignal } from "@preact/signals"
import { useEffect } from "preact/hooks"
import { ask } from "./api.ts"
import { lostSince, openStream } from "./live.ts"

/** A number that grows when events of these kinds came, at most once in `everyMs`. */
export function useTurns(kinds: string[], everyMs: number): ReadonlySignal<number> {
  const turn = useSignal(0)
  useEffect(() => {
    let timer = 0
    const stream = openStream([{ kinds }], {
      events() {
        timer ||= window.setTimeout(() => {
          timer = 0
          turn.value++
        }, everyMs)
      },
    })
    return () => {
      clearTimeout(timer)
      stream.close()
    }
  }, [])
  return turn
}

/** The newest answer, null before the first; asked for anew when `turn` grows. A failure keeps the one before: that the hub is
 * away is told elsewhere. */
export function usePolled<T>(path: string, query: Record<string, string | number>, everyMs: number, turn = 0): ReadonlySignal<T | null> {
  const found = useSignal<T | null>(null)
  useEffect(() => {
    const stop = new AbortController()
    const look = () => {
      if (document.hidden || lostSince.value) return
      ask<T>("GET", path, { query, signal: stop.signal }).then((answer) => { found.value = answer }, () => { /* the next look tries again */ })
    }
    look()
    const timer = setInterval(look, everyMs)
    document.addEventListener("visibilitychange", look)
    return () => {
      clearInterval(timer)
      document.removeEventListener("visibilitychange", look)
      stop.abort()
    }
  }, [path, JSON.stringify(query), turn, lostSince.value === 0])
  return found
}

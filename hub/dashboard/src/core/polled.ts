// Something of the hub that is asked for now and then while a view shows it; for what no live event tells.

import { type ReadonlySignal, useSignal } from "@preact/signals"
import { useEffect } from "preact/hooks"
import { ask } from "./api.ts"
import { lostSince } from "./live.ts"

/** The newest answer, null before the first. A failure keeps the one before: that the hub is away is told elsewhere. */
export function usePolled<T>(path: string, query: Record<string, string | number>, everyMs: number): ReadonlySignal<T | null> {
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
  }, [path, JSON.stringify(query), lostSince.value === 0])
  return found
}

// The newest figures of every node, kept up to date while a view wants them: all at first, then what is new.

import { signal } from "@preact/signals"
import { ask } from "./api.ts"
import { type Answer, type Glances, merged, NONE } from "./glance_history.ts"
import { lostSince } from "./live.ts"

const EVERY_MS = 5000
const EVERY_OF_MANY_MS = 10_000
const MANY = 1000

export const glances = signal<Glances>(NONE)

/** Keep `glances` up to date; ends with what is returned. */
export function watchGlances(): () => void {
  let cursor = ""
  let timer = 0
  let stopped = false
  let stop = new AbortController()
  const look = async () => {
    if (!document.hidden && !lostSince.peek()) {
      try {
        const answer = await ask<Answer>("GET", "overview", { query: { cursor }, signal: stop.signal })
        glances.value = merged(glances.value, answer, !cursor)
        cursor = answer.cursor
      } catch {
        // out of reach: the shell tells it; what came meanwhile has more than the newest, so all is asked for again
        cursor = ""
      }
    } else if (lostSince.peek()) cursor = ""
    clearTimeout(timer)
    if (!stopped) timer = window.setTimeout(() => void look(), glances.value.of.size > MANY ? EVERY_OF_MANY_MS : EVERY_MS)
  }
  const seen = () => {
    if (document.hidden) return
    clearTimeout(timer)
    void look()
  }
  document.addEventListener("visibilitychange", seen)
  // a question that the hub never answers must not hold up those after it
  const unwatch = lostSince.subscribe((lost) => {
    if (lost) {
      stop.abort()
      stop = new AbortController()
    } else seen()
  })
  return () => {
    stopped = true
    unwatch()
    stop.abort()
    clearTimeout(timer)
    document.removeEventListener("visibilitychange", seen)
  }
}

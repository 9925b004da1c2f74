// What is typed into filters goes into the address when the typing rests, all of it at once.

import { useEffect, useRef } from "preact/hooks"
import { keepInAddress } from "../core/router.ts"

const REST_MS = 350

export type Typing = {
  /** Put it into the address when nothing more comes for a moment. */
  soon: (change: Record<string, string>) => void
  /** Now, with what waits; without a change only what waits. */
  now: (change?: Record<string, string>) => void
}

export function useTyping(): Typing {
  const state = useRef<{ timer: number; waiting: Record<string, string> }>({ timer: 0, waiting: {} }).current
  const now = (change: Record<string, string> = {}) => {
    clearTimeout(state.timer)
    const all = { ...state.waiting, ...change }
    state.waiting = {}
    if (Object.keys(all).length) keepInAddress(all)
  }
  const soon = (change: Record<string, string>) => {
    clearTimeout(state.timer)
    state.waiting = { ...state.waiting, ...change }
    state.timer = window.setTimeout(now, REST_MS)
  }
  useEffect(() => () => clearTimeout(state.timer), [])
  return { soon, now }
}

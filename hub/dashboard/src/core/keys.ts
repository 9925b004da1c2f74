// Keys that do something wherever one is, save in a field. Each view adds its own while it is shown; `?` lists them all.

import { signal } from "@preact/signals"
import { useEffect } from "preact/hooks"

export type Key = { key: string; does: string; action: () => void }

/** What can be pressed now. */
export const keys = signal<Key[]>([])

/** Keys of a component, for as long as it is shown. A key is one as KeyboardEvent has it, or two in a row: `g f`. */
export function useKeys(mine: Key[]): void {
  useEffect(() => {
    keys.value = [...keys.value, ...mine]
    return () => { keys.value = keys.value.filter((each) => !mine.includes(each)) }
  }, [])
}

let before = ""

addEventListener("keydown", (event) => {
  const at = event.target
  const typing = at instanceof HTMLElement && (at.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName))
  if (typing || event.metaKey || event.ctrlKey || event.altKey || document.querySelector("dialog[open]")) {
    before = ""
    return
  }
  const found = keys.value.findLast((each) => each.key === event.key || each.key === `${before} ${event.key}`)
  before = found ? "" : event.key
  if (!found) return
  event.preventDefault()
  found.action()
})

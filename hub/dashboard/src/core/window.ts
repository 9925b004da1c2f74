// Which rows of a long list are looked at, so that only those are made. Pure.

export type Window = { first: number; last: number; above: number; below: number }

/** Rows are made a few at a time, so that scrolling by one row makes none. */
const STEP = 8

/** Of `count` rows of `height` px: those from `first` up to `last` (not included), and the room above and below in px. */
export function windowOf(scrolled: number, room: number, height: number, count: number): Window {
  const seen = Math.min(Math.max(0, scrolled), Math.max(0, count * height - room))
  const first = Math.max(0, (Math.floor(seen / height / STEP) - 1) * STEP)
  const last = Math.min(count, (Math.ceil((seen + room) / height / STEP) + 1) * STEP)
  return { first, last, above: first * height, below: Math.max(0, count - last) * height }
}

/** How many tiles of at least `least` px stand in a row of `width` px with `gap` between them. */
export function across(width: number, least: number, gap: number): number {
  return Math.max(1, Math.floor((width + gap) / (least + gap)))
}

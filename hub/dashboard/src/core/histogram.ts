// Counts over time, made ready to draw: which buckets are worth a bar, how high, what a pointer or a drag means. Pure.

import { micros } from "./moments.ts"
import { LEVELS, type Level } from "./types.ts"

/** What GET /logs/levels answers. */
export type LevelCounts = {
  start: string | null
  step: number
  since: string | null
  until: string | null
  total: number
  counts: Partial<Record<Level, number[]>>
  complete_since: string | null
}

export type Bar = { from: number; until: number; total: number; counts: Partial<Record<Level, number>> }
export type Chart = { since: number; until: number; bars: Bar[]; most: number; total: number; completeSince: number }

/** Times in microseconds. Bars lie side by side from the first bucket to the last, empty ones included. */
export function chartOf(found: LevelCounts): Chart {
  const start = micros(found.start)
  const step = found.step * 1e6
  const size = Math.max(0, ...Object.values(found.counts).map((counts) => counts.length))
  const bars: Bar[] = []
  for (let at = 0; at < size; at++) {
    const counts: Partial<Record<Level, number>> = {}
    let total = 0
    for (const level of LEVELS) {
      const count = found.counts[level]?.[at] ?? 0
      if (count) counts[level] = count
      total += count
    }
    bars.push({ from: start + at * step, until: start + (at + 1) * step, total, counts })
  }
  return {
    since: micros(found.since), until: micros(found.until), bars, most: Math.max(0, ...bars.map((bar) => bar.total)), total: found.total,
    completeSince: micros(found.complete_since),
  }
}

/** Parts of a bar from below (the worst) to above, as fractions of the height of the chart. Few of many are still seen. */
export function stacked(bar: Bar, most: number): { level: Level; from: number; height: number }[] {
  const parts: { level: Level; from: number; height: number }[] = []
  let from = 0
  for (const level of [...LEVELS].reverse()) {
    const count = bar.counts[level]
    if (!count || !most) continue
    const height = Math.max(count / most, 0.02)
    parts.push({ level, from, height })
    from += height
  }
  const scale = from > 1 ? 1 / from : 1
  return parts.map((part) => ({ ...part, from: part.from * scale, height: part.height * scale }))
}

/** The time span that a drag from one place to another (0 left, 1 right) chooses: whole buckets, at least one; null without any. */
export function dragged(chart: Chart, from: number, to: number): { since: number; until: number } | null {
  const [left, right] = from < to ? [from, to] : [to, from]
  const first = chart.bars[bucketAt(chart, left)]
  const last = chart.bars[bucketAt(chart, right)]
  if (!first || !last) return null
  return { since: Math.max(first.from, chart.since), until: Math.min(last.until - 1, Math.max(chart.until, first.from + 1)) }
}

/** The bucket at a place (0 left, 1 right). */
export function bucketAt(chart: Chart, place: number): number {
  return Math.max(0, Math.min(chart.bars.length - 1, Math.floor(place * chart.bars.length)))
}

/** The same in words, for who does not see it: `1204 lines: 3 error, 1201 info`. */
export function inWords(chart: Chart): string {
  const sums = [...LEVELS].reverse().map((level) => [level, chart.bars.reduce((sum, bar) => sum + (bar.counts[level] ?? 0), 0)] as const)
  const parts = sums.filter(([, sum]) => sum).map(([level, sum]) => `${sum} ${level}`)
  return parts.length ? `${chart.total} lines: ${parts.join(", ")}` : "no lines"
}

// Series of many nodes side by side: rows with shared times, and each in four figures. Pure.

import type { Table } from "./table.ts"

export type NodeSeries = { node: string; name: string; times: (string | null)[]; values: (number | null)[] }

export type Figures = { last: number; least: number; mean: number; most: number }

/** The times of all, ascending, and null where a series has none then. They meet where their points are means of one step. */
export function together(items: readonly NodeSeries[]): Table {
  const moments = items.map((item) => item.times.map((time) => (time === null ? NaN : Date.parse(time) / 1000)))
  const times = [...new Set(moments.flat())].filter(Number.isFinite).sort((one, other) => one - other)
  const places = new Map(times.map((time, at) => [time, at]))
  const columns = items.map((item, number) => {
    const column = new Array<number | null>(times.length).fill(null)
    moments[number]?.forEach((time, at) => {
      const place = places.get(time)
      if (place !== undefined) column[place] = item.values[at] ?? null
    })
    return column
  })
  return { names: items.map((item) => `${item.node} ${item.name}`), times, columns }
}

/** null where nothing was measured. */
export function figuresOf(values: readonly (number | null)[]): Figures | null {
  const known = values.filter((value) => value !== null)
  const last = known.at(-1)
  if (last === undefined) return null
  let least = last
  let most = last
  let sum = 0
  for (const value of known) {
    least = Math.min(least, value)
    most = Math.max(most, value)
    sum += value
  }
  return { last, least, mean: sum / known.length, most }
}

const natural = new Intl.Collator("en", { numeric: true })

/** By metric, then by node; numbers in names count as numbers. */
export function inOrder(items: readonly NodeSeries[]): NodeSeries[] {
  return [...items].sort((one, other) => natural.compare(one.name, other.name) || natural.compare(one.node, other.node))
}

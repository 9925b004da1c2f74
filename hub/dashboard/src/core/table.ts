// Series with shared times as rows: what came from the hub, what comes live, and where the line must break. Pure.

/** `times` in seconds, ascending; each column as long as `times`. */
export type Table = { names: string[]; times: number[]; columns: (number | null)[][] }

export const EMPTY: Table = { names: [], times: [], columns: [] }

/** A pause longer than this many usual steps between two points is a gap. */
const PAUSE = 2.5

export type SeriesAnswer = { items: { name: string; values: (number | null)[] }[]; step: number; times: string[] }

/** The rows of the wanted series, by their place in a drawing. */
export function tableOf(answer: SeriesAnswer, wanted: (name: string) => boolean, compare: (one: string, other: string) => number): Table {
  const items = answer.items.filter((item) => wanted(item.name)).sort((one, other) => compare(one.name, other.name))
  return { names: items.map((item) => item.name), times: answer.times.map((time) => Date.parse(time) / 1000), columns: items.map((item) => item.values) }
}

/**
 * The table with a live sample behind it. With a step, samples of one step are one point, which moves with each of them
 * (its true mean comes with the next load). What is older than the last point is left out, as is what is before `since`.
 */
export function extended(table: Table, time: number, values: ReadonlyMap<string, number>, step: number, since: number): Table {
  const at = step > 0 ? Math.floor(time / step) * step : time
  const last = table.times.at(-1) ?? -Infinity
  if (at < last || (at === last && step <= 0)) return table
  const names = [...table.names, ...[...values.keys()].filter((name) => !table.names.includes(name))]
  const drop = lower(table.times, since)
  const keep = at === last ? table.times.length - 1 : table.times.length
  const times = [...table.times.slice(drop, keep), at]
  const columns = names.map((name, number) => {
    const before = table.columns[number]
    const held = before ? before.slice(drop, keep) : new Array<null>(Math.max(0, keep - drop)).fill(null)
    return [...held, values.get(name) ?? null]
  })
  return { names, times, columns }
}

/** Index of the first time that is not before `since`. */
export function lower(times: readonly number[], since: number): number {
  let low = 0
  let high = times.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((times[middle] ?? 0) < since) low = middle + 1
    else high = middle
  }
  return low
}

/** The usual time between two points: the median. */
export function usualStep(times: readonly number[]): number {
  const steps: number[] = []
  for (let at = 1; at < times.length; at++) steps.push((times[at] ?? 0) - (times[at - 1] ?? 0))
  return steps.sort((one, other) => one - other)[steps.length >> 1] ?? 0
}

/** Rows for drawing: where too long nothing came, a row of nulls breaks every line. */
export function withGaps(table: Table, step: number): [number[], ...(number | null)[][]] {
  const pause = PAUSE * Math.max(step, usualStep(table.times))
  const times: number[] = []
  const columns: (number | null)[][] = table.columns.map(() => [])
  table.times.forEach((time, row) => {
    const before = table.times[row - 1]
    if (before !== undefined && pause > 0 && time - before > pause) {
      times.push((before + time) / 2)
      for (const column of columns) column.push(null)
    }
    times.push(time)
    columns.forEach((column, number) => column.push(table.columns[number]?.[row] ?? null))
  })
  return [times, ...columns]
}

// Histograms and graphs as plain numbers, whatever their axes and storage are: what is drawn, counted and written to files is
// made of these. Pure.
//
// Bins are in ROOT's order: the underflow first, the overflow last, `at = x + (nx + 2) * y`. An axis that has no flow bins has
// zeros there. NaN and infinities are kept here; who draws leaves them out.

import { type Axis, type Graph, type Histogram, isGraph, type Nested, type Numeric, type ObjectData } from "./package_types.ts"

export type Edges = { low: number; high: number; bins: number; edges: number[] | null; labels: string[] | null; label: string }
export type Bins = {
  kind: "bins"
  title: string
  axes: Edges[]
  /** What each bin shows: its content, or its mean in a profile. */
  values: Float64Array
  /** Variance of each; null where it is the content itself (counts). */
  variances: Float64Array | null
  /** Of a profile: the entries (or the sum of weights) of each bin. */
  counts: Float64Array | null
}
export type Points = {
  kind: "points"
  title: string
  time: boolean
  x: number[]
  y: number[]
  xLow: number[] | null
  xHigh: number[] | null
  yLow: number[] | null
  yHigh: number[] | null
  xLabel: string
  yLabel: string
}
export type Plot = Bins | Points

export function plotOf(name: string, data: ObjectData): Plot {
  return isGraph(data) ? pointsOf(name, data) : binsOf(name, data)
}

function pointsOf(name: string, graph: Graph): Points {
  const numbers = (list: Numeric[] | undefined) => list ? list.map(Number) : null
  return {
    kind: "points", title: graph.title ?? name, time: graph.type === "time", x: graph.x.map(Number), y: graph.y.map(Number),
    xLow: numbers(graph.x_errors?.low), xHigh: numbers(graph.x_errors?.high),
    yLow: numbers(graph.y_errors?.low), yHigh: numbers(graph.y_errors?.high), xLabel: graph.x_label ?? "", yLabel: graph.y_label ?? "",
  }
}

export function edgesOf(axis: Axis): Edges & { under: boolean; over: boolean } {
  const label = axis.metadata?.label ?? axis.metadata?.name ?? ""
  const flow = { under: axis.underflow ?? false, over: axis.overflow ?? axis.flow ?? false }
  if (axis.type === "regular") return { low: axis.lower ?? 0, high: axis.upper ?? 1, bins: axis.bins ?? 0, edges: null, labels: null, label, ...flow }
  if (axis.type === "variable") {
    const edges = axis.edges ?? []
    return { low: edges[0] ?? 0, high: edges.at(-1) ?? 1, bins: Math.max(0, edges.length - 1), edges, labels: null, label, ...flow }
  }
  const labels = axis.type === "boolean" ? ["false", "true"] : (axis.categories ?? []).map(String)
  return { low: 0, high: labels.length, bins: labels.length, edges: null, labels, label, ...flow }
}

function binsOf(name: string, histogram: Histogram): Bins {
  const axes = histogram.axes.map(edgesOf)
  const { storage, metadata } = histogram
  const spread = (nested: Nested | undefined) => nested ? flattened(nested, axes) : null
  return {
    kind: "bins", title: metadata?.title ?? metadata?.label ?? metadata?.name ?? name, axes: axes.map(({ low, high, bins, edges, labels, label }) => ({ low, high, bins, edges, labels, label })),
    values: spread(storage.values) ?? new Float64Array(0), variances: spread(storage.variances), counts: spread(storage.counts ?? storage.sum_of_weights),
  }
}

/** Nested values by axis, as one array with both flow bins of each axis. */
function flattened(nested: Nested, axes: ReturnType<typeof edgesOf>[]): Float64Array {
  const [x, y] = axes
  if (!x) return new Float64Array(0)
  const wide = x.bins + 2
  const found = new Float64Array(wide * (y ? y.bins + 2 : 1))
  nested.forEach((row, atX) => {
    const column = atX + (x.under ? 0 : 1)
    if (!Array.isArray(row)) found[column] = Number(row)
    else row.forEach((value, atY) => { found[column + wide * (atY + (y?.under ? 0 : 1))] = Number(value) })
  })
  return found
}

/** Where bin number `at` (from 0) of an axis begins; `at` = bins gives its end. */
export function edgeAt(axis: Edges, at: number): number {
  return axis.edges ? (axis.edges[at] ?? axis.high) : axis.low + (axis.high - axis.low) * (axis.bins ? at / axis.bins : 0)
}

export function centreAt(axis: Edges, at: number): number {
  return (edgeAt(axis, at) + edgeAt(axis, at + 1)) / 2
}

/** A plot of two dimensions summed along one axis; what has one dimension stays as it is. Flow bins of the other axis count. */
export function projected(bins: Bins, onto: "x" | "y"): Bins {
  const [x, y] = bins.axes
  if (!x || !y || bins.counts) return bins
  const kept = onto === "x" ? x : y
  const sum = (from: Float64Array | null) => {
    if (!from) return null
    const made = new Float64Array(kept.bins + 2)
    const wide = x.bins + 2
    from.forEach((value, at) => {
      const place = onto === "x" ? at % wide : Math.floor(at / wide)
      made[place] = (made[place] ?? 0) + value
    })
    return made
  }
  return { ...bins, title: `${bins.title} (onto ${onto})`, axes: [kept], values: sum(bins.values) ?? bins.values, variances: sum(bins.variances) }
}

/** All contents times a factor: to lay one over another. */
export function scaled(bins: Bins, factor: number): Bins {
  const variances = bins.variances ?? bins.values
  return { ...bins, values: bins.values.map((value) => value * factor), variances: variances.map((value) => value * factor * factor) }
}

/** The sum of what is finite, flow bins too or not. */
export function area(bins: Bins, flow = false): number {
  let sum = 0
  inside(bins, (value) => { sum += value }, flow)
  return sum
}

/** Call for each bin (number from 0 on each axis) with a finite value; with `flow` also outside. */
export function inside(bins: Bins, act: (value: number, x: number, y: number, at: number) => void, flow = false): void {
  const wide = (bins.axes[0]?.bins ?? 0) + 2
  const high = bins.axes[1] ? bins.axes[1].bins + 2 : 1
  const margin = flow ? 0 : 1
  for (let y = high === 1 ? 0 : margin; y < high - (high === 1 ? 0 : margin); y++) {
    for (let x = margin; x < wide - margin; x++) {
      const at = x + wide * y
      const value = bins.values[at]
      if (value !== undefined && Number.isFinite(value)) act(value, x - 1, y - 1, at)
    }
  }
}

export type Facts = { entries: number; mean: number; deviation: number; under: number; over: number }

/** Of one axis: NaN where nothing is in it. */
export function factsOf(bins: Bins): Facts {
  const axis = bins.axes[0]
  let sum = 0
  let first = 0
  let second = 0
  if (axis) inside(bins, (value, x) => {
    const centre = centreAt(axis, x)
    sum += value
    first += value * centre
    second += value * centre * centre
  })
  const mean = first / sum
  return {
    entries: area(bins, true), mean, deviation: Math.sqrt(Math.max(0, second / sum - mean * mean)),
    under: bins.axes.length === 1 ? bins.values[0] ?? 0 : 0, over: bins.axes.length === 1 ? bins.values.at(-1) ?? 0 : 0,
  }
}

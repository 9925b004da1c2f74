// Plots as comma-separated values, for spreadsheets: one line a bin or a point, what a bin is as text where the axis is one. Pure.

import { centreAt, edgeAt, type Edges, type Plot } from "./bins.ts"

/** RFC 4180, and nothing that a spreadsheet would take for a formula. */
function cell(value: string | number): string {
  if (typeof value === "number") return String(value)
  const harmless = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}

function line(cells: (string | number)[]): string {
  return `${cells.map(cell).join(",")}\r\n`
}

function ends(axis: Edges, at: number): (string | number)[] {
  if (at < 0) return ["underflow", ""]
  if (at >= axis.bins) return ["overflow", ""]
  return axis.labels ? [axis.labels[at] ?? "", ""] : [edgeAt(axis, at), edgeAt(axis, at + 1)]
}

export function csvOf(plot: Plot): string {
  if (plot.kind === "points") {
    const errors = [plot.xLow, plot.xHigh, plot.yLow, plot.yHigh]
    return line(["x", "y", "x_error_low", "x_error_high", "y_error_low", "y_error_high"]) +
      plot.x.map((x, at) => line([x, plot.y[at] ?? "", ...errors.map((each) => each?.[at] ?? "")])).join("")
  }
  const [x, y] = plot.axes
  if (!x) return ""
  const names = (name: string) => [`${name}_low`, `${name}_high`]
  const rows = [line([...names("x"), ...(y ? names("y") : []), "value", "variance", ...(plot.counts ? ["entries"] : [])])]
  const wide = x.bins + 2
  plot.values.forEach((value, at) => {
    rows.push(line([...ends(x, at % wide - 1), ...(y ? ends(y, Math.floor(at / wide) - 1) : []), value, plot.variances ? plot.variances[at] ?? "" : value, ...(plot.counts ? [plot.counts[at] ?? ""] : [])]))
  })
  return rows.join("")
}

/** Rows for a table that is read out: at most so many bins of one axis. */
export function figuresOf(plot: Plot, most: number): { head: string[]; rows: (string | number)[][]; left: number } {
  if (plot.kind === "points") {
    return { head: [plot.xLabel || "x", plot.yLabel || "y"], rows: plot.x.slice(-most).map((x, at, all) => [x, plot.y[plot.y.length - all.length + at] ?? ""]), left: Math.max(0, plot.x.length - most) }
  }
  const [x, y] = plot.axes
  if (!x) return { head: [], rows: [], left: 0 }
  const place = (axis: Edges, at: number) => at < 0 ? "below" : at >= axis.bins ? "above" : axis.labels?.[at] ?? centreAt(axis, at)
  const wide = x.bins + 2
  const rows = [...plot.values.subarray(0, most)].map((value, at) => [place(x, at % wide - 1), ...(y ? [place(y, Math.floor(at / wide) - 1)] : []), value])
  return { head: [x.label || "x", ...(y ? [y.label || "y"] : []), "content"], rows, left: Math.max(0, plot.values.length - most) }
}

// What a canvas of a layout draws: which objects with which looks, on which of its axes, in which range. Pure.
//
// The plan is made anew at every update. Its `shape` is what the drawing is built of: as long as that stays, new contents are put
// into the drawing that is there, and a zoom stays; when it changes (other bins, other looks) the canvas is drawn anew.

import { area, type Bins, edgeAt, inside, type Plot, plotOf, projected, scaled } from "./bins.ts"
import { isRead, type LayoutNode, type PackageObject } from "./package_types.ts"

export type Look = { line?: string; width?: number; style?: number; fill?: string; marker?: string; markerStyle?: number; option: string }
export type Curve = { key: string; name: string; label: string; plot: Plot; look: Look; second: boolean; low: number | null; high: number | null }
export type AxisPlan = { title: string; low: number | null; high: number | null; log: boolean; line: string; labels: string; titleColour: string }
export type Straight = { axis: "x" | "y"; at: number; look: Look; second: boolean; label: string }
export type Words = { text: string; x: number; y: number; colour: string; size: number }
export type Colours = { pattern: string | string[]; title: string; low: number | null; high: number | null; labels: { at: number; text: string }[] }
export type Legend = { corner: string; title: string; entries: { label: string; colour: string; fill: string }[] }
export type Plan = {
  title: string
  curves: Curve[]
  straight: Straight[]
  words: Words[]
  axes: { x: AxisPlan; y: AxisPlan; second: AxisPlan | null }
  /** The second axis stands on the left, the first on the right. */
  swapped: boolean
  logX: boolean
  logY: boolean
  logZ: boolean
  /** Of the second axis. */
  logSecond: boolean
  grid: boolean
  statistics: boolean
  colours: Colours | null
  legend: Legend | null
  /** Names that the layout wants and the package has not. */
  missing: string[]
  /** Names of objects whose schema is newer than this page. */
  newer: string[]
  shape: string
}

/** What the person who looks has chosen over the layout. */
export type Wishes = { logX?: boolean; logY?: boolean; logZ?: boolean; statistics?: boolean; project?: "x" | "y" | ""; scaleReference?: boolean }

/** Told apart in light and in dark, and by most who see few colours. */
const COLOURS = ["#3b78d8", "#d9541e", "#2e9e5b", "#9b59b6", "#b8860b", "#17a2b8", "#c0396b", "#7f8c8d"]
export const REFERENCE_COLOUR = "#8a8f98"

const text = (node: LayoutNode | undefined, key: string): string => typeof node?.[key] === "string" ? node[key] : ""
const number = (node: LayoutNode | undefined, key: string): number | null => typeof node?.[key] === "number" ? node[key] : null
const flag = (node: LayoutNode | undefined, key: string): boolean | undefined => typeof node?.[key] === "boolean" ? node[key] : undefined

/** All names that a canvas (or anything of a layout) draws. */
export function namesIn(node: LayoutNode): string[] {
  const own = (node.element === "histo" || node.element === "graph") && !node["draw"] ? [text(node, "name")] : []
  return [...own, ...(node.children ?? []).flatMap(namesIn)]
}

export function planOf(canvas: LayoutNode, object: (name: string) => PackageObject | null, reference: (name: string) => PackageObject | null, wishes: Wishes = {}): Plan {
  const parts = canvas.children ?? []
  const one = (element: string) => parts.find((each) => each.element === element)
  const curves: Curve[] = []
  const straight: Straight[] = []
  const missing: string[] = []
  const newer: string[] = []
  const y2 = one("y2-axis")
  for (const part of parts) {
    if (part.element !== "histo" && part.element !== "graph") continue
    const name = text(part, "name")
    const second = text(part, "linked-axis") === "y2"
    const look = lookOf(part, curves.length + straight.length)
    const line = part["draw"] as { axis: "x" | "y"; at: number } | undefined
    if (line) {
      straight.push({ ...line, look, second, label: text(part, "title") || name })
      continue
    }
    const found = object(name)
    if (!found) {
      missing.push(name)
      continue
    }
    if (!isRead(found.data)) {
      newer.push(name)
      continue
    }
    const plot = projection(plotOf(name, found.data), wishes)
    const label = text(part, "title") || name
    const curve: Curve = { key: name, name, label, plot, look: { ...look, option: optionOf(plot, look.option) }, second, low: number(part, "minimum"), high: number(part, "maximum") }
    const old = reference(name)
    curves.push(curve)
    if (old && isRead(old.data) && !isMap(plot)) {
      const before = projection(plotOf(name, old.data), wishes)
      if (before.kind === plot.kind) {
        const option = plot.kind === "bins" ? "hist" : "l"
        curves.push({ ...curve, key: `${name} (reference)`, label: `${label} (reference)`, plot: fitted(before, plot, wishes.scaleReference ?? false), look: { option, line: REFERENCE_COLOUR, style: 2, width: 2, fill: "none" } })
      }
    }
  }
  const swapped = text(y2, "position") === "left"
  const main = curves.find((each) => each.second === swapped) ?? curves[0]
  // what is projected has no colours
  const colour = curves.some((each) => isMap(each.plot)) ? one("color-axis") : undefined
  const drawn = main?.plot
  const axes = {
    x: axisPlan(one("x-axis"), drawn ? (drawn.kind === "bins" ? drawn.axes[0]?.label ?? "" : drawn.xLabel) : ""),
    y: axisPlan(one("y-axis"), drawn ? (drawn.kind === "bins" ? drawn.axes[1]?.label ?? "" : drawn.yLabel) : ""),
    second: y2 ? axisPlan(y2, "") : null,
  }
  const plan: Plan = {
    title: text(canvas, "title") || (drawn?.title ?? text(canvas, "name")), curves: main ? [main, ...curves.filter((each) => each !== main)] : [], straight, missing, newer, swapped, axes,
    words: parts.filter((each) => each.element === "text").map((each) => ({ text: each.text ?? "", x: number(each, "x") ?? 0.15, y: number(each, "y") ?? 0.85, colour: text(each, "color"), size: number(each, "size") ?? 13 })),
    logX: wishes.logX ?? flag(canvas, "log-x") ?? axes.x.log, logY: wishes.logY ?? flag(canvas, "log-y") ?? axes.y.log, logZ: wishes.logZ ?? flag(canvas, "log-z") ?? false, logSecond: axes.second?.log ?? false,
    grid: flag(canvas, "grid") ?? false, statistics: wishes.statistics ?? flag(canvas, "statistics") ?? (curves.length === 1 && drawn !== undefined && !isMap(drawn) && !one("legend")),
    colours: colour ? { pattern: (colour["pattern"] as string | string[] | undefined) ?? "viridis", title: text(colour, "title"), low: number(colour, "minimum"), high: number(colour, "maximum"), labels: (colour.children ?? []).map((each) => ({ at: number(each, "position") ?? 0, text: each.text ?? "" })) } : null,
    legend: legendOf(one("legend"), curves, straight), shape: "",
  }
  plan.shape = shapeOf(plan)
  return plan
}

function projection(plot: Plot, wishes: Wishes): Plot {
  return plot.kind === "bins" && wishes.project ? projected(plot, wishes.project) : plot
}

/** The reference, brought to the same area where that is wanted. */
function fitted(before: Plot, now: Plot, wanted: boolean): Plot {
  if (!wanted || before.kind !== "bins" || now.kind !== "bins" || before.counts) return before
  const of = area(before)
  return of ? scaled(before, area(now) / of) : before
}

export function isMap(plot: Plot): boolean {
  return plot.kind === "bins" && plot.axes.length === 2
}

function lookOf(part: LayoutNode, at: number): Look {
  const look: Look = { option: text(part, "draw-option"), line: text(part, "line-color") || (COLOURS[at % COLOURS.length] ?? "") }
  const fill = text(part, "fill-color")
  const marker = text(part, "marker-color")
  if (fill) look.fill = fill
  if (marker) look.marker = marker
  const width = number(part, "line-width")
  const style = number(part, "line-style")
  const markerStyle = number(part, "marker-style")
  if (width !== null) look.width = width
  if (style !== null) look.style = style
  if (markerStyle !== null) look.markerStyle = markerStyle
  return look
}

/** ROOT's letters: as the layout has them, where they fit what is drawn now. */
function optionOf(plot: Plot, wanted: string): string {
  const plain = wanted.toLowerCase()
  if (plot.kind === "points") return plain.replace(/a(?!xis)/, "") || (plot.time ? "l" : "p")
  if (plot.axes.length === 2) return plain || "colz"
  if (plot.counts) return plain || "e1"
  return /col|lego|surf|cont|box/.test(plain) || !plain ? "hist" : plain
}

function axisPlan(node: LayoutNode | undefined, title: string): AxisPlan {
  return {
    title: text(node, "title") || title, low: number(node, "minimum"), high: number(node, "maximum"), log: flag(node, "log") ?? false,
    line: text(node, "line-color"), labels: text(node, "label-color"), titleColour: text(node, "title-color"),
  }
}

function legendOf(node: LayoutNode | undefined, curves: Curve[], straight: Straight[]): Legend | null {
  const all = [...curves.map((each) => ({ key: each.name, label: each.label, colour: each.look.line ?? "", fill: each.look.fill ?? "" })), ...straight.map((each) => ({ key: each.label, label: each.label, colour: each.look.line ?? "", fill: "" }))]
  const reference = curves.some((each) => each.key !== each.name)
  if (!node) return reference ? { corner: "top-left", title: "", entries: all } : null
  const wanted = node["list"] as string[] | undefined
  const entries = wanted ? wanted.flatMap((name) => all.filter((each) => each.key === name)) : all
  return { corner: text(node, "position") || "top-right", title: text(node, "title"), entries }
}

/** Least and greatest of what is drawn on one of the two axes; with `positive`, of what a logarithm can show. */
export function rangeOf(plan: Plan, second: boolean): { low: number; high: number } | null {
  const log = second ? plan.logSecond : plan.logY
  const own = plan.curves.filter((each) => each.second === second)
  const axis = second ? plan.axes.second : plan.axes.y
  let low = Infinity
  let high = -Infinity
  const see = (value: number) => {
    if (!Number.isFinite(value) || (log && value <= 0)) return
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  for (const { plot } of own) {
    if (plot.kind === "points") plot.y.forEach((value, at) => {
      see(value + (plot.yHigh?.[at] ?? 0))
      see(value - (plot.yLow?.[at] ?? 0))
    })
    else inside(plot, see)
  }
  for (const each of plan.straight) if (each.axis === "y" && each.second === second) see(each.at)
  if (low > high) [low, high] = log ? [0.5, 1] : [0, 1]
  const counted = own.some((each) => each.plot.kind === "bins")
  const room = (high - low) * 0.08 || Math.abs(high) * 0.1 || 1
  const wanted = { low: own.map((each) => each.low).find((each) => each !== null) ?? axis?.low, high: own.map((each) => each.high).find((each) => each !== null) ?? axis?.high }
  let from = wanted.low ?? (log ? low * 0.5 : counted && low >= 0 ? 0 : low - room)
  const to = wanted.high ?? (log ? high * 2 : high + room)
  if (log && from <= 0) from = Math.min(low, to) * 0.5
  return from < to ? { low: from, high: to } : { low: from, high: from + 1 }
}

/** Ends of the x axis over all that is drawn. */
export function spanOf(plan: Plan): { low: number; high: number } {
  let low = Infinity
  let high = -Infinity
  for (const { plot } of plan.curves) {
    if (plot.kind === "bins") {
      const axis = plot.axes[0]
      if (axis?.bins) {
        low = Math.min(low, edgeAt(axis, 0))
        high = Math.max(high, edgeAt(axis, axis.bins))
      }
    } else plot.x.forEach((value, at) => {
      if (!Number.isFinite(value)) return
      low = Math.min(low, value - (plot.xLow?.[at] ?? 0))
      high = Math.max(high, value + (plot.xHigh?.[at] ?? 0))
    })
  }
  if (low > high) return { low: 0, high: 1 }
  const room = plan.curves.some((each) => each.plot.kind === "bins") ? 0 : (high - low) * 0.04 || 1
  return { low: plan.axes.x.low ?? low - room, high: plan.axes.x.high ?? high + room }
}

/** From which to which value the colours go. */
export function coloursRange(plan: Plan): { low: number; high: number } {
  let low = Infinity
  let high = -Infinity
  const map = plan.curves.find((each) => isMap(each.plot))
  if (map?.plot.kind === "bins") inside(map.plot, (value) => {
    low = Math.min(low, value)
    high = Math.max(high, value)
  })
  if (low > high) [low, high] = [0, 1]
  const from = map?.low ?? plan.colours?.low ?? Math.min(0, low)
  const to = map?.high ?? plan.colours?.high ?? high
  return { low: from, high: to > from ? to : from + 1 }
}

function binning(bins: Bins): unknown {
  return [bins.axes, bins.counts !== null, bins.variances !== null]
}

function shapeOf(plan: Plan): string {
  const { curves, straight, words, ...rest } = plan
  return JSON.stringify([rest, straight.map((each) => [each.axis, each.second]), words, curves.map(({ plot, ...each }) => [each, plot.title, plot.kind === "bins" ? binning(plot) : [plot.time, plot.xLow !== null || plot.yLow !== null]])])
}

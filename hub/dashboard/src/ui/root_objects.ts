// Plots as JSROOT's objects: TH1D, TH2D, TProfile, TGraphAsymmErrors, TGraph. What JSROOT can't draw (NaN, infinities) becomes
// empty bins and left out points; the files and the table of figures have them as they are.

import { addColor } from "jsroot/colors"
import { addMethods, create, createHistogram } from "jsroot/core"
import { area, type Bins, centreAt, type Edges, inside, type Points } from "../core/bins.ts"
import type { AxisPlan, Look } from "../core/plot_plan.ts"

const NO_STATISTICS = 1 << 9
const USER_LEVELS = 1 << 10
const NONE = -1111
const CENTRED_TITLE = 1 << 12

type Root = RootObject & { fXaxis: RootObject; fYaxis: RootObject; fZaxis: RootObject; fArray: Float64Array; fBits: number }

const finite = (value: number): number => Number.isFinite(value) ? value : 0

export function colourNumber(colour: string | undefined): number | null {
  if (!colour || colour === "none") return null
  return addColor(colour)
}

export function histogramOf(name: string, bins: Bins, look: Look): Root {
  const [x, y] = bins.axes
  const counts = bins.counts
  // what has no bins is drawn as one empty one
  const histogram = counts && !y ? profile(Math.max(1, x?.bins ?? 0)) : createHistogram(y ? "TH2D" : "TH1D", Math.max(1, x?.bins ?? 0), y ? Math.max(1, y.bins) : undefined)
  histogram["fName"] = name
  histogram["fTitle"] = ""
  if (x) putAxis(histogram.fXaxis, x)
  if (y) putAxis(histogram.fYaxis, y)
  const cells = (histogram.fArray.length)
  if (bins.values.length === cells) {
    if (counts && !y) {
      histogram.fArray = bins.values.map((value, at) => finite(value * (counts[at] ?? 0)))
      histogram["fBinEntries"] = counts.map(finite)
      histogram["fSumw2"] = bins.values.map((value, at) => finite((counts[at] ?? 0) * ((bins.variances?.[at] ?? 0) + value * value)))
    } else {
      histogram.fArray = bins.values.map(finite)
      histogram["fSumw2"] = bins.variances ? bins.variances.map(finite) : []
    }
  }
  putSums(histogram, bins)
  putLook(histogram, look)
  return histogram
}

function profile(bins: number): Root {
  const made = createHistogram("TH1D", bins)
  Object.assign(made, { _typename: "TProfile", fBinEntries: new Float64Array(bins + 2), fSumw2: new Float64Array(bins + 2), fBinSumw2: [], fErrorMode: 0 })
  addMethods(made, "TProfile")
  return made
}

function putAxis(axis: RootObject, edges: Edges): void {
  if (!edges.bins) return
  axis["fNbins"] = edges.bins
  axis["fXmin"] = edges.low
  axis["fXmax"] = edges.high
  axis["fXbins"] = edges.edges ?? []
  if (!edges.labels) return
  const list = create("THashList") as RootObject & { Add(item: RootObject): void }
  edges.labels.forEach((text, at) => {
    const item = create("TObjString")
    item["fString"] = text
    item["fUniqueID"] = at + 1
    list.Add(item)
  })
  axis["fLabels"] = list
}

/** What the statistics box tells. */
function putSums(histogram: Root, bins: Bins): void {
  const [x, y] = bins.axes
  const sums = { fTsumw: 0, fTsumw2: 0, fTsumwx: 0, fTsumwx2: 0, fTsumwy: 0, fTsumwy2: 0, fTsumwxy: 0 }
  if (x) inside(bins, (value, atX, atY, at) => {
    const weight = bins.counts ? bins.counts[at] ?? 0 : value
    const px = centreAt(x, atX)
    const py = bins.counts ? value : y ? centreAt(y, atY) : 0
    sums.fTsumw += weight
    sums.fTsumw2 += bins.variances?.[at] ?? weight
    sums.fTsumwx += weight * px
    sums.fTsumwx2 += weight * px * px
    sums.fTsumwy += weight * py
    sums.fTsumwy2 += weight * py * py
    sums.fTsumwxy += weight * px * py
  })
  Object.assign(histogram, sums)
  histogram["fEntries"] = bins.counts ? bins.counts.reduce((sum, each) => sum + finite(each), 0) : area(bins, true)
}

export function putLook(object: RootObject, look: Look): void {
  const line = colourNumber(look.line)
  if (line !== null) object["fLineColor"] = line
  object["fLineWidth"] = look.width ?? 1
  object["fLineStyle"] = look.style ?? 1
  const fill = colourNumber(look.fill)
  object["fFillColor"] = fill ?? 0
  object["fFillStyle"] = fill === null ? 0 : 1001
  object["fMarkerColor"] = colourNumber(look.marker ?? look.line) ?? 1
  object["fMarkerStyle"] = look.markerStyle ?? 20
  object["fMarkerSize"] = 0.7
}

/** An empty histogram that only holds the axes: what graphs are drawn into. */
export function frameOf(name: string, span: { low: number; high: number }, time: boolean): Root {
  const frame = createHistogram("TH1D", 1)
  frame["fName"] = name
  frame["fTitle"] = ""
  frame.fBits |= NO_STATISTICS
  frame.fXaxis["fXmin"] = span.low
  frame.fXaxis["fXmax"] = span.high
  if (time) {
    frame.fXaxis["fTimeDisplay"] = true
    frame.fXaxis["fTimeFormat"] = "%H:%M:%S%F1970-01-01 00:00:00s0 GMT"
  }
  return frame
}

export function putRange(object: RootObject, range: { low: number; high: number } | null): void {
  object["fMinimum"] = range ? range.low : NONE
  object["fMaximum"] = range ? range.high : NONE
}

export function putAxisLook(axis: RootObject, plan: AxisPlan, offset: number): void {
  axis["fTitleOffset"] = offset
  axis["fTitle"] = plan.title
  axis["fTitleSize"] = 12
  axis["fLabelSize"] = 11
  axis["fBits"] = Number(axis["fBits"] ?? 0) | (plan.title.length > 40 ? 0 : CENTRED_TITLE)
  const line = colourNumber(plan.line)
  const labels = colourNumber(plan.labels || plan.line)
  const title = colourNumber(plan.titleColour || plan.labels || plan.line)
  if (line !== null) axis["fAxisColor"] = line
  if (labels !== null) axis["fLabelColor"] = labels
  if (title !== null) axis["fTitleColor"] = title
}

export function putStatistics(histogram: Root, on: boolean): void {
  histogram.fBits = on ? histogram.fBits & ~NO_STATISTICS : histogram.fBits | NO_STATISTICS
}

export function putLevels(histogram: Root, levels: number[]): void {
  histogram["fContour"] = levels
  histogram.fBits |= USER_LEVELS
}

export function graphOf(name: string, points: Points, look: Look): RootObject {
  const errors = points.xLow !== null || points.yLow !== null || points.xHigh !== null || points.yHigh !== null
  const graph = create(errors ? "TGraphAsymmErrors" : "TGraph")
  const good = points.x.flatMap((x, at) => Number.isFinite(x) && Number.isFinite(points.y[at]) ? [at] : [])
  const pick = (list: number[] | null) => good.map((at) => finite(list?.[at] ?? 0))
  graph["fName"] = name
  graph["fTitle"] = ""
  graph["fNpoints"] = good.length
  graph["fX"] = pick(points.x)
  graph["fY"] = pick(points.y)
  if (errors) Object.assign(graph, { fEXlow: pick(points.xLow), fEXhigh: pick(points.xHigh), fEYlow: pick(points.yLow), fEYhigh: pick(points.yHigh) })
  putLook(graph, look)
  return graph
}

export function lineOf(name: string, from: [number, number], to: [number, number], look: Look): RootObject {
  const graph = create("TGraph")
  Object.assign(graph, { fName: name, fTitle: "", fNpoints: 2, fX: [from[0], to[0]], fY: [from[1], to[1]] })
  putLook(graph, { ...look, width: look.width ?? 2 })
  return graph
}

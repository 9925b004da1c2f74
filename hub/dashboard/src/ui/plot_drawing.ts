// One canvas, drawn by JSROOT: built when its shape is new, else only given new contents, so that nothing flickers. A zoom stays
// in either case. Loaded by the page of a package only. JSROOT's own menus and buttons are off: they write HTML from objects' names.

import { ColorPalette, getColorPalette, getRootColors } from "jsroot/colors"
import { create, gStyle, settings } from "jsroot/core"
import { TCanvasPainter } from "../../node_modules/jsroot/modules/gpad/TCanvasPainter.mjs"
import { TGraphPainter } from "../../node_modules/jsroot/modules/hist2d/TGraphPainter.mjs"
import { TH1Painter } from "../../node_modules/jsroot/modules/hist2d/TH1Painter.mjs"
import { TH2Painter } from "../../node_modules/jsroot/modules/hist2d/TH2Painter.mjs"
import { coloursRange, type Curve, isMap, type Plan, rangeOf, spanOf } from "../core/plot_plan.ts"
import { drawOverlay } from "./plot_overlay.ts"
import { frameOf, graphOf, histogramOf, lineOf, putAxisLook, putLevels, putRange, putStatistics } from "./root_objects.ts"

Object.assign(settings, { ContextMenu: false, ToolBar: false, DragAndDrop: false, HandleKeys: false, ProgressBox: false, DragGraphs: false, MoveResize: false, CanEnlarge: false, TooltipAnimation: 0, ZoomWheel: false, Latex: 0, UseStamp: false, ApproxTextSize: true })
Object.assign(gStyle, { fOptTitle: 0, fFrameLineColor: 1, fStatFont: 42, fStatStyle: 0, fStatX: 0.96, fStatY: 0.94, fStatW: 0.25, fStatH: 0.22 })

const PALETTES: Record<string, number> = { rainbow: 55, viridis: 112, cividis: 113, gray: 52, heat: 53, bird: 57, "blue-red": 87, temperature: 104 }
const SOLID = /lego|surf|gl/

/** How far titles are from their axes, in heights of a letter, so that numbers have room between. */
const X_TITLE = 1.3
const Y_TITLE = 2.3
/** Steps of a gradual change of colours. */
const SMOOTH = 60
/** From such a change of width on, margins would be wrong. */
const REBUILT = 0.15

/** What is drawn, in order; each has its painter. */
type Item = { kind: "1" | "2" | "graph"; object: RootObject; option: string }

/** The same for all canvases, and asked for once: asking lays out anew what the canvas before has drawn. */
let theme: { dark: boolean; sheet: string; ink: string } | null = null

export class PlotDrawing {
  readonly #box: HTMLElement
  #pad: RootPad | null = null
  #painters: RootPainter[] = []
  #shape = ""
  #plan: Plan | null = null
  #colours = ""
  #width = 0
  #size: RootSize | null = null

  constructor(box: HTMLElement) {
    this.#box = box
  }

  /** Show a plan; resolves when it is drawn. */
  async show(plan: Plan): Promise<void> {
    const before = this.#plan
    this.#plan = plan
    const { sheet, ink } = this.#theme()
    const items = itemsOf(plan)
    const shape = `${plan.shape} ${items.map((item) => `${item.kind}${item.option}`).join()}`
    if (this.#pad && shape === this.#shape && this.#colours === sheet + ink) {
      // what draws the contents first sees them: the axes follow the first one
      const fits = items.every((item, at) => this.#painters[at]?.updateObject(item.object, item.option))
      if (fits) {
        await this.#pad.redrawPad()
        this.#finish()
        return
      }
    }
    const zoom = before && sameAxis(before, plan) ? zoomOf(this.#pad) : null
    this.clear()
    if (!items.length || !this.#box.clientWidth) return
    this.#colours = sheet + ink
    this.#shape = shape
    const pad = this.#pad = await TCanvasPainter.draw(this.#box, canvasOf(plan, this.#box.clientWidth, this.#box.clientHeight), "")
    this.#width = this.#box.clientWidth
    this.#measureOnce(pad)
    for (const item of items) {
      const painter = await draw(this.#box, item, plan)
      if (this.#pad !== pad) return
      if (plan.colours && item.kind === "2") {
        const palette = paletteOf(plan.colours.pattern)
        painter.getHistPalette = () => palette
        painter.clearHistPalette = () => undefined
      }
      this.#painters.push(painter)
      if (this.#painters.length === 1) ownLogarithms(pad, plan)
    }
    if (plan.colours) await pad.redrawPad()
    // as if by hand: any other is given up with the next contents
    if (zoom) await pad.getFramePainter()?.zoom("x", zoom.from, zoom.to, true)
    this.#finish()
  }

  /** The box has another size. */
  async resize(): Promise<void> {
    if (!this.#pad || !this.#plan) return
    if (Math.abs(this.#box.clientWidth / this.#width - 1) > REBUILT) {
      this.#shape = ""
      await this.show(this.#plan)
      return
    }
    this.#size = null
    await this.#pad.checkCanvasResize(null, true)
    this.#finish()
  }

  async unzoom(): Promise<void> {
    await this.#pad?.getFramePainter()?.unzoom()
    this.#finish()
  }

  clear(): void {
    this.#pad?.cleanup()
    this.#pad = null
    this.#painters = []
    this.#shape = ""
    this.#box.replaceChildren()
  }

  /** The picture that is shown, with its size. */
  get picture(): SVGSVGElement | null {
    return this.#box.querySelector("svg")
  }

  /** JSROOT measures its box at each redraw, and that lays out the whole page anew; `resize` says when there is need to. */
  #measureOnce(pad: RootPad): void {
    const measure = pad.testMainResize.bind(pad)
    this.#size = null
    pad.testMainResize = (...given) => {
      if (this.#size) return { ...this.#size, changed: false }
      return this.#size = measure(...given)
    }
  }

  #finish(): void {
    const frame = this.#pad?.getFramePainter()
    const zoom = zoomOf(this.#pad)
    const picture = this.picture
    if (!frame || !picture || !this.#plan) return
    const area = { x: frame.getFrameX(), y: frame.getFrameY(), width: frame.getFrameWidth(), height: frame.getFrameHeight() }
    drawOverlay(picture, this.#plan, area, paletteColours)
    this.#box.dataset["zoom"] = zoom ? `${zoom.from} ${zoom.to}` : ""
  }

  /** ROOT's black and white are what the page writes with and on. */
  #theme(): { sheet: string; ink: string } {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches
    if (theme?.dark !== dark) {
      const style = getComputedStyle(this.#box)
      theme = { dark, sheet: style.backgroundColor, ink: style.color }
    }
    const colours = getRootColors()
    colours[0] = theme.sheet
    colours[1] = theme.ink
    return theme
  }
}

/** What part of the horizontal axis somebody chose to see. */
function zoomOf(pad: RootPad | null): { from: number; to: number } | null {
  const frame = pad?.getFramePainter()
  return frame && frame.zoom_xmin !== frame.zoom_xmax ? { from: frame.zoom_xmin, to: frame.zoom_xmax } : null
}

/** Whether both have the same horizontal axis: a projection may have another. */
function sameAxis(one: Plan, other: Plan): boolean {
  const [a, b] = [spanOf(one), spanOf(other)]
  return one.axes.x.title === other.axes.x.title && a.low === b.low && a.high === b.high
}

/** JSROOT takes one word (the pad's) for both vertical axes: it is another one while the axis on the right is made. */
function ownLogarithms(pad: RootPad, plan: Plan): void {
  const frame = pad.getFramePainter()
  if (!frame || !plan.axes.second) return
  const word = pad.getRootPad(true)
  const make = frame.createXY2.bind(frame)
  frame.createXY2 = (options) => {
    const first = word["fLogy"]
    word["fLogy"] = rightLog(plan) ? 1 : 0
    make(options)
    word["fLogy"] = first
  }
}

/** The axis on the left belongs to the first curve, which is of the second axis where the layout has that on the left. */
function leftLog(plan: Plan): boolean {
  return plan.curves[0]?.second ? plan.logSecond : plan.logY
}

function rightLog(plan: Plan): boolean {
  return plan.curves[0]?.second ? plan.logY : plan.logSecond
}

function canvasOf(plan: Plan, width: number, height: number): RootObject {
  const map = plan.curves.some((each) => isMap(each.plot))
  const beside = plan.axes.second !== null || plan.colours !== null || map
  return Object.assign(create("TCanvas"), {
    fLogx: plan.logX ? 1 : 0, fLogy: leftLog(plan) ? 1 : 0, fLogz: plan.logZ ? 1 : 0, fGridx: plan.grid, fGridy: plan.grid, fFillColor: 0, fFrameFillColor: 0,
    fLeftMargin: 58 / width, fRightMargin: (beside ? 74 : 14) / width, fTopMargin: (plan.colours?.title ? 22 : 10) / height, fBottomMargin: 42 / height, fTickx: 1, fTicky: beside ? 0 : 1,
  })
}

async function draw(box: HTMLElement, item: Item, plan: Plan): Promise<RootPainter> {
  if (item.kind === "graph") return TGraphPainter.draw(box, item.object, item.option)
  if (!SOLID.test(item.option)) return (item.kind === "1" ? TH1Painter : TH2Painter).draw(box, item.object, item.option)
  // in three dimensions: three.js comes only then
  const solid = item.kind === "1" ? (await import("../../node_modules/jsroot/modules/hist/TH1Painter.mjs")).TH1Painter : (await import("../../node_modules/jsroot/modules/hist/TH2Painter.mjs")).TH2Painter
  return solid.draw(box, item.object, plan.colours ? item.option.replace("z", "") : item.option)
}

function itemsOf(plan: Plan): Item[] {
  const [first] = plan.curves
  if (!first) return []
  const items: Item[] = []
  const isMain = (curve: Curve) => curve.second === first.second
  const span = spanOf(plan)
  const mainAxis = first.second ? plan.axes.second ?? plan.axes.y : plan.axes.y
  const otherAxis = first.second ? plan.axes.y : plan.axes.second
  const ranges = { main: isMap(first.plot) ? null : rangeOf(plan, first.second), other: rangeOf(plan, !first.second) }
  if (first.plot.kind === "points") {
    const frame = frameOf("frame", span, first.plot.time)
    putRange(frame, ranges.main)
    putAxisLook(frame.fXaxis, plan.axes.x, X_TITLE)
    putAxisLook(frame.fYaxis, mainAxis, Y_TITLE)
    items.push({ kind: "1", object: frame, option: "axis" })
  }
  let framed = false
  plan.curves.forEach((curve, at) => {
    const main = isMain(curve)
    const range = main ? ranges.main : ranges.other
    if (curve.plot.kind === "points") {
      if (!main && !framed) items.push(secondFrame(span, ranges.other, otherAxis, curve))
      framed ||= !main
      const graph = graphOf(curve.key, curve.plot, curve.look)
      items.push({ kind: "graph", object: graph, option: main ? `same ${curve.look.option}` : curve.look.option })
      if (!main) withFrame(items, graph, span, range, otherAxis, curve)
      return
    }
    const histogram = histogramOf(curve.key, curve.plot, curve.look)
    const map = isMap(curve.plot)
    putStatistics(histogram, plan.statistics && at === 0)
    if (map) putMap(histogram, plan, curve)
    else putRange(histogram, range)
    putAxisLook(histogram.fXaxis, plan.axes.x, X_TITLE)
    putAxisLook(histogram.fYaxis, main ? mainAxis : otherAxis ?? plan.axes.y, Y_TITLE)
    const own = map && plan.colours ? curve.look.option.replace("colz", "col") : curve.look.option
    items.push({ kind: map ? "2" : "1", object: histogram, option: items.length ? `${own} same${main ? "" : " y+"}` : own })
  })
  plan.straight.forEach((each, at) => {
    const main = each.second === first.second
    const range = (main ? ranges.main : ranges.other) ?? { low: 0, high: 1 }
    const wide = (span.high - span.low) * 0.1
    const line = each.axis === "y" ? lineOf(`line ${at}`, [span.low - wide, each.at], [span.high + wide, each.at], each.look) : lineOf(`line ${at}`, [each.at, range.low], [each.at, range.high], each.look)
    items.push({ kind: "graph", object: line, option: "same l" })
    if (!main) withFrame(items, line, span, ranges.other, otherAxis, null)
  })
  return items
}

/** The second axis, on which graphs are drawn that come first there. */
function secondFrame(span: { low: number; high: number }, range: { low: number; high: number } | null, axis: Plan["axes"]["second"], curve: Curve): Item {
  const frame = frameOf("second", span, curve.plot.kind === "points" && curve.plot.time)
  putRange(frame, range)
  if (axis) putAxisLook(frame.fYaxis, axis, Y_TITLE)
  return { kind: "1", object: frame, option: "axis same y+" }
}

/** A graph on the second axis brings a frame of its own. */
function withFrame(items: Item[], graph: RootObject, span: { low: number; high: number }, range: { low: number; high: number } | null, axis: Plan["axes"]["second"], curve: Curve | null): void {
  const frame = frameOf("own", span, curve?.plot.kind === "points" && curve.plot.time)
  putRange(frame, range)
  putRange(graph, range)
  if (axis) putAxisLook(frame.fYaxis, axis, Y_TITLE)
  graph["fHistogram"] = frame
  const item = items.at(-1)
  if (item) item.option = `${item.option.replace("same ", "")} y+`
}

function putMap(histogram: ReturnType<typeof histogramOf>, plan: Plan, curve: Curve): void {
  const colours = plan.colours
  const low = curve.low ?? colours?.low ?? null
  const high = curve.high ?? colours?.high ?? null
  if (low !== null) histogram["fMinimum"] = low
  if (high !== null) histogram["fMaximum"] = high
  if (!colours) return
  const ends = coloursRange(plan)
  histogram["fMinimum"] = ends.low
  histogram["fMaximum"] = ends.high
  const steps = Array.isArray(colours.pattern) ? colours.pattern.length : SMOOTH
  // a level holds what is below its end: the greatest value belongs into the last one
  const whole = (ends.high - ends.low) * (1 + 1e-9)
  putLevels(histogram, Array.from({ length: steps + 1 }, (_, at) => ends.low + whole * at / steps))
}

function paletteOf(pattern: string | string[]): { palette: string[] } {
  return Array.isArray(pattern) ? new ColorPalette(pattern) : getColorPalette(PALETTES[pattern] ?? 112)
}

/** So many colours of a pattern, lowest first. */
function paletteColours(pattern: string | string[]): string[] {
  return paletteOf(pattern).palette
}

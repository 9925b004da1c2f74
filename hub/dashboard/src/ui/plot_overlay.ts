// What is written over a drawing: legend, words, and the axis of colours with its labels. Plain SVG in the drawing's own, so that
// pictures that are saved have it; text is text, whatever stands in it.

import { coloursRange, type Plan } from "../core/plot_plan.ts"

const SVG = "http://www.w3.org/2000/svg"
const LINE = 17
/** About so wide is a letter of 12 pixels. */
const LETTER = 6.6

type Area = { x: number; y: number; width: number; height: number }

function made<K extends keyof SVGElementTagNameMap>(into: Element, kind: K, attributes: Record<string, string | number>, text = ""): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, kind)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  if (text) element.textContent = text
  into.append(element)
  return element
}

export function drawOverlay(picture: SVGSVGElement, plan: Plan, area: Area, coloursOf: (pattern: string | string[]) => string[]): void {
  picture.querySelector(":scope > g.overlay")?.remove()
  const group = made(picture, "g", { class: "overlay", "font-family": "sans-serif", "font-size": 12, "pointer-events": "none" })
  if (plan.legend) legend(group, plan.legend, area)
  for (const each of plan.words) {
    made(group, "text", { x: area.x + each.x * area.width, y: area.y + (1 - each.y) * area.height, fill: each.colour || "currentColor", "font-size": Math.min(48, Math.max(6, each.size)) }, each.text)
  }
  if (plan.colours) colourAxis(group, plan, area, coloursOf(plan.colours.pattern))
}

function legend(group: SVGGElement, legend: NonNullable<Plan["legend"]>, area: Area): void {
  const lines = legend.entries.length + (legend.title ? 1 : 0)
  if (!lines) return
  const longest = Math.max(legend.title.length - 4, ...legend.entries.map((each) => each.label.length))
  const width = Math.min(area.width - 16, 40 + longest * LETTER)
  const height = lines * LINE + 8
  const left = legend.corner.endsWith("left") ? area.x + 8 : area.x + area.width - width - 8
  const top = legend.corner.startsWith("top") ? area.y + 8 : area.y + area.height - height - 8
  const box = made(group, "g", { transform: `translate(${left} ${top})`, class: "plot-legend" })
  made(box, "rect", { width, height, rx: 4, fill: "var(--sheet)", "fill-opacity": 0.85, stroke: "var(--line)" })
  if (legend.title) made(box, "text", { x: 8, y: LINE - 2, fill: "currentColor", "font-weight": 600 }, legend.title)
  legend.entries.forEach((entry, at) => {
    const middle = (at + (legend.title ? 1 : 0)) * LINE + 12
    made(box, "rect", { x: 8, y: middle - 5, width: 18, height: entry.fill && entry.fill !== "none" ? 10 : 2.5, fill: entry.fill && entry.fill !== "none" ? entry.fill : entry.colour, stroke: entry.colour })
    made(box, "text", { x: 32, y: middle + 3, fill: "currentColor" }, entry.label)
  })
}

function colourAxis(group: SVGGElement, plan: Plan, area: Area, colours: string[]): void {
  const axis = plan.colours
  if (!axis || !plan.curves.length) return
  const { low, high } = coloursRange(plan)
  const left = area.x + area.width + 8
  const box = made(group, "g", { class: "colour-axis" })
  const step = area.height / colours.length
  colours.forEach((colour, at) => {
    made(box, "rect", { x: left, y: area.y + area.height - (at + 1) * step, width: 14, height: step + 0.5, fill: colour })
  })
  made(box, "rect", { x: left, y: area.y, width: 14, height: area.height, fill: "none", stroke: "currentColor", "stroke-opacity": 0.5 })
  const labels = axis.labels.length ? axis.labels : [0, 0.25, 0.5, 0.75, 1].map((share) => ({ at: low + (high - low) * share, text: String(Number((low + (high - low) * share).toPrecision(3))) }))
  for (const label of labels) {
    const share = (label.at - low) / (high - low)
    if (share < 0 || share > 1) continue
    made(box, "text", { x: left + 18, y: area.y + area.height * (1 - share) + 4, fill: "currentColor", "font-size": 11 }, label.text)
  }
  if (axis.title) made(box, "text", { x: left, y: area.y - 3, fill: "currentColor", "font-size": 11 }, axis.title)
}

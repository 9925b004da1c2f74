// The diagram of a service's steps, as SVG that is drawn once and then changed in place: state, text and class of each step.
//
//   const diagram = new Diagram(element, { onStep: (component, source) => { ... } })
//   diagram.show(description, cycle, Date.now())       // again whenever something changed, and to let durations count
//
// It fills its element's width and is drawn anew when that changes. Whatever comes from outside is put in as text.

import { wearStyle } from "./diagram_style.ts"
import { type Box, type Lane, type Layout, layoutOf, NARROW, sourcesOf } from "./layout.ts"
import { type Cycle, type Description, shortSpan, SIGNS, type Step, stepName, took } from "./steps.ts"

const SVG = "http://www.w3.org/2000/svg"
const BAR = 21
const LETTER = 6.9

type Shown = { lane: Lane; group: SVGElement; sign: Text; about: Text; title: Text; name: string; label: string }

export type Options = { onStep?: (component: string, source: string) => void }

let count = 0

export class Diagram {
  readonly #place: HTMLElement
  readonly #options: Options
  readonly #watcher: ResizeObserver
  #svg: SVGElement | null = null
  #key = ""
  #steps: Shown[] = []
  #last: [Description, Cycle | null, number] | null = null

  constructor(place: HTMLElement, options: Options = {}) {
    wearStyle()
    this.#place = place
    this.#options = options
    this.#watcher = new ResizeObserver(() => { if (this.#last) this.show(...this.#last) })
    this.#watcher.observe(place)
  }

  close(): void {
    this.#watcher.disconnect()
    this.#svg?.remove()
    this.#svg = null
    this.#key = ""
  }

  /** `now`: milliseconds since 1970 as the hub counts them. Without a cycle every step is idle. */
  show(description: Description, cycle: Cycle | null, now: number): void {
    this.#last = [description, cycle, now]
    const steps = cycle?.steps ?? []
    const sources = sourcesOf(description.components, steps)
    const room = Math.floor(this.#place.clientWidth)
    const key = JSON.stringify([description.components, [...sources], room < NARROW ? room : Math.round(room / 8)])
    if (key !== this.#key) this.#draw(description, layoutOf(description.components, sources, room))
    this.#key = key
    for (const each of this.#steps) this.#update(each, steps.find((step) => step.component === each.lane.component && step.source === each.lane.source), now)
  }

  #update(shown: Shown, step: Step | undefined, now: number): void {
    const state = step?.state ?? "idle"
    const ms = step ? took(step, now) : null
    set(shown.group, "class", `dvic-step dvic-${state}`)
    put(shown.sign, SIGNS[state])
    put(shown.about, ms === null ? state : `${state} ${shortSpan(ms)}`)
    put(shown.title, [`${shown.label}: ${state}`, step?.trouble, step && step.message !== step.trouble ? step.message : ""].filter((each) => each).join("\n"))
    // begins with the text that is seen, as who speaks to a browser says it
    set(shown.group, "aria-label", `${shown.name} ${shown.about.data}${shown.name === shown.label ? "" : `, ${shown.label}`}`)
  }

  #draw(description: Description, layout: Layout): void {
    const focused = this.#steps.find((each) => each.group === document.activeElement)?.label
    const id = `dvic-arrow-${++count}`
    const svg = made("svg", { class: "dvic-diagram", width: layout.width, height: layout.height, viewBox: `0 0 ${layout.width} ${layout.height}`, role: "group", "aria-label": `Steps of ${description.name}` })
    const marker = made("marker", { id, viewBox: "0 0 8 8", refX: 6, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" }, made("path", { class: "dvic-head", d: "M0 0L8 4L0 8z" }))
    svg.append(made("defs", {}, marker))
    for (const arrow of layout.arrows) svg.append(made("path", { class: "dvic-arrow", d: arrow.path, "marker-end": `url(#${id})`, "data-from": arrow.from, "data-to": arrow.to }))
    this.#steps = []
    for (const box of layout.boxes) this.#drawBox(svg, box)
    if (this.#svg) this.#svg.replaceWith(svg)
    else this.#place.append(svg)
    this.#svg = svg
    this.#steps.find((each) => each.label === focused)?.group.focus()
  }

  #drawBox(svg: SVGElement, box: Box): void {
    const { component } = box
    if (box.frame) {
      svg.append(made("rect", { class: "dvic-frame", x: box.x, y: box.y, width: box.width, height: box.height, rx: 7 }))
      svg.append(clipped(box.x + 8, box.y, box.width - 12, 20, words("dvic-title", 0, 15, cut(component.name, box.width - 12), component.title ?? "")))
    }
    for (const lane of box.lanes) svg.append(this.#drawLane(lane, box))
  }

  #drawLane(lane: Lane, box: Box): SVGElement {
    const name = cut(lane.source || (box.frame ? "any" : lane.component), lane.width - BAR - 8)
    const [sign, about, title] = [document.createTextNode(""), document.createTextNode(""), document.createTextNode("")]
    const group = made("g", { "data-step": stepName(lane), role: "img" }, made("title", {}, title),
      made("rect", { class: "dvic-box", x: lane.x, y: lane.y, width: lane.width, height: lane.height, rx: 6 }),
      made("path", { class: "dvic-bar", d: `M${lane.x + BAR} ${lane.y}H${lane.x + 6}q-6 0 -6 6v${lane.height - 12}q0 6 6 6H${lane.x + BAR}z` }),
      made("text", { class: "dvic-sign", x: lane.x + BAR / 2, y: lane.y + lane.height / 2 + 4, "aria-hidden": "true" }, sign),
      clipped(lane.x + BAR + 5, lane.y, lane.width - BAR - 6, lane.height,
        words("dvic-name", 0, 18, name), document.createTextNode(" "), made("text", { class: "dvic-about", x: 0, y: 35 }, about)))
    const act = this.#options.onStep
    if (act) {
      set(group, "role", "button")
      set(group, "tabindex", "0")
      group.addEventListener("click", () => act(lane.component, lane.source))
      group.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return
        event.preventDefault()
        act(lane.component, lane.source)
      })
    }
    this.#steps.push({ lane, group, sign, about, title, name, label: stepName(lane) })
    return group
  }
}

function cut(text: string, width: number): string {
  const most = Math.max(4, Math.floor(width / LETTER))
  return text.length > most ? `${text.slice(0, most - 1)}…` : text
}

function words(kind: string, x: number, y: number, text: string, more = ""): SVGElement {
  const found = made("text", { class: kind, x, y }, document.createTextNode(text))
  if (more) found.append(made("title", {}, document.createTextNode(more)))
  return found
}

function clipped(x: number, y: number, width: number, height: number, ...inside: Node[]): SVGElement {
  return made("svg", { x, y, width: Math.max(1, width), height, overflow: "hidden" }, ...inside)
}

function made(name: string, attributes: Record<string, string | number>, ...inside: Node[]): SVGElement {
  const found = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) found.setAttribute(key, String(value))
  found.append(...inside)
  return found
}

function set(element: SVGElement, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value)
}

function put(text: Text, value: string): void {
  if (text.data !== value) text.data = value
}

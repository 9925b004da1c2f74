// Lines over time: drag to zoom, one cross-hair through all charts of a page, gaps where nothing was measured.
// The legend tells the values at the cross-hair, or the newest; it is text, so nobody depends on the drawing.

import { useSignal } from "@preact/signals"
import { useEffect, useLayoutEffect, useRef } from "preact/hooks"
import uPlot from "uplot"
import "uplot/dist/uPlot.min.css"
import { clock } from "../core/format.ts"
import { shown, type Unit } from "../core/metric_families.ts"
import { markTexts } from "../core/ranges.ts"
import { type Table, withGaps } from "../core/table.ts"
import "./chart.css"

const HEIGHT = 170
const COLOURS = 10
/** All charts of a page move one cross-hair. */
const TOGETHER = "charts"
const BINARY = Array.from({ length: 50 }, (_, power) => 2 ** power)

type Props = {
  title: string
  table: Table
  labels: readonly string[]
  unit: Unit
  low?: number | undefined
  high?: number | undefined
  /** Seconds of one point; 0: as sampled. */
  step: number
  from: number
  until: number
  zoom: (from: number, until: number) => void
  /** Back to where one came from. */
  back: () => void
}

/** What a drawing is made of; another one makes another drawing, new values don't. */
type Frame = Pick<Props, "unit" | "low" | "high"> & { count: number }

/** Colours as the page's style has them now: a canvas knows no variables. */
function coloursOf(box: HTMLElement): { lines: string[]; text: string; grid: string } {
  const probe = document.createElement("span")
  box.append(probe)
  const read = (name: string) => {
    probe.style.color = `var(${name})`
    return getComputedStyle(probe).color
  }
  const found = { lines: Array.from({ length: COLOURS }, (_, at) => read(`--line-${at}`)), text: read("--faint"), grid: read("--line") }
  probe.remove()
  return found
}

function optionsOf(box: HTMLElement, frame: Frame, view: { from: number; until: number }, on: { cursor: (at: number | null) => void; zoom: Props["zoom"] }): uPlot.Options {
  const { lines, text, grid } = coloursOf(box)
  const axis = { stroke: text, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1, size: 4 }, font: "11px system-ui, sans-serif" }
  return {
    width: box.clientWidth, height: HEIGHT, legend: { show: false }, padding: [8, 18, 0, 0],
    cursor: { sync: { key: TOGETHER, setSeries: false }, drag: { x: true, y: false, setScale: false }, y: false, points: { size: 6 } },
    scales: {
      x: { time: true, range: () => [view.from, view.until] },
      y: { range: (_, low: number | null, high: number | null) => rangeOf(frame, low, high) },
    },
    axes: [
      { ...axis, space: 70, size: 28, values: (_, marks, __, ___, apart) => markTexts(marks, apart) },
      { ...axis, size: 68, values: (_, marks) => marks.map((mark) => shown(mark, frame.unit)), ...(frame.unit.startsWith("bytes") ? { incrs: BINARY } : {}) },
    ],
    series: [{}, ...Array.from({ length: frame.count }, (_, at): uPlot.Series => ({
      stroke: lines[at % COLOURS] ?? text, width: 1.4, dash: at >= COLOURS ? [6, 3] : [], points: { show: (plot, number, first, last) => alone(plot, number, first, last) },
      ...(frame.count === 1 ? { fill: `color-mix(in srgb, ${lines[0] ?? text} 12%, transparent)` } : {}),
    }))],
    hooks: {
      setCursor: [(plot) => on.cursor(plot.cursor.left !== undefined && plot.cursor.left >= 0 ? (plot.cursor.idx ?? null) : null)],
      setSelect: [(plot) => {
        const { left, width } = plot.select
        if (width < 6) return
        plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
        on.zoom(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"))
      }],
    },
  }
}

/** Points are drawn where there are so few that a line would not be seen. */
function alone(plot: uPlot, number: number, first: number, last: number): boolean {
  const values = plot.data[number] ?? []
  let count = 0
  for (let at = first; at <= last && count < 4; at++) if (values[at] !== null && values[at] !== undefined) count++
  return count < 4
}

function rangeOf(frame: Frame, low: number | null, high: number | null): [number, number] {
  const least = Math.min(frame.low ?? Infinity, low ?? frame.low ?? 0)
  const most = Math.max(frame.high ?? -Infinity, high ?? 0)
  if (frame.high !== undefined && most <= frame.high) return [least, frame.high]
  const room = (most - least) * 0.08 || Math.abs(most) * 0.1 || 1
  return [frame.low !== undefined && least >= frame.low ? frame.low : least - room, most + room]
}

export function Chart(props: Props) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const view = useRef({ from: props.from, until: props.until })
  const zoom = useRef(props.zoom)
  const at = useSignal<number | null>(null)
  const hidden = useSignal<ReadonlySet<number>>(new Set())
  const turn = useSignal(0)
  const count = props.table.columns.length
  zoom.current = props.zoom

  useEffect(() => {
    const scheme = matchMedia("(prefers-color-scheme: dark)")
    const again = () => { turn.value++ }
    scheme.addEventListener("change", again)
    return () => scheme.removeEventListener("change", again)
  }, [])

  useLayoutEffect(() => {
    const inside = box.current
    if (!inside) return
    const on = { cursor: (index: number | null) => { at.value = index }, zoom: (from: number, until: number) => zoom.current(from, until) }
    const made = new uPlot(optionsOf(inside, { unit: props.unit, low: props.low, high: props.high, count }, view.current, on), withGaps(props.table, props.step), inside)
    plot.current = made
    for (const number of hidden.peek()) made.setSeries(number + 1, { show: false })
    const watch = new ResizeObserver(() => { if (inside.clientWidth) made.setSize({ width: inside.clientWidth, height: HEIGHT }) })
    watch.observe(inside)
    return () => {
      watch.disconnect()
      made.destroy()
      plot.current = null
    }
  }, [props.unit, props.low, props.high, count, turn.value])

  useEffect(() => {
    view.current.from = props.from
    view.current.until = props.until
    plot.current?.setData(withGaps(props.table, props.step))
  }, [props.table, props.from, props.until, props.step])

  const flip = (number: number) => {
    const next = new Set(hidden.value)
    if (!next.delete(number)) next.add(number)
    hidden.value = next
    plot.current?.setSeries(number + 1, { show: !next.has(number) })
  }
  const drawn = plot.current?.data
  const time = at.value === null ? undefined : drawn?.[0][at.value]
  const valueOf = (number: number) => time === undefined ? newest(props.table.columns[number]) : drawn?.[number + 1]?.[at.value ?? 0]
  return (
    <figure class="chart">
      <figcaption>
        <span>{props.title}</span>
        <span class="faint moment">{time === undefined ? "" : clock(time * 1000)}</span>
      </figcaption>
      <div ref={box} class="drawing" aria-hidden="true" onDblClick={props.back} />
      <ul class={`legend ${count > 12 ? "many" : ""}`}>
        {props.labels.map((label, number) => (
          <li key={label}>
            <button type="button" class="plain" aria-pressed={!hidden.value.has(number)} title={`show or hide ${label}`} onClick={() => flip(number)}>
              <span class={`swatch ${number >= COLOURS ? "dashed" : ""}`} style={{ borderColor: `var(--line-${number % COLOURS})` }} aria-hidden="true" />
              <span class="label">{label}</span> <span class="value">{shown(valueOf(number), props.unit)}</span>
            </button>
          </li>
        ))}
      </ul>
    </figure>
  )
}

function newest(values: readonly (number | null)[] | undefined): number | null {
  return values?.findLast((value) => value !== null) ?? null
}

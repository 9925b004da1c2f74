// A node's measurements over time: one chart a family of metrics, each asked for when it is first looked at, going on live.

import { type ReadonlySignal, useSignal, useSignalEffect } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import { ask } from "../core/api.ts"
import { hubTime } from "../core/clock.ts"
import { type Chart as ChartKind, chartOf, chartsFor, compareIn } from "../core/metric_families.ts"
import { now } from "../core/now.ts"
import { textOf } from "../core/problems.ts"
import { edges, fromField, pieceQuery, type Range, rangeOf, type SpanKey, SPANS, spanQuery, toField, WHOLE } from "../core/ranges.ts"
import { keepInAddress, place } from "../core/router.ts"
import { EMPTY, extended, type SeriesAnswer, type Table, tableOf } from "../core/table.ts"
import { Chart } from "../ui/chart.tsx"
import { Empty, ErrorBox } from "../ui/notices.tsx"

/** A live sample: seconds, and every metric of it. */
export type Sample = { time: number; values: ReadonlyMap<string, number> }

const MOVES_A_RANGE = 900

/** The end of a range that moves, in steps that can be seen: not every chart is drawn anew every second. */
function movingNow(range: Range): number {
  const apart = Math.max(2, Math.floor(range.seconds / MOVES_A_RANGE))
  return Math.ceil(now.value / 1000 / apart) * apart
}

/** `usual`: what is shown where the address says nothing. */
export function NodeCharts(props: { node: string; usual: SpanKey; names: readonly string[]; live: ReadonlySignal<Sample | null>; turn: number }) {
  const all = useSignal(false)
  const range = rangeOf(place.value?.query ?? new URLSearchParams(), props.usual)
  const charts = chartsFor(props.names)
  const shown = all.value ? charts : charts.filter((chart) => !chart.aside)
  const zoom = (from: number, until: number) => keepInAddress(pieceQuery(from, until))
  const back = () => { if (range.from) keepInAddress(WHOLE) }
  if (!charts.length) return <Empty><p>Nothing was measured yet.</p></Empty>
  return (
    <>
      <RangeBar range={range} />
      <div class="charts">
        {shown.map((chart) => <MetricChart key={chart.id} node={props.node} chart={chart} range={range} live={props.live} turn={props.turn} zoom={zoom} back={back} />)}
      </div>
      {charts.length > shown.length && <p class="more"><button type="button" onClick={() => { all.value = true }}>Show {charts.length - shown.length} more charts</button></p>}
    </>
  )
}

/** Which time is shown, and the ways to another. */
export function RangeBar(props: { range: Range }) {
  const { range } = props
  const open = useSignal(range.from > 0)
  const [from, until] = edges(range, hubTime() / 1000)
  const pick = (start: string, end: string) => {
    const one = fromField(start)
    const other = fromField(end)
    if (one && other > one) keepInAddress(pieceQuery(one, other))
  }
  return (
    <div class="ranges" role="group" aria-label="Time shown">
      {SPANS.map((span) => (
        <button key={span.key} type="button" aria-pressed={range.key === span.key} onClick={() => { open.value = false; keepInAddress(spanQuery(span.key)) }}>{span.name}</button>
      ))}
      <button type="button" aria-pressed={range.from > 0} aria-expanded={open.value || range.from > 0} onClick={() => { open.value = !open.value }}>Other</button>
      {(open.value || range.from > 0) && (
        <span class="piece">
          <label>from <input type="datetime-local" value={toField(from)} onChange={(event) => pick(event.currentTarget.value, toField(until))} /></label>
          <label>until <input type="datetime-local" value={toField(until)} onChange={(event) => pick(toField(from), event.currentTarget.value)} /></label>
        </span>
      )}
      {range.from ? <button type="button" onClick={() => keepInAddress(WHOLE)}>Back</button> : <span class="faint hint">drag over a chart to zoom</span>}
    </div>
  )
}

type Props = { node: string; chart: ChartKind; range: Range; live: ReadonlySignal<Sample | null>; turn: number; zoom: (from: number, until: number) => void; back: () => void }

function MetricChart(props: Props) {
  const { chart, range } = props
  const box = useRef<HTMLDivElement>(null)
  const seen = useSignal(false)
  const fault = useSignal("")
  const again = useSignal(0)
  const held = useSignal<{ table: Table; step: number } | null>(null)
  const mine = (name: string) => chartOf(name).id === chart.id

  useEffect(() => {
    const watch = new IntersectionObserver((entries) => { if (entries.some((entry) => entry.isIntersecting)) seen.value = true }, { rootMargin: "300px" })
    if (box.current) watch.observe(box.current)
    return () => watch.disconnect()
  }, [])

  useEffect(() => {
    if (!seen.value) return
    const stop = new AbortController()
    let timer = 0
    const load = async () => {
      const bounds = range.from
        ? { since: new Date(range.from * 1000).toISOString(), until: new Date(range.until * 1000).toISOString() }
        : { since: `${Math.round(range.seconds)}s` }
      try {
        const answer = await ask<SeriesAnswer>("GET", "metrics/series", {
          query: { node: props.node, names: chart.patterns.join(","), shared: "true", ...bounds }, signal: stop.signal,
        })
        held.value = { table: tableOf(answer, mine, compareIn(chart)), step: answer.step }
        fault.value = ""
        if (!range.from && answer.step > 0) timer = window.setTimeout(() => void load(), Math.max(30, answer.step) * 1000)
      } catch (error) {
        if (!stop.signal.aborted) fault.value = textOf(error)
      }
    }
    void load()
    return () => {
      stop.abort()
      clearTimeout(timer)
    }
  }, [seen.value, props.node, chart.id, range.key, range.from, range.until, props.turn, again.value])

  useSignalEffect(() => {
    const sample = props.live.value
    const known = held.peek()
    if (!sample || !known || range.from) return
    const values = new Map([...sample.values].filter(([name]) => mine(name)))
    if (values.size) held.value = { ...known, table: extended(known.table, sample.time, values, known.step, sample.time - range.seconds * 1.1) }
  })

  const { table, step } = held.value ?? { table: EMPTY, step: 0 }
  const [from, until] = range.from ? [range.from, range.until] : edges(range, movingNow(range))
  return (
    <div ref={box} class="chart-place">
      {fault.value
        ? <ErrorBox text={`${chart.title}: ${fault.value}`} again={() => { again.value++ }} />
        : (
          <Chart
            title={chart.title} table={table} labels={table.names.map((name) => chartOf(name).label)} unit={chart.unit} low={chart.low} high={chart.high}
            step={step} from={from} until={until} zoom={props.zoom} back={props.back}
          />
        )}
      {held.value && !table.times.length && <p class="nothing faint">nothing in this time</p>}
    </div>
  )
}

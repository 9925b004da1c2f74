// How many lines of each level there were over time, as bars; a drag over them chooses a span of time.

import { useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import { ask } from "../core/api.ts"
import { clock, number, span } from "../core/format.ts"
import { type Bar, bucketAt, type Chart, chartOf, dragged, inWords, type LevelCounts, stacked } from "../core/histogram.ts"
import { isLive, type LogFilter, searchQuery } from "../core/log_filter.ts"
import { rfc3339 } from "../core/moments.ts"
import { textOf } from "../core/problems.ts"
import { LEVELS } from "../core/types.ts"
import "../styles/level_chart.css"

/** A chart that may have changed is asked for again after so long, and so many times what the last answer took. */
const AGAIN_MS = 5000
const PATIENCE = 10

type Props = {
  filter: LogFilter
  /** Moves on when there may be more to count. */
  version: number
  choose: (since: string, until: string) => void
}

export function LevelChart(props: Props) {
  const { filter } = props
  const chart = useSignal<Chart | null>(null)
  const fault = useSignal("")
  const drag = useSignal<{ from: number; to: number } | null>(null)
  const over = useSignal(-1)
  const box = useRef<HTMLDivElement>(null)
  const state = useRef({ timer: 0, next: 0, busy: false, stop: new AbortController() }).current

  const load = async () => {
    state.timer = 0
    if (state.busy || document.hidden) {
      later()
      return
    }
    state.busy = true
    const began = Date.now()
    try {
      const found = await ask<LevelCounts>("GET", "logs/levels", { query: { ...searchQuery(filter), buckets: columns(box.current) }, signal: state.stop.signal })
      chart.value = chartOf(found)
      fault.value = ""
    } catch (error) {
      if (!state.stop.signal.aborted) fault.value = textOf(error)
    }
    state.busy = false
    state.next = Date.now() + Math.max(AGAIN_MS, (Date.now() - began) * PATIENCE)
    if (fault.value && !state.stop.signal.aborted) later()
  }
  const later = () => { state.timer ||= window.setTimeout(() => void load(), Math.max(500, state.next - Date.now())) }

  useEffect(() => {
    void load()
    return () => {
      state.stop.abort()
      clearTimeout(state.timer)
    }
  }, [])
  useEffect(() => { if (props.version && isLive(filter) && !state.stop.signal.aborted) later() }, [props.version])

  const placeOf = (event: PointerEvent) => {
    const rect = box.current?.getBoundingClientRect()
    return rect?.width ? Math.max(0, Math.min(1, (event.clientX - rect.left) / rect.width)) : 0
  }
  const down = (event: PointerEvent) => {
    if (event.button !== 0 || !chart.value?.bars.length) return
    box.current?.setPointerCapture(event.pointerId)
    const place = placeOf(event)
    drag.value = { from: place, to: place }
  }
  const move = (event: PointerEvent) => {
    const place = placeOf(event)
    if (chart.value) over.value = bucketAt(chart.value, place)
    if (drag.value) drag.value = { from: drag.value.from, to: place }
  }
  const up = () => {
    const now = drag.value
    drag.value = null
    const chosen = now && chart.value && dragged(chart.value, now.from, now.to)
    if (chosen) props.choose(rfc3339(chosen.since), rfc3339(chosen.until))
  }

  const now = chart.value
  const bar = now?.bars[over.value]
  return (
    <figure class="levels" aria-label="Lines over time">
      <div
        ref={box} class="levels-plot" role="img" aria-label={now ? inWords(now) : "being counted"} onPointerDown={down} onPointerMove={move}
        onPointerUp={up} onPointerCancel={() => { drag.value = null }} onPointerLeave={() => { over.value = -1 }}
      >
        {now && <Bars chart={now} />}
        {drag.value && <div class="levels-drag" style={{ left: `${Math.min(drag.value.from, drag.value.to) * 100}%`, width: `${Math.abs(drag.value.to - drag.value.from) * 100}%` }} />}
        {fault.value && <p class="fault">{fault.value}</p>}
      </div>
      <figcaption>
        {now ? <><span>{clock(now.since / 1000)}</span><span class="levels-said">{bar ? told(bar) : said(now)}</span><span>{clock(now.until / 1000)}</span></> : <span>&nbsp;</span>}
      </figcaption>
    </figure>
  )
}

function columns(box: HTMLElement | null): number {
  return Math.max(20, Math.min(160, Math.floor((box?.clientWidth ?? 800) / 8)))
}

function told(bar: Bar): string {
  const parts = LEVELS.filter((level) => bar.counts[level]).reverse().map((level) => `${number(bar.counts[level] ?? 0)} ${level}`)
  return `${clock(bar.from / 1000)}, ${span((bar.until - bar.from) / 1000)}: ${parts.join(", ") || "none"}`
}

function said(chart: Chart): string {
  const partly = chart.completeSince ? `; before ${clock(chart.completeSince / 1000)} not all were counted` : ""
  return `${number(chart.total)} lines, ${span(chart.bars.length ? ((chart.bars[0]?.until ?? 0) - (chart.bars[0]?.from ?? 0)) / 1000 : 0)} a bar${partly}; drag to choose a time`
}

function Bars(props: { chart: Chart }) {
  const { bars, most } = props.chart
  return (
    <svg viewBox={`0 0 ${Math.max(1, bars.length)} 1`} preserveAspectRatio="none" aria-hidden="true">
      {bars.map((bar, at) => stacked(bar, most).map((part) => (
        <rect key={`${at} ${part.level}`} class={`bar-${part.level}`} x={at + 0.08} width={0.84} y={1 - part.from - part.height} height={part.height} />
      )))}
    </svg>
  )
}

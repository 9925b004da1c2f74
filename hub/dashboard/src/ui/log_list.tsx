// A list of log lines that may be very long: only what is seen is drawn. It sticks to the end while new lines come, unless one
// has scrolled up; then nothing moves under the reader's eyes.
//
//   <LogList feed={feed} wrap={false} text="needle" open={(line) => ...} />
//
// Keys: arrows, Page Up and Down, Home and End; Enter opens the line that is chosen.

import { useSignal } from "@preact/signals"
import { useEffect, useId, useLayoutEffect, useRef } from "preact/hooks"
import { marked, oneLine, visible } from "../core/harmless.ts"
import { Heights, wrappedLines } from "../core/heights.ts"
import { number } from "../core/format.ts"
import type { LogFeed } from "../core/log_feed.ts"
import type { LogLine } from "../core/log_lines.ts"
import { compare, placeOfLine } from "../core/log_lines.ts"
import { dayOf, rfc3339, timeOfDay } from "../core/moments.ts"
import "../styles/log_list.css"

const ROW = 20
const OVERSCAN = 300
/** Characters of one row when lines are not wrapped, and lines of one row when they are. */
const SHOWN = 600
const SHOWN_LINES = 40
/** How near the beginning older lines are asked for. */
const NEAR = 400

type Props = { feed: LogFeed; wrap: boolean; text: string; open: (line: LogLine) => void; showNode?: boolean }

type Anchor = { line: LogLine; offset: number }

/** What of the list is not drawn by the framework: heights, and where the reader is. */
class Layout {
  heights = new Heights()
  measured = new WeakMap<LogLine, number>()
  anchor: Anchor | null = null
  columns = 80
  wrap = false
  lastTop = 0

  /** Bring the heights up to date with the lines. */
  sync(feed: LogFeed, wrap: boolean): void {
    const { lines } = feed
    if (wrap !== this.wrap) this.forget()
    this.wrap = wrap
    this.heights.cut(lines.changedFrom)
    lines.changedFrom = Infinity
    this.heights.cut(lines.items.length)
    for (let row = this.heights.length; row < lines.items.length; row++) this.heights.push(this.guess(lines.items[row] as LogLine, wrap))
  }

  forget(): void {
    this.heights.cut(0)
    this.measured = new WeakMap()
  }

  guess(line: LogLine, wrap: boolean): number {
    if (!wrap || line.hole) return ROW
    return this.measured.get(line) ?? ROW * Math.min(SHOWN_LINES, wrappedLines(line.message, this.columns))
  }
}

export function LogList(props: Props) {
  const { feed, wrap } = props
  const box = useRef<HTMLDivElement>(null)
  const rows = useRef<HTMLDivElement>(null)
  const layout = useRef(new Layout()).current
  const turn = useSignal(0)
  const chosen = useSignal<LogLine | null>(null)
  const id = useId()

  feed.version.value
  turn.value
  layout.sync(feed, wrap)
  const { items } = feed.lines
  const { heights } = layout
  const top = feed.follow.value ? Math.max(0, heights.total - (box.current?.clientHeight ?? 600)) : (box.current?.scrollTop ?? 0)
  const first = Math.min(heights.at(top - OVERSCAN), Math.max(0, items.length - 1))
  const last = Math.min(items.length, heights.at(top + (box.current?.clientHeight ?? 600) + OVERSCAN) + 1)

  // Another width: every height that was measured is wrong now.
  useEffect(() => {
    const element = box.current
    if (!element) return
    let width = 0
    const observer = new ResizeObserver(() => {
      if (element.clientWidth !== width) {
        width = element.clientWidth
        layout.columns = Math.max(20, Math.floor((width - (width < 700 ? 20 : 420)) / 7.3))
        layout.forget()
      }
      turn.value++
    })
    observer.observe(element)
    return () => observer.disconnect()
  }, [])

  useLayoutEffect(() => {
    const element = box.current
    if (!element) return
    if (wrap && rows.current) measure(layout, rows.current, items, first)
    if (feed.follow.peek()) element.scrollTop = element.scrollHeight
    else if (layout.anchor) {
      // what came in, or was measured, above moves the line that the reader is at: the view moves with it
      const offset = heights.offset(feed.lines.indexOf(layout.anchor.line))
      if (offset !== layout.anchor.offset) element.scrollTop += offset - layout.anchor.offset
      layout.anchor.offset = offset
    }
    layout.lastTop = element.scrollTop
    // what was measured may leave a part of the view empty
    const empty = heights.at(element.scrollTop) < first || heights.at(element.scrollTop + element.clientHeight - 1) >= last
    if (items.length && empty) turn.value++
    if (element.scrollTop < NEAR && (!feed.follow.peek() || heights.total < element.clientHeight)) void feed.older()
  })

  const scrolled = () => {
    const element = box.current
    if (!element) return
    const atEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - 3
    if (atEnd) feed.setFollow(true)
    else if (element.scrollTop < layout.lastTop - 1) feed.setFollow(false)
    const row = heights.at(element.scrollTop)
    const line = items[row]
    layout.anchor = line ? { line, offset: heights.offset(row) } : null
    layout.lastTop = element.scrollTop
    turn.value++
  }

  const choose = (row: number) => {
    const element = box.current
    const line = items[Math.max(0, Math.min(items.length - 1, row))]
    if (!element || !line) return
    chosen.value = line
    const at = feed.lines.indexOf(line)
    const from = heights.offset(at)
    const height = heights.get(at)
    if (from < element.scrollTop) element.scrollTop = from
    else if (from + height > element.scrollTop + element.clientHeight) element.scrollTop = from + height - element.clientHeight
  }

  const pressed = (event: KeyboardEvent) => {
    const now = chosen.value && feed.lines.indexOf(chosen.value)
    const page = Math.floor((box.current?.clientHeight ?? ROW) / ROW) - 1
    const here = now ?? heights.at(box.current?.scrollTop ?? 0)
    const steps: Record<string, number> = {
      ArrowDown: now === null ? last - 1 : here + 1, ArrowUp: now === null ? last - 1 : here - 1, PageDown: here + page, PageUp: here - page, Home: 0, End: items.length - 1,
    }
    const step = steps[event.key]
    if (event.altKey || event.ctrlKey || event.metaKey) return
    if (step !== undefined) {
      event.preventDefault()
      if (event.key === "Home" || event.key.endsWith("Up")) feed.setFollow(false)
      choose(step)
    } else if (event.key === "Enter" && chosen.value) {
      event.preventDefault()
      openLine(chosen.value)
    }
  }

  const openLine = (line: LogLine) => {
    if (line.hole) void feed.fill(line)
    else props.open(line)
  }

  const clicked = (line: LogLine) => {
    if (getSelection()?.isCollapsed === false) return
    chosen.value = line
    openLine(line)
  }

  const marks = chosen.value
  const days = new Set([items[0], items.at(-1)].map((line) => (line ? dayOf(line.time) : ""))).add(dayOf(Date.now() * 1000))
  const dated = items.length > 0 && days.size > 1
  return (
    <div
      ref={box} class={`log-list${wrap ? " wrap" : ""}${dated ? " dated" : ""}`} role="listbox" tabIndex={0} aria-label="Log lines" aria-busy={!feed.loaded.value}
      {...(marks ? { "aria-activedescendant": `${id}-${placeOfLine(marks)}` } : {})} onScroll={scrolled} onKeyDown={pressed}
    >
      <div class="log-all" style={{ height: `${heights.total}px` }}>
        <div ref={rows} class="log-rows" style={{ transform: `translateY(${heights.offset(first)}px)` }}>
          {items.slice(first, last).map((line, at) => (
            line.hole
              ? <Hole key={`hole ${placeOfLine(line)}`} line={line} clicked={clicked} />
              : (
                <Row
                  key={placeOfLine(line)} id={`${id}-${placeOfLine(line)}`} line={line} wrap={wrap} text={props.text} dated={dated} showNode={props.showNode !== false}
                  chosen={marks !== null && compare(marks, line) === 0} row={first + at + 1} of={items.length} clicked={clicked}
                />
              )
          ))}
        </div>
      </div>
    </div>
  )
}

function measure(layout: Layout, rows: HTMLElement, items: LogLine[], first: number): void {
  let at = first
  for (const element of rows.children) {
    const line = items[at]
    if (line && !line.hole) {
      const height = element.getBoundingClientRect().height
      layout.measured.set(line, height)
      layout.heights.set(at, height)
    }
    at++
  }
  const all = rows.parentElement
  if (all) all.style.height = `${layout.heights.total}px`
}

type RowProps = {
  id: string; line: LogLine; wrap: boolean; text: string; dated: boolean; showNode: boolean; chosen: boolean; row: number; of: number; clicked: (line: LogLine) => void
}

function Row(props: RowProps) {
  const { line } = props
  const from = line.unit || line.source
  return (
    <div
      id={props.id} class={`log-row lv-${line.level}${props.chosen ? " chosen" : ""}`} role="option" aria-selected={props.chosen}
      aria-setsize={props.of} aria-posinset={props.row} onClick={() => props.clicked(line)}
    >
      <time dateTime={rfc3339(line.time)} title={`${dayOf(line.time)} ${timeOfDay(line.time)} (${rfc3339(line.time)})`}>{props.dated ? `${dayOf(line.time).slice(5)} ` : ""}{timeOfDay(line.time)}</time>
      <span class="lv">{line.level}</span>
      {props.showNode && <span class="node" title={line.node}><bdi>{line.node}</bdi></span>}
      <span class="from" title={line.unit && line.unit !== line.source ? `${line.source}, ${line.unit}` : line.source}><bdi>{visible(from)}</bdi></span>
      <Message line={line} wrap={props.wrap} text={props.text} />
    </div>
  )
}

function Message(props: { line: LogLine; wrap: boolean; text: string }) {
  const { line } = props
  const shown = props.wrap ? visible(firstLines(line.message)) : oneLine(line.message.slice(0, SHOWN))
  const left = line.length - (props.wrap ? Math.min(line.message.length, firstLines(line.message).length) : Math.min(SHOWN, line.message.length))
  return (
    <span class="msg">
      {marked(shown, visible(props.text)).map((piece, at) => (piece.hit ? <mark key={at}>{piece.text}</mark> : piece.text))}
      {left > 0 && <em> … {number(left)} characters more</em>}
      {line.cut > 0 && <em> … {number(line.cut)} bytes cut at the node</em>}
    </span>
  )
}

function firstLines(message: string): string {
  let at = -1
  for (let lines = 0; lines < SHOWN_LINES; lines++) {
    at = message.indexOf("\n", at + 1)
    if (at < 0) return message
  }
  return message.slice(0, at)
}

function Hole(props: { line: LogLine; clicked: (line: LogLine) => void }) {
  return (
    <div class="log-hole" role="option" aria-selected="false" onClick={() => props.clicked(props.line)}>
      Lines from {timeOfDay(props.line.hole?.since ?? 0)} to {timeOfDay(props.line.time)} are not loaded: click to load them
    </div>
  )
}

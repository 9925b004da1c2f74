// Measurements of many nodes side by side: a line each, and each in figures. The address holds what is asked: q (selector),
// names (metrics), and the time as on a node's page.

import { useSignal } from "@preact/signals"
import { ask } from "../core/api.ts"
import { figuresOf, inOrder, type NodeSeries, together } from "../core/compared.ts"
import { count, number } from "../core/format.ts"
import { chartOf, chartsFor, shown, type Unit } from "../core/metric_families.ts"
import { now } from "../core/now.ts"
import { addressOf } from "../core/pages.ts"
import { edges, pieceQuery, type Range, rangeOf, WHOLE } from "../core/ranges.ts"
import { keepInAddress, place } from "../core/router.ts"
import { useAnswer } from "../ui/answer.ts"
import { Chart } from "../ui/chart.tsx"
import { Empty, ErrorBox, Waiting } from "../ui/notices.tsx"
import { type Column, Rows } from "../ui/rows.tsx"
import { SelectorInput } from "../ui/selector_input.tsx"
import { useTitle } from "../ui/shell.tsx"
import { useTyping } from "../ui/typing.ts"
import { RangeBar } from "./node_charts.tsx"
import "./node.css"

/** Lines that an eye can tell apart in one chart. */
const LINES = 10
const ROWS = 200
const POINTS = 300
const EVERY_MS = 30_000
const USUAL = "cpu.total"
const OFFERED = [USUAL, "load.1", "memory.percent", "disk.*.percent", "net.*_bytes", "temp.*", "processes", "uptime"]

export function Measurements() {
  useTitle("Measurements")
  const query = place.value?.query ?? new URLSearchParams()
  const names = query.get("names") ?? USUAL
  const typed = useSignal(query.get("q") ?? "")
  const { soon } = useTyping()
  const range = rangeOf(query, "1h")
  return (
    <div class="node measurements">
      <h1>Measurements</h1>
      <form class="fields" role="search" onSubmit={(event) => event.preventDefault()}>
        <div class="wide-field"><span class="faint">Nodes</span><SelectorInput label="Nodes" value={typed.value} change={(text) => { typed.value = text; soon({ q: text.trim() }) }} placeholder="all; or tag:room=lab, web-*" /></div>
        <label class="wide">Metrics
          <input type="search" data-search="" list="metrics" defaultValue={names} maxLength={2000} spellcheck={false} autoComplete="off" onInput={(event) => soon({ names: event.currentTarget.value.trim() })} />
          <datalist id="metrics">{OFFERED.map((each) => <option key={each} value={each} />)}</datalist>
        </label>
      </form>
      <RangeBar range={range} />
      <Found selector={query.get("q") || "all"} names={names || USUAL} range={range} />
    </div>
  )
}

function Found(props: { selector: string; names: string; range: Range }) {
  const { range } = props
  const step = Math.max(10, Math.ceil(range.seconds / POINTS))
  const bounds = range.from
    ? { since: new Date(range.from * 1000).toISOString(), until: new Date(range.until * 1000).toISOString() }
    : { since: `${Math.round(range.seconds)}s` }
  const answer = useAnswer(
    (signal) => ask<{ items: NodeSeries[] }>("GET", "metrics/series", { query: { selector: props.selector, names: props.names, step, ...bounds }, signal }),
    [props.selector, props.names, range.key, range.from, range.until], EVERY_MS)
  if (!answer.value) return answer.fault ? <ErrorBox text={answer.fault} again={answer.again} /> : <Waiting />
  const items = inOrder(answer.value.items)
  const charts = chartsFor(items.map((item) => item.name))
  const [from, until] = edges(range, now.value / 1000)
  return (
    <>
      {answer.fault && <ErrorBox text={answer.fault} again={answer.again} />}
      {!items.length && <Empty><p>Nothing of that name was measured then.</p></Empty>}
      {charts.map((chart) => {
        const mine = items.filter((item) => chartOf(item.name).id === chart.id)
        const drawn = mine.slice(0, LINES)
        const several = new Set(mine.map((item) => item.name)).size > 1
        return (
          <section key={chart.id} aria-label={chart.title}>
            <Chart
              title={chart.title} table={together(drawn)} labels={drawn.map((item) => (several ? `${item.node} ${chartOf(item.name).label}` : item.node))} unit={chart.unit} low={chart.low} high={chart.high}
              step={step} from={from} until={until} zoom={(one, other) => keepInAddress(pieceQuery(one, other))} back={() => { if (range.from) keepInAddress(WHOLE) }}
            />
            {mine.length > drawn.length && <p class="faint">Drawn: {number(drawn.length)} of {count(mine.length, "line")}; name fewer nodes for others.</p>}
            <Rows label={`${chart.title} in figures`} items={mine.slice(0, ROWS)} columns={columnsFor(chart.unit)} keyOf={(item) => `${item.node} ${item.name}`} />
            {mine.length > ROWS && <p class="faint">And {number(mine.length - ROWS)} more.</p>}
          </section>
        )
      })}
    </>
  )
}

function columnsFor(unit: Unit): Column<NodeSeries>[] {
  const figure = (name: string, of: "last" | "least" | "mean" | "most"): Column<NodeSeries> => ({ name, cell: (item) => shown(figuresOf(item.values)?.[of], unit) })
  return [
    { name: "Node", cell: (item) => <a href={addressOf("/nodes/{node}", { node: item.node })}>{item.node}</a> },
    { name: "Metric", cell: (item) => <code>{item.name}</code> },
    figure("Last", "last"), figure("Least", "least"), figure("Mean", "mean"), figure("Most", "most"),
  ]
}

import assert from "node:assert/strict"
import { test } from "node:test"
import { figuresOf, together } from "../src/core/compared.ts"
import { chartOf, chartsFor, compareIn, literal, shown } from "../src/core/metric_families.ts"
import { edges, fromField, markTexts, pieceQuery, rangeOf, spanQuery, toField } from "../src/core/ranges.ts"
import { glob } from "../src/core/selector.ts"
import { extended, lower, tableOf, usualStep, withGaps } from "../src/core/table.ts"

const table = tableOf({
  step: 0, times: [0, 10, 20, 60, 70].map((second) => new Date(second * 1000).toISOString()),
  items: [{ name: "cpu.total", values: [null, 1, 2, 3, 4] }, { name: "cpu.0", values: [5, 5, 5, 5, 5] }],
}, (name) => name === "cpu.total", (one, other) => one < other ? -1 : 1)

test("an answer becomes the rows of one chart", () => {
  assert.deepEqual(table, { names: ["cpu.total"], times: [0, 10, 20, 60, 70], columns: [[null, 1, 2, 3, 4]] })
  assert.equal(usualStep(table.times), 10)
})

test("a line breaks where nothing was measured, and only there", () => {
  assert.deepEqual(withGaps(table, 0), [[0, 10, 20, 40, 60, 70], [null, 1, 2, null, 3, 4]])
  assert.deepEqual(withGaps(table, 30), [[0, 10, 20, 60, 70], [null, 1, 2, 3, 4]], "with points of 30 s a pause of 40 s is none")
  assert.deepEqual(withGaps({ names: ["a"], times: [5], columns: [[1]] }, 0), [[5], [1]])
})

test("live samples go on behind, and what is too old goes", () => {
  const next = extended(table, 80, new Map([["cpu.total", 9], ["cpu.new", 1]]), 0, 15)
  assert.deepEqual(next, { names: ["cpu.total", "cpu.new"], times: [20, 60, 70, 80], columns: [[2, 3, 4, 9], [null, null, null, 1]] })
  assert.equal(extended(table, 70, new Map([["cpu.total", 9]]), 0, 0), table, "the same sample twice is one")
  const stepped = extended(table, 79, new Map([["cpu.total", 9]]), 10, 0)
  assert.deepEqual([stepped.times, stepped.columns[0]], [[0, 10, 20, 60, 70], [null, 1, 2, 3, 9]])
  assert.equal(lower([1, 2, 3], 2), 1)
})

test("every metric has its chart", () => {
  const names = ["cpu.total", "cpu.0", "cpu.12", "load.15", "memory.used", "swap.percent", "disk./.percent", "disk./data.x.used", "io.sda.read_bytes",
    "io.nvme0n1.busy", "net.eth0.rx_bytes", "net.br-1.tx_drops", "temp.coretemp.Core_0", "processes", "uptime", "humidity", "a,b[1]"]
  const charts = chartsFor(names)
  assert.deepEqual(charts.map((chart) => chart.id), ["cpu", "cores", "load", "memory", "memory-percent", "disk", "disk-bytes", "io", "io-busy", "net",
    "net-errors", "temp", "processes", "uptime", "=a,b[1]", "=humidity"])
  for (const name of names) {
    const chart = charts.find((each) => each.id === chartOf(name).id)
    assert.ok(chart?.patterns.some((pattern) => glob(pattern)(name)), name)
  }
  assert.deepEqual(["disk./data.x.used", "net.eth0.rx_bytes", "temp.coretemp.Core_0", "cpu.12"].map((name) => chartOf(name).label),
    ["/data.x used", "eth0 in", "coretemp.Core 0", "core 12"])
  assert.equal(literal("a,b[1]*"), "a?b[[]1][*]")
})

test("metrics of a chart stand in an order that people expect", () => {
  const inOrder = (...names: string[]) => names.toSorted(compareIn(chartsFor(names)[0] ?? assert.fail()))
  assert.deepEqual(inOrder("cpu.10", "cpu.2", "cpu.1"), ["cpu.1", "cpu.2", "cpu.10"])
  assert.deepEqual(inOrder("load.1", "load.15", "load.5"), ["load.1", "load.5", "load.15"])
  assert.deepEqual(inOrder("memory.total", "memory.available", "memory.used"), ["memory.used", "memory.available", "memory.total"])
})

test("values are shown with their unit", () => {
  assert.deepEqual([shown(0.55, "percent"), shown(1536, "bytes"), shown(1536, "bytes a second"), shown(41.4, "celsius"), shown(90, "seconds"), shown(null, "number"), shown(3, "a second")],
    ["0.6 %", "1.5 KiB", "1.5 KiB/s", "41 °C", "1 min", "-", "3/s"])
})

test("a range lives in the address", () => {
  const of = (query: Record<string, string>) => rangeOf(new URLSearchParams(query), "1h")
  assert.deepEqual(of({}), { key: "1h", seconds: 3600, from: 0, until: 0 })
  assert.deepEqual(of(spanQuery("7d")), { key: "7d", seconds: 7 * 86_400, from: 0, until: 0 })
  assert.equal(of({ range: "nonsense", from: "9", until: "x" }).key, "1h")
  const piece = of(pieceQuery(1000, 1300))
  assert.deepEqual([piece.key, edges(piece, 5000)], ["", [1000, 1300]])
  assert.deepEqual(edges(of(pieceQuery(1000, 1001)), 0), [996, 1006], "a piece is at least some seconds long")
  assert.deepEqual(edges(of({ range: "15m" }), 1000), [100, 1000])
})

test("a field for times speaks the local time", () => {
  const at = new Date(2026, 10, 20, 4, 5).getTime() / 1000
  assert.equal(toField(at), "2026-11-20T04:05")
  assert.equal(fromField(toField(at)), at)
  assert.deepEqual([fromField(""), fromField("soon")], [0, 0])
})

test("marks tell the time as fine as they stand, and the day where it changes", () => {
  const at = (hour: number, minute = 0, second = 0, day = 20) => new Date(2026, 10, day, hour, minute, second).getTime() / 1000
  assert.deepEqual(markTexts([at(22), at(23), at(0, 0, 0, 21), at(1, 0, 0, 21)], 3600), ["22:00", "23:00", "11-21 00:00", "01:00"])
  assert.deepEqual(markTexts([at(4, 5, 0), at(4, 5, 30)], 30), ["04:05:00", "04:05:30"])
  assert.deepEqual(markTexts([at(0), at(0, 0, 0, 21)], 86_400), ["11-20", "11-21"])
})

test("series of many nodes share their times, with nothing where one has none, and each has its figures", () => {
  const times = ["2026-11-20T10:00:00Z", "2026-11-20T10:00:10Z", "2026-11-20T10:00:20Z"]
  const series = (node: string, from: number, values: (number | null)[]) => ({ node, name: "cpu.total", times: times.slice(from, from + values.length), values })
  const table = together([series("web-2", 1, [4, 6]), series("web-10", 0, [1, null])])
  assert.deepEqual(table.times, times.map((time) => Date.parse(time) / 1000))
  assert.deepEqual(table.columns, [[null, 4, 6], [1, null, null]])
  assert.deepEqual(together([]), { names: [], times: [], columns: [] })
  assert.deepEqual(figuresOf([null, 4, 1, 7, null]), { last: 7, least: 1, mean: 4, most: 7 })
  assert.equal(figuresOf([null]), null)
})

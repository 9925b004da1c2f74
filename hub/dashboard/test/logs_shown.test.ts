import assert from "node:assert/strict"
import { test } from "node:test"
import { marked, oneLine, visible } from "../src/core/harmless.ts"
import { Heights, wrappedLines } from "../src/core/heights.ts"
import { bucketAt, chartOf, dragged, inWords, stacked } from "../src/core/histogram.ts"
import { isLive, liveFilter, readFilter, searchQuery, writeFilter } from "../src/core/log_filter.ts"
import { fromLocalInput, micros, rfc3339, toLocalInput } from "../src/core/moments.ts"

test("moments keep their microseconds", () => {
  for (const text of ["2026-11-20T10:00:00.123456Z", "1970-01-01T00:00:00.000001Z", "2026-11-20T10:00:00.000000Z"]) assert.equal(rfc3339(micros(text)), text)
  assert.equal(micros("2026-11-20T10:00:00Z"), micros("2026-11-20T11:00:00.0+01:00"))
  assert.deepEqual([micros(null), micros("yesterday"), micros("2026-99-20T10:00:00Z")], [0, 0, 0])
})

test("a moment goes through a field of local time", () => {
  const moment = new Date(2026, 10, 20, 4, 5, 6).toISOString()
  assert.equal(toLocalInput(moment), "2026-11-20T04:05:06")
  assert.equal(fromLocalInput("2026-11-20T04:05:06"), moment)
  assert.deepEqual([toLocalInput("1h"), fromLocalInput("")], ["", ""])
})

test("what moves the cursor, turns the direction or hides is shown, everything else stays", () => {
  assert.equal(visible("\x1b[31mred\x07 \u202egnp.exe\u200b\x7f\x9b"), "\\x1b[31mred\\x07 \\u202egnp.exe\\u200b\\x7f\\x9b")
  assert.equal(visible("ä €\t😀\nשלום"), "ä €\t😀\nשלום")
  assert.equal(oneLine("a\r\nb\n<b>"), "a ⏎ b ⏎ <b>")
})

test("what was looked for is marked wherever it stands, in capitals or not", () => {
  assert.deepEqual(marked("Disk disk", "DISK").map((piece) => piece.hit), [true, false, true])
  assert.deepEqual(marked("abc", ""), [{ text: "abc", hit: false }])
  assert.deepEqual(marked("", "x"), [{ text: "", hit: false }])
  assert.equal(marked("aİb<script>", "<script>").map((piece) => piece.text).join(""), "aİb<script>")
})

test("rows are found by their place, however heights change", () => {
  const heights = new Heights()
  const plain: number[] = []
  let seed = 1
  const random = (most: number) => (seed = (seed * 48271) % 2147483647) % most
  for (let step = 0; step < 3000; step++) {
    const what = random(10)
    if (what < 6 || !plain.length) {
      const height = 1 + random(50)
      plain.push(height)
      heights.push(height)
    } else if (what < 9) {
      const row = random(plain.length)
      plain[row] = 1 + random(50)
      heights.set(row, plain[row])
    } else if (random(20) === 0) {
      plain.length = random(plain.length + 1)
      heights.cut(plain.length)
    }
  }
  let sum = 0
  plain.forEach((height, row) => {
    assert.equal(heights.offset(row), sum)
    assert.equal(heights.at(sum), row)
    assert.equal(heights.at(sum + height - 0.5), row)
    sum += height
  })
  assert.deepEqual([heights.total, heights.at(-5), heights.at(sum + 99)], [sum, 0, plain.length - 1])
})

test("lines are wrapped after so many characters and at newlines", () => {
  assert.deepEqual(["", "abc", "abcd", "a\nb", "abcdef\n", "\n\n"].map((text) => wrappedLines(text, 3)), [1, 1, 2, 2, 3, 3])
})

test("a filter goes into an address and back", () => {
  const filter = readFilter(new URLSearchParams("q=web-*&level=error&text=a%26b&since=all&until=2026-11-20T10:00:00Z"))
  assert.deepEqual(writeFilter(filter), { q: "web-*", level: "error", source: "", unit: "", text: "a&b", since: "all", until: "2026-11-20T10:00:00Z" })
  assert.equal(searchQuery(filter)["since"], "")
  assert.equal(isLive(filter), false)
  const plain = readFilter(new URLSearchParams("level=loud"))
  assert.deepEqual([plain.level, plain.since, writeFilter(plain)["since"], isLive(plain)], ["", "1h", "", true])
  assert.deepEqual([searchQuery(plain)["selector"], liveFilter(plain).selector, liveFilter(plain).brief], ["all", "all", true])
})

const FOUND = {
  start: "2026-11-20T10:00:00.000000Z", since: "2026-11-20T10:00:01.000000Z", until: "2026-11-20T10:03:30.000000Z", step: 60, total: 1005, complete_since: null,
  counts: { info: [0, 1000, 0, 3], error: [1, 0, 0, 1] },
}

test("counts become bars with times, and words for who does not see them", () => {
  const chart = chartOf(FOUND)
  assert.deepEqual([chart.bars.length, chart.most, chart.bars[3]?.total], [4, 1000, 4])
  assert.equal(inWords(chart), "1005 lines: 2 error, 1003 info")
  assert.equal(inWords(chartOf({ ...FOUND, total: 0, counts: {} })), "no lines")
})

test("the worst stands at the bottom, and few are seen beside many", () => {
  const chart = chartOf(FOUND)
  const [first] = chart.bars.slice(0, 1).flatMap((bar) => stacked(bar, chart.most))
  assert.deepEqual([first?.level, first?.from], ["error", 0])
  assert.ok((first?.height ?? 0) >= 0.02)
  for (const bar of chart.bars) assert.ok(stacked(bar, chart.most).every((part) => part.from + part.height <= 1.0001))
})

test("a drag chooses whole buckets within the time that was asked for", () => {
  const chart = chartOf(FOUND)
  const at = (us: number | undefined) => rfc3339(us ?? 0).slice(11, 23)
  assert.deepEqual(["10:00:01.000", "10:00:59.999"], Object.values(dragged(chart, 0.1, 0.1) ?? {}).map(at))
  assert.deepEqual(["10:01:00.000", "10:03:30.000"], Object.values(dragged(chart, 1, 0.3) ?? {}).map(at))
  assert.equal(dragged(chartOf({ ...FOUND, counts: {} }), 0, 1), null)
  assert.deepEqual([bucketAt(chart, -1), bucketAt(chart, 0.5), bucketAt(chart, 2)], [0, 2, 3])
})

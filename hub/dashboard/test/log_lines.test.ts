import assert from "node:assert/strict"
import { test } from "node:test"
import { compare, fromEntry, fromEvent, holeBefore, Lines, type LogLine, MAX_LINES, missedSince, placeOfLine, plainText } from "../src/core/log_lines.ts"

/** A line by its number: a millisecond apart, one batch each. */
function line(number: number, more: Partial<LogLine> = {}): LogLine {
  return {
    time: number * 1000, batch: number, position: 0, node: "ada", nodeId: "n-ada", source: "journal", unit: "", level: "info",
    message: `line ${number}`, length: 6, cut: 0, ...more,
  }
}

const numbers = (lines: LogLine[]) => lines.map((each) => each.time / 1000)
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => line(from + at))

test("a record is the same line by the search and by the stream", () => {
  const entry = fromEntry({
    time: "2026-11-20T10:00:00.123456Z", node: "ada", node_id: "n-ada", source: "journal", level: "error", message: "x", place: "ff.a", unit: "cron",
  })
  const event = fromEvent({
    kind: "log", time: Date.UTC(2026, 10, 20, 10) * 1000 + 123456, node: "ada", node_id: "n-ada", source: "journal", level: "error", message: "x",
    place: "ff.a", unit: "cron",
  })
  assert.deepEqual(entry, event)
  assert.deepEqual([entry.batch, entry.position, placeOfLine(entry)], [255, 10, "ff.a"])
  assert.equal(plainText(entry), "2026-11-20T10:00:00.123456Z ada journal cron error: x")
})

test("a line from a container has its name, and none that a program claims in the journal", () => {
  const told = { kind: "log", time: 1, message: "x", place: "1.0", unit: "docker-1.scope", fields: { container: "daq" } }
  assert.equal(fromEvent({ ...told, source: "dvic_log_x" }).unit, "daq")
  assert.equal(fromEvent({ ...told, source: "journal" }).unit, "docker-1.scope")
  for (const fields of [null, 5, { container: 5 }]) assert.equal(fromEvent({ ...told, source: "dvic_log_x", fields }).unit, "docker-1.scope")
})

test("what a record lacks or has in a wrong form does no harm", () => {
  const odd = fromEvent({ kind: "log", time: "x", message: 7, place: {}, unit: null })
  assert.deepEqual([odd.message, odd.batch, odd.unit], ["", 0, ""])
})

test("a very long message is kept in part, and its length is known", () => {
  const long = fromEvent({ kind: "log", time: 1, message: "ü".repeat(10_000), place: "1.0" })
  assert.deepEqual([long.message.length, long.length], [2000, 10_000])
  assert.equal(fromEvent({ kind: "log", time: 1, message: "ab", length: 500_000, place: "1.0" }).length, 500_000)
})

test("lines come in any order, twice or late, and stand once in the order of time", () => {
  const lines = new Lines()
  assert.equal(lines.add(range(5, 8)).length, 3)
  assert.deepEqual(numbers(lines.add([line(9), line(6), line(2), line(9)])), [2, 9])
  assert.deepEqual(numbers(lines.add(range(0, 12).reverse())), [0, 1, 3, 4, 8, 10, 11])
  assert.deepEqual(numbers(lines.items), [...Array(12).keys()])
  assert.deepEqual(lines.add([]), [])
})

test("equal records of one moment are told apart by their place", () => {
  const lines = new Lines()
  const same = [0, 1, 2].map((position) => line(1, { batch: 7, position }))
  lines.add([...same].reverse())
  lines.add([line(1, { batch: 8 }), ...same])
  assert.deepEqual(lines.items.map(placeOfLine), ["7.0", "7.1", "7.2", "8.0"])
})

test("from where lines changed is known, so that no more than needed is measured again", () => {
  const lines = new Lines()
  const changed = () => {
    const from = lines.changedFrom
    lines.changedFrom = Infinity
    return from
  }
  lines.add(range(0, 10))
  assert.equal(changed(), 0)
  lines.add(range(8, 12))
  assert.equal(changed(), 8)
  lines.add([line(3)])
  assert.equal(changed(), Infinity)
  lines.add([line(20), line(11.5)])
  assert.equal(changed(), 12)
})

test("memory is bounded by lines and by text, and what was dropped is counted", () => {
  const few = new Lines(100)
  few.add(range(0, 1000))
  assert.equal(few.items.length, 95)
  assert.deepEqual([few.dropped, numbers(few.items).at(-1), few.changedFrom], [905, 999, 0])
  const small = new Lines(1000, 50_000)
  small.add(Array.from({ length: 100 }, (_, at) => line(at, { message: "x".repeat(2000) })))
  assert.ok(small.items.length < 25 && small.items.length > 15 && small.full)
})

test("a hundred thousand lines are taken in fast enough to be live", () => {
  const lines = new Lines()
  for (let at = 0; at < 130_000; at += 100) lines.add(range(at, at + 100).concat(line(Math.max(0, at - 50), { batch: at + 0.5 })))
  assert.ok(lines.items.length <= MAX_LINES && lines.items.length > 100_000)
  assert.ok(lines.items.every((each, at) => at === 0 || compare(lines.items[at - 1] as LogLine, each) < 0))
})

test("a hole stands before the first line behind it, and can be taken out", () => {
  const lines = new Lines()
  lines.add([line(1), line(9)])
  const hole = holeBefore(line(9), { arrived: "1.0", cursor: "x" })
  lines.add([hole])
  assert.deepEqual(lines.items.map((each) => !!each.hole), [false, true, false])
  lines.remove(hole)
  lines.remove(hole)
  assert.equal(lines.items.length, 2)
})

test("what may have been missed begins a little before the newest batch", () => {
  assert.deepEqual([missedSince(0), missedSince(5), missedSince(0x1064)], ["", "1.0", "1000.0"])
})

import assert from "node:assert/strict"
import { test } from "node:test"
import { ago, bytes, clock, count, number, span } from "../src/core/format.ts"

const DAY = 86_400_000

test("spans are told in one or two units", () => {
  const shown = [0, 999, 1500, 59_000, 60_000, 3_600_000, 3_900_000, DAY, DAY * 1.5, DAY * 40].map(span)
  assert.deepEqual(shown, ["0 ms", "999 ms", "1.5 s", "59 s", "1 min", "1 h", "1 h 5 min", "1 d", "1 d 12 h", "40 d"])
})

test("a moment is told as how long ago it was, or how soon it will be", () => {
  assert.equal(ago(0, 5), "never")
  assert.equal(ago(1000, 2000), "now")
  assert.equal(ago(1, 5001), "5 s ago")
  assert.equal(ago(60_000 * 5, 1), "in 4 min")
})

test("bytes and numbers keep three figures", () => {
  assert.deepEqual([0, 1023, 1024, 1536, 200 * 1024, 3 * 1024 ** 3].map(bytes), ["0 B", "1023 B", "1.0 KiB", "1.5 KiB", "200 KiB", "3.0 GiB"])
  assert.deepEqual([0, 1.23456, 1234567, NaN, 0.00012345].map(number), ["0", "1.23", "1\u2009234\u2009567", "-", "0.000123"])
  assert.deepEqual([count(1, "node"), count(2, "node"), count(0, "entry", "entries")], ["1 node", "2 nodes", "0 entries"])
})

test("a clock shows the local time", () => {
  assert.equal(clock(new Date(2026, 10, 20, 4, 5, 6, 7).getTime(), true), "2026-11-20 04:05:06.007")
})

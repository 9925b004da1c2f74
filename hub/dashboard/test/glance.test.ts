import assert from "node:assert/strict"
import { test } from "node:test"
import { type Answer, figureOf, line, merged, NONE, NOTHING, put, shifted, unpacked } from "../src/core/glance_history.ts"

const POINTS = 4
const packed = (...bytes: number[]) => btoa(String.fromCharCode(...bytes))

const answer = (minute: number, items: Answer["items"]): Answer => ({
  time: new Date(minute * 60_000 + 5000).toISOString(), cursor: "1.1", figures: ["cpu", "memory", "load"], drawn: ["cpu", "memory"],
  step: 60, points: POINTS, history_end: new Date(minute * 60_000).toISOString(), items,
})

test("the first answer has all, the next ones go on with it", () => {
  const first = merged(NONE, answer(100, [
    { node_id: "a", state: "online", last_seen: "2026-11-20T10:00:00Z", sampled: "2026-11-20T10:00:00Z", values: [10, null, 0.5], history: packed(1, 2, 3, 20, 5, 6, 7, 8) },
    { node_id: "b", state: "never", last_seen: null },
  ]), true)
  assert.equal(figureOf(first, "a", "cpu"), 10)
  assert.equal(figureOf(first, "a", "memory"), null)
  assert.equal(figureOf(first, "a", "uptime"), null)
  assert.equal(figureOf(first, "b", "cpu"), null)
  const next = merged(first, answer(102, [{ node_id: "a", state: "online", last_seen: "2026-11-20T10:02:00Z", values: [50, 7, 0.5] }]), false)
  assert.deepEqual([...(next.of.get("a")?.history ?? [])], [3, 20, NOTHING, 100, 7, 8, NOTHING, 14])
  assert.deepEqual([...(first.of.get("a")?.history ?? [])].slice(0, 4), [1, 2, 3, 20], "what was, stays")
  assert.ok(next.of.has("b"))
  const seen = merged(next, answer(102, [{ node_id: "a", state: "online", last_seen: "2026-11-20T10:02:30Z" }]), false)
  assert.equal(figureOf(seen, "a", "cpu"), 50, "a sign of life brings no figures and takes none")
  assert.ok(!merged(seen, answer(103, []), true).of.has("a"), "a whole answer forgets who is gone")
})

test("the highest of a minute is kept", () => {
  const history = Uint8Array.from([1, 2, 3, 40, NOTHING, NOTHING, NOTHING, NOTHING])
  put(history, [10, null], POINTS)
  assert.equal(history[3], 40)
  put(history, [30, 1000], POINTS)
  assert.deepEqual([history[3], history[7]], [60, 200])
})

test("histories are shifted each for itself", () => {
  const history = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8])
  assert.deepEqual([...shifted(history, 3, POINTS)], [4, NOTHING, NOTHING, NOTHING, 8, NOTHING, NOTHING, NOTHING])
  assert.ok(shifted(history, 99, POINTS).every((byte) => byte === NOTHING))
  assert.equal(shifted(history, -1, POINTS), history)
})

test("a line breaks where nothing is", () => {
  assert.equal(line(Uint8Array.from([0, 100, NOTHING, 200]), 0, POINTS, 0), "M0 100L1 50M3 0h-0.9")
  assert.equal(line(Uint8Array.from([0, 100, NOTHING, 200]), 0, POINTS, 2), "M1 0h-0.9")
  assert.equal(line(new Uint8Array(4).fill(NOTHING), 0, POINTS, 0), "")
})

test("what is no history of the right length is none", () => {
  assert.deepEqual([...(unpacked(packed(1, 2), 2) ?? [])], [1, 2])
  assert.equal(unpacked(packed(1, 2), 3), null)
  assert.equal(unpacked("*", 1), null)
})

import assert from "node:assert/strict"
import { test } from "node:test"
import { badEnds, commandOf, type RunShort, troublesOf } from "../src/core/trouble.ts"
import type { HubStatus, Node } from "../src/core/types.ts"
import { across, windowOf } from "../src/core/window.ts"

test("of thousands of rows only those are made that are looked at", () => {
  for (const [scrolled, room, height, count] of [[0, 600, 40, 5000], [100_000, 600, 40, 5000], [1e9, 600, 40, 5000], [0, 600, 40, 3], [50, 0, 40, 0]] as const) {
    const { first, last, above, below } = windowOf(scrolled, room, height, count)
    assert.equal(above + (last - first) * height + below, count * height, "what is not made leaves its room")
    assert.ok(last - first <= room / height + 32)
    const seen = Math.min(scrolled, Math.max(0, count * height - room))
    assert.ok(first * height <= seen && (last * height >= seen + room || last === count))
  }
  assert.deepEqual(windowOf(40, 600, 40, 5000), windowOf(0, 600, 40, 5000), "a little scrolling makes none")
})

test("tiles fill the width", () => {
  assert.deepEqual([across(100, 200, 10), across(410, 200, 10), across(1000, 200, 10)], [1, 2, 4])
})

const NOW = Date.parse("2026-11-20T12:00:00Z")
const node = (name: string, more: Partial<Node>) => ({ id: name, name, state: "online", conflict: "", last_seen: "2026-11-20T10:00:00Z", ...more }) as Node
const run = (id: string, counts: Record<string, number>, created = "2026-11-20T11:00:00Z"): RunShort => ({ id, argv: ["true"], script: "", created, created_by: "otto", ended: created, counts })

test("the worst comes first, and what is well is left out", () => {
  const nodes = [node("late", { state: "late" }), node("well", {}), node("old", { state: "silent", last_seen: "2026-11-01T10:00:00Z" }), node("down", { state: "silent" }),
    node("twice", { conflict: "two agents use this key" }), node("gone", { state: "revoked", conflict: "x" })]
  const runs = [run("bad", { finished: 3, failed: 1, "timed-out": 1 }), run("good", { finished: 5, expired: 1 }), run("past", { failed: 1 }, "2026-11-10T11:00:00Z")]
  const found = troublesOf(nodes, runs, { trouble: "the disk is full" } as HubStatus, NOW)
  assert.deepEqual(found.map((each) => "node" in each ? each.node.name : "run" in each ? `${each.run.id} ${each.bad}/${each.of}` : each.text),
    ["the disk is full", "twice", "down", "old", "bad 2/5", "late"])
  assert.deepEqual(troublesOf([node("well", {})], [], null, NOW), [])
  assert.deepEqual(badEnds(run("x", { cancelled: 2, lost: 1 })), { bad: 1, of: 3 })
})

test("a run is told by what it does", () => {
  assert.equal(commandOf({ argv: ["apt-get", "update"], script: "" }), "apt-get update")
  assert.equal(commandOf({ argv: [], script: "#!/bin/sh\n\n# why\n  echo hello\n" }), "echo hello")
  assert.equal(commandOf({ argv: [], script: "#!/bin/sh" }), "#!/bin/sh")
})

import assert from "node:assert/strict"
import { test } from "node:test"
import type { Counts, Rollout } from "../src/core/rollouts.ts"
import { silenceWords } from "../src/core/silences.ts"
import { badEnds, commandOf, hushed, type RunShort, type Trouble, troublesOf } from "../src/core/trouble.ts"
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
const node = (name: string, more: Partial<Node>) => ({ id: name, name, state: "online", conflict: "", silenced: null, last_seen: "2026-11-20T10:00:00Z", ...more }) as Node
const run = (id: string, counts: Record<string, number>, created = "2026-11-20T11:00:00Z"): RunShort => ({ id, argv: ["true"], script: "", created, created_by: "otto", ended: created, counts })

const rollout = (id: string, state: Rollout["state"], counts: Counts, ended = "2026-11-20T11:00:00Z") => ({ id, state, counts, ended: state === "ended" ? ended : null }) as Rollout

function told(each: Trouble): string {
  if (each.kind === "hub") return each.text
  if (each.kind === "run") return `${each.run.id} ${each.bad}/${each.of}`
  if (each.kind === "halted") return `${each.rollout.id} halted`
  if (each.kind === "service") return `${each.service.name} ${each.service.cycle?.state ?? ""}`
  return each.kind === "update" ? `${each.rollout.id} ${each.bad}/${each.of}` : each.node.name
}

test("the worst comes first, and what is well is left out", () => {
  const nodes = [node("late", { state: "late" }), node("well", {}), node("old", { state: "silent", last_seen: "2026-11-01T10:00:00Z" }), node("down", { state: "silent" }),
    node("twice", { conflict: "two agents use this key" }), node("gone", { state: "revoked", conflict: "x" })]
  const runs = [run("bad", { finished: 3, failed: 1, "timed-out": 1 }), run("good", { finished: 5, expired: 1 }), run("past", { failed: 1 }, "2026-11-10T11:00:00Z")]
  const rollouts = [rollout("u1", "halted", { failed: 1, pending: 4 }), rollout("u2", "ended", { "rolled-back": 1, updated: 2 }), rollout("u3", "going", { updated: 1, unchanged: 1, expired: 1 }),
    rollout("u4", "ended", { lost: 1 }, "2026-11-10T11:00:00Z")]
  const found = troublesOf({ nodes, runs, rollouts, hub: { trouble: "the disk is full" } as HubStatus }, NOW)
  assert.deepEqual(found.map(told), ["the disk is full", "twice", "down", "old", "u1 halted", "bad 2/5", "u2 1/3", "late"])
  assert.deepEqual(troublesOf({ nodes: [node("well", {})], runs: [], rollouts: [], hub: null }, NOW), [])
  assert.deepEqual(badEnds(run("x", { cancelled: 2, lost: 1 })), { bad: 1, of: 3 })
})

test("nobody is troubled about a silenced node until its silence is over, save for a key that is used twice", () => {
  const silenced = (until: string) => ({ id: "s1", until, by: "otto", reason: "" })
  const on = silenced("2026-11-20T12:00:01Z")
  const nodes = [node("quiet", { state: "silent", silenced: on }), node("over", { state: "silent", silenced: silenced("2026-11-20T12:00:00Z") }),
    node("slow", { state: "late", silenced: on }), node("twice", { conflict: "two agents use this key", silenced: on }), node("well", { silenced: on })]
  const found = troublesOf({ nodes, runs: [], rollouts: [], hub: null }, NOW)
  assert.deepEqual(found.map(told), ["twice", "over"])
  assert.deepEqual(hushed(nodes, NOW).map((each) => each.name), ["quiet", "slow"])
  assert.equal(troublesOf({ nodes, runs: [], rollouts: [], hub: null }, NOW + 1000).length, 4, "it ends by itself")
})

test("a silence says until when and by whom, with the day where it is another", () => {
  const at = (ms: number) => ({ id: "s1", until: new Date(ms).toISOString(), by: "otto", reason: "" })
  const noon = new Date(2026, 10, 20, 12, 0).getTime()
  assert.equal(silenceWords(at(noon + 3600_000), noon), "until 13:00 by otto")
  assert.equal(silenceWords(at(noon + 25 * 3600_000), noon), "until 2026-11-21 13:00 by otto")
})

test("a run is told by what it does", () => {
  assert.equal(commandOf({ argv: ["apt-get", "update"], script: "" }), "apt-get update")
  assert.equal(commandOf({ argv: [], script: "#!/bin/sh\n\n# why\n  echo hello\n" }), "echo hello")
  assert.equal(commandOf({ argv: [], script: "#!/bin/sh" }), "#!/bin/sh")
})

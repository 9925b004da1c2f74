import assert from "node:assert/strict"
import { test } from "node:test"
import { chainOf, countBehind } from "../src/core/dependencies.ts"
import type { Node } from "../src/core/types.ts"
import { bodyOf, spanWords, type WindowForm, windowOf, windowWords } from "../src/core/windows.ts"

const FORM: WindowForm = { selector: " tag:room=lab ", when: "weekly", begin: "", days: [], at: "22:00", cron: "", zone: "Europe/Paris", seconds: 4 * 3600, reason: "" }

test("what stands in the form is asked as the hub takes it", () => {
  const rest = { selector: "tag:room=lab", seconds: 14_400, zone: "Europe/Paris", reason: "" }
  assert.deepEqual(bodyOf({ ...FORM, days: [0, 6, 1] }), { ...rest, cron: "0 22 * * 1,6,0" })
  assert.deepEqual(bodyOf({ ...FORM, days: [3], at: "07:05", zone: " " }), { ...rest, zone: "UTC", cron: "5 7 * * 3" })
  assert.deepEqual(bodyOf({ ...FORM, when: "cron", cron: " 30 3 1 * * " }), { ...rest, cron: "30 3 1 * *" })
  const once = bodyOf({ ...FORM, when: "once", begin: "2026-12-01T22:00" })
  assert.equal(typeof once === "string" ? once : once.begin, new Date(2026, 11, 1, 22).toISOString(), "in the reader's own time")
})

test("what is missing is said before the hub is asked", () => {
  const missing = [{ selector: " " }, { days: [] }, { days: [1], at: "25:00" }, { when: "cron" as const }, { when: "once" as const, begin: "soon" }]
  for (const change of missing) assert.equal(typeof bodyOf({ ...FORM, ...change }), "string", JSON.stringify(change))
})

test("a window is told in words", () => {
  const window = { begin: null, zone: "UTC", seconds: 4 * 3600 }
  assert.equal(windowWords({ ...window, cron: "5 7 * * 0,6" }), "Sat, Sun at 07:05 UTC, for 4 h")
  assert.equal(windowWords({ ...window, cron: "0 22 * * 1,2,3,4,5,6,0" }), "daily at 22:00 UTC, for 4 h")
  assert.equal(windowWords({ ...window, cron: "30 3 1 * *" }), "by cron 30 3 1 * * UTC, for 4 h")
  const begin = new Date(2026, 11, 1, 22)
  assert.equal(windowWords({ ...window, cron: "", begin: begin.toISOString() }), "once, 2026-12-01 22:00, for 4 h")
  const end = (hour: number) => new Date(2026, 11, 1, hour).toISOString()
  assert.equal(spanWords({ begin: begin.toISOString(), end: end(23) }), "2026-12-01 22:00 to 23:00")
  assert.equal(spanWords({ begin: begin.toISOString(), end: end(26) }), "2026-12-01 22:00 to 2026-12-02 02:00")
  assert.deepEqual([windowOf("window:backup"), windowOf("0mb3")], ["backup", ""])
})

test("what a node is behind is followed to its end, also round a ring", () => {
  const node = (name: string, behind = "") => ({ id: `n-${name}`, name, tags: behind ? { behind } : {} }) as Node
  const nodes = [node("gw"), node("rack", "GW"), node("disk", "rack"), node("lost", "gone"), node("a", "b"), node("b", "a")]
  const find = (name: string) => nodes.find((each) => each.name === name.toLowerCase())
  const names = (name: string) => chainOf(find(name) ?? node(name), find).map((each) => each.name + (each.node ? "" : "?"))
  assert.deepEqual([names("disk"), names("lost"), names("a"), names("gw")], [["rack", "gw"], ["gone?"], ["b"], []])
  assert.deepEqual([countBehind(node("gw"), nodes), countBehind(node("disk"), nodes)], [1, 0])
})

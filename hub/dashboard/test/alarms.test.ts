import assert from "node:assert/strict"
import { test } from "node:test"
import { type Alarm, type AlarmSummary, logAddress, mergeAlarms, newsOf, packageOf, severityWords } from "../src/core/alarms.ts"

function alarm(id: string, more: Partial<Alarm> = {}): Alarm {
  return {
    id, state: "raised", rule: "r", severity: "warning", summary: id, subject: id, node: "", node_id: "", service: "", component: "", value: "", tags: [],
    raised: "2026-11-20T10:00:00Z", acknowledged: null, acknowledged_by: "", cleared: null, changed: null, silenced: false, reason: "", ...more,
  }
}

test("severities are counted worst first, and nothing is said of none", () => {
  assert.equal(severityWords({ info: 1, warning: 2, critical: 3 }), "3 critical, 2 warning, 1 info")
  assert.equal(severityWords({ info: 0, warning: 0, critical: 0 }), "")
})

test("a newer answer replaces what was known of an alarm, and the newest stands first", () => {
  const merged = mergeAlarms([alarm("a"), alarm("b")], [alarm("a", { state: "cleared" }), alarm("c", { raised: "2026-11-20T11:00:00Z" })])
  assert.deepEqual(merged.map((each) => `${each.id} ${each.state}`), ["c raised", "b raised", "a cleared"])
})

test("what is told beside, and what is silenced, is no news", () => {
  const worst = [alarm("node:1"), alarm("x", { silenced: true }), alarm("y", { node_id: "2" }), alarm("z"), alarm("s", { service: "meteor" })]
  const summary: AlarmSummary = { raised: 7, acknowledged: 0, severity: { info: 0, warning: 7, critical: 0 }, worst }
  const news = newsOf(summary, new Set(["node:1", "service:meteor"]), (each) => each.node_id === "2")
  assert.deepEqual([news.raised, news.worst.map((each) => each.id)], [3, ["z"]])
  assert.deepEqual(newsOf(null, new Set(), () => false), { raised: 0, worst: [] })
})

test("an alarm of a histogram leads to its package", () => {
  assert.equal(packageOf(alarm("package:p-abc adc/charge 1")), "p-abc")
  assert.equal(packageOf(alarm("package:p-abc")), "p-abc")
  assert.equal(packageOf(alarm("node:n-1 package:p-abc")), "")
})

test("the log of an alarm is that of its node around its beginning", () => {
  const query = new URLSearchParams(logAddress(alarm("a", { node: "ada" })).split("?")[1])
  assert.deepEqual([query.get("q"), query.get("since"), query.get("until")], ["ada", "2026-11-20T09:55:00.000Z", "2026-11-20T10:05:00.000Z"])
})

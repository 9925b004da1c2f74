import assert from "node:assert/strict"
import { test } from "node:test"
import { CycleBook } from "../src/embed/book.ts"
import { depthsOf, LANE, layoutOf, sourcesOf } from "../src/embed/layout.ts"
import { changed, changeOf, type Cycle, type Description, freshCycle, shortSpan, type StepState, took } from "../src/embed/steps.ts"
import { isTrouble, progress, wrongSteps } from "../src/core/services.ts"

const METEOR: Description = {
  name: "meteor",
  components: [{ name: "connect" }, { name: "decode", sources: ["msu-mr", "mtvza"] }, { name: "load" }, { name: "weather", after: ["connect"] }, { name: "notes", after: [] }],
}
const SECOND = 1_000_000

const event = (component: string, state: StepState, at: number, source = "", cycle = 1) => ({ cycle, component, source, state, time: at * SECOND, message: `${component} ${state}` })
const at = (cycle: Cycle, index: number) => cycle.steps[index] ?? { started: null, ended: null, state: "idle" as const }
const stateOf = (cycle: Cycle | undefined) => cycle?.steps.map((step) => step.state).join(" ")

test("an event moves its step, and what the others are stays", () => {
  let cycle = freshCycle(1, METEOR)
  cycle = changed(cycle, event("connect", "running", 10))
  cycle = changed(cycle, event("connect", "ok", 14))
  cycle = changed(cycle, event("decode", "running", 15, "mtvza"))
  assert.equal(stateOf(cycle), "ok idle running idle idle idle")
  assert.equal(took(at(cycle, 0), 99_000), 4000)
  assert.equal(took(at(cycle, 2), 18_000), 3000, "it counts on while it runs")
  cycle = changed(cycle, event("decode", "error", 19, "mtvza"))
  assert.equal(cycle.state, "error")
  cycle = changed(cycle, event("decode", "running", 30, "mtvza"))
  assert.deepEqual([cycle.state, took(at(cycle, 2), 31_000)], ["running", 1000], "another try counts anew")
  cycle = changed(cycle, event("", "ok", 40))
  assert.deepEqual([cycle.state, cycle.ended], ["ok", "1970-01-01T00:00:40.000Z"])
})

test("a component that is repeated gets a lane for whatever comes, the first in the place of the one that stood for it", () => {
  const description: Description = { name: "x", components: [{ name: "read", repeat: true }, { name: "load" }] }
  let cycle = freshCycle(1, description)
  for (const source of ["a", "b"]) cycle = changed(cycle, event("read", "running", 1, source))
  assert.deepEqual(cycle.steps.map((step) => `${step.component}/${step.source}`), ["read/a", "read/b", "load/"])
  assert.deepEqual(sourcesOf(description.components, cycle.steps).get("read"), ["a", "b"])
})

test("what is no event of a step is none", () => {
  assert.equal(changeOf({ kind: "service", cycle: 1, component: "a", source: "", state: "nonsense", time: 1 }), null)
  assert.equal(changeOf({ kind: "gap", missed: 3 }), null)
  assert.deepEqual(changeOf({ ...event("a", "ok", 1), kind: "service", service: "x" }), event("a", "ok", 1))
})

test("an answer that is older than what was heard meanwhile takes no step back", () => {
  const book = new CycleBook()
  book.put([freshCycle(1, METEOR)], book.asked())
  book.take(event("connect", "running", 10), METEOR)
  const mark = book.asked()
  const old = book.get(1) ?? freshCycle(1, METEOR)
  book.take(event("connect", "ok", 12), METEOR)
  book.take(event("connect", "running", 20, "", 2), METEOR)
  book.put([old], mark)
  assert.equal(book.get(1)?.steps[0]?.state, "ok")
  assert.deepEqual(book.cycles.map((cycle) => cycle.number), [2, 1], "and a cycle that began meanwhile stays")
  const later = book.asked()
  book.put([{ ...old, number: 1 }], later)
  assert.equal(book.get(1)?.steps[0]?.state, "running", "nothing was heard since: the answer counts")
})

test("an event of an old cycle that is not loaded makes none", () => {
  const book = new CycleBook()
  book.take(event("connect", "ok", 1, "", 7), METEOR)
  book.take(event("connect", "ok", 1, "", 3), METEOR)
  assert.deepEqual(book.cycles.map((cycle) => cycle.number), [7])
})

test("components stand in columns by what they wait for", () => {
  assert.deepEqual([...depthsOf(METEOR.components)], [["connect", 0], ["decode", 1], ["load", 2], ["weather", 1], ["notes", 0]])
})

for (const room of [1200, 343]) {
  test(`steps neither overlap nor leave the room nor move while they go on, in ${room} px`, () => {
    const fresh = layoutOf(METEOR.components, sourcesOf(METEOR.components, []), room)
    const going = layoutOf(METEOR.components, sourcesOf(METEOR.components, changed(freshCycle(1, METEOR), event("decode", "error", 3, "mtvza")).steps), room)
    assert.deepEqual(fresh, going)
    const lanes = fresh.boxes.flatMap((box) => box.lanes)
    assert.equal(lanes.length, 6)
    for (const [at, one] of lanes.entries()) {
      assert.ok(one.x >= 0 && one.x + one.width <= fresh.width && one.y >= 0 && one.y + LANE <= fresh.height, `${one.component} is inside`)
      for (const other of lanes.slice(at + 1)) {
        const apart = one.x + one.width <= other.x || other.x + other.width <= one.x || one.y + one.height <= other.y || other.y + other.height <= one.y
        assert.ok(apart, `${one.component} and ${other.component}`)
      }
    }
    assert.ok(fresh.width <= room)
    assert.deepEqual(fresh.arrows.map((each) => `${each.from} ${each.to}`), ["connect decode", "decode load", "connect weather"])
  })
}

test("more columns than fit keep a width that can be read", () => {
  const components = Array.from({ length: 30 }, (_, at) => ({ name: `c${at}` }))
  assert.ok(layoutOf(components, new Map(), 1000).boxes.every((box) => box.width >= 110))
})

test("what goes wrong is trouble, save where it is switched off", () => {
  const cycle = changed(changed(freshCycle(1, METEOR), event("decode", "error", 1, "mtvza")), event("load", "overdue", 1))
  assert.deepEqual([isTrouble({ on: true, cycle }), isTrouble({ on: false, cycle }), isTrouble({ on: true, cycle: null })], [true, false, false])
  assert.deepEqual(wrongSteps(cycle), ["decode/mtvza is in error", "load is overdue"])
  assert.deepEqual(progress(cycle), { done: 1, of: 6 })
})

test("durations are short and keep their width", () => {
  assert.deepEqual([850, 3210, 12_900, 245_000, 7_445_000].map(shortSpan), ["850 ms", "3.2 s", "12 s", "4:05", "2:04:05"])
})

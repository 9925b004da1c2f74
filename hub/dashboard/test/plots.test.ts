import assert from "node:assert/strict"
import { test } from "node:test"
import { area, type Bins, factsOf, plotOf, projected } from "../src/core/bins.ts"
import type { Histogram, LayoutNode, PackageObject } from "../src/core/package_types.ts"
import { csvOf, figuresOf } from "../src/core/plot_files.ts"
import { namesIn, planOf, rangeOf, spanOf } from "../src/core/plot_plan.ts"
import { nearest } from "../src/core/snapshots.ts"

const regular = (bins: number, flow = true) => ({ type: "regular" as const, bins, lower: 0, upper: bins, underflow: flow, overflow: flow, metadata: { label: "charge" } })
const one: Histogram = { uhi_schema: 1, metadata: { title: "ADC" }, axes: [regular(3)], storage: { type: "int", values: [1, 2, "NaN", 4, 5] } }
const map: Histogram = { uhi_schema: 1, axes: [regular(2, false), { type: "category_str", categories: ["off", "=on"], flow: true }], storage: { type: "double", values: [[1, 2, 0], [3, 4, 9]] } }
const bins = (data: Histogram) => plotOf("h", data) as Bins
const object = (name: string, data: PackageObject["data"]): PackageObject => ({ name, hash: name, data })
const canvas = (children: LayoutNode[], more: Record<string, unknown> = {}): LayoutNode => ({ element: "canvas", line: 1, children, ...more })
const histo = (name: string, more: Record<string, unknown> = {}): LayoutNode => ({ element: "histo", line: 1, name, ...more })

test("a histogram keeps its flow bins, and what is no number", () => {
  assert.deepEqual([...bins(one).values], [1, 2, NaN, 4, 5])
  assert.equal(area(bins(one)), 6)
  assert.equal(area(bins(one), true), 12)
  const facts = factsOf(bins(one))
  assert.deepEqual([facts.under, facts.over, facts.mean], [1, 5, (2 * 0.5 + 4 * 2.5) / 6])
})

test("two axes lie as ROOT has them: x runs first, with flow bins that the histogram has not", () => {
  assert.deepEqual([...bins(map).values], [0, 0, 0, 0, 0, 1, 3, 0, 0, 2, 4, 0, 0, 0, 9, 0])
  assert.deepEqual(bins(map).axes[1]?.labels, ["off", "=on"])
})

test("a projection sums all of the other axis", () => {
  assert.deepEqual([...projected(bins(map), "x").values], [0, 3, 16, 0])
  assert.deepEqual([...projected(bins(map), "y").values], [0, 4, 6, 9])
  const flat = bins(one)
  assert.equal(projected(flat, "x"), flat)
})

test("zero bins and other edges are taken as they are", () => {
  const none = bins({ uhi_schema: 1, axes: [{ type: "variable", edges: [1], underflow: true, overflow: true }], storage: { type: "double", values: [0, 0] } })
  assert.equal(none.axes[0]?.bins, 0)
  assert.equal(Number.isNaN(factsOf(none).mean), true)
})

test("a file for spreadsheets has every bin, and no formula", () => {
  assert.equal(csvOf(bins(one)), "x_low,x_high,value,variance\r\nunderflow,,1,1\r\n0,1,2,2\r\n1,2,NaN,NaN\r\n2,3,4,4\r\noverflow,,5,5\r\n")
  assert.match(csvOf(bins(map)), /,'=on,/)
  assert.deepEqual(figuresOf(bins(one), 2), { head: ["charge", "content"], rows: [["below", 1], [0.5, 2]], left: 3 })
})

test("a plan draws what is there and names what is not", () => {
  const node = canvas([histo("a"), histo("b"), { element: "graph", line: 1, name: "limit", draw: { axis: "y", at: 9 } }, { element: "legend", line: 1, list: ["limit"] }])
  assert.deepEqual(namesIn(node), ["a", "b"])
  const plan = planOf(node, (name) => name === "a" ? object("a", one) : null, () => null)
  assert.deepEqual([plan.title, plan.curves.length, plan.missing, plan.statistics], ["ADC", 1, ["b"], false])
  assert.deepEqual(plan.legend?.entries.map((each) => each.label), ["limit"])
  assert.equal((rangeOf(plan, false)?.high ?? 0) > 9, true)
  assert.deepEqual(spanOf(plan), { low: 0, high: 3 })
})

test("new contents keep the shape of a plan, other bins or looks don't", () => {
  const shape = (data: Histogram, more = {}) => planOf(canvas([histo("a", more)]), () => object("a", data), () => null).shape
  const more = { ...one, storage: { type: "int", values: [9, 9, 9, 9, 9] } }
  assert.equal(shape(one), shape(more))
  assert.notEqual(shape(one), shape(one, { "line-color": "red" }))
  assert.notEqual(shape(one), shape({ ...one, axes: [{ ...regular(3), upper: 30 }] }))
})

test("a reference lies over what it is compared with, at the same area where that is wanted", () => {
  const old = { ...one, storage: { type: "int", values: [0, 12, 0, 0, 0] } }
  const plan = (scaleReference: boolean) => planOf(canvas([histo("a")]), () => object("a", one), () => object("a", old), { scaleReference })
  assert.equal(area(plan(false).curves[1]?.plot as Bins), 12)
  assert.equal(area(plan(true).curves[1]?.plot as Bins), 6)
  assert.deepEqual(plan(true).legend?.entries.map((each) => each.label), ["a", "a (reference)"])
})

test("a logarithm begins above nothing", () => {
  const plan = planOf(canvas([histo("a")], { "log-y": true }), () => object("a", one), () => null)
  assert.equal((rangeOf(plan, false)?.low ?? 0) > 0, true)
})

test("on the second axis stands what is linked to it, on the left where the layout says so", () => {
  const node = (position: string) => canvas([histo("a"), histo("b", { "linked-axis": "y2" }), { element: "y2-axis", line: 1, position }])
  const plan = (position: string) => planOf(node(position), (name) => object(name, one), () => null)
  assert.deepEqual(plan("right").curves.map((each) => [each.name, each.second]), [["a", false], ["b", true]])
  assert.deepEqual(plan("left").curves.map((each) => each.name), ["b", "a"])
})

test("the second axis has a logarithm of its own", () => {
  const zero: Histogram = { ...one, storage: { type: "int", values: [0, 0, 8, 90, 0] } }
  const node = (log: boolean) => canvas([histo("a"), histo("b", { "linked-axis": "y2" }), { element: "y2-axis", line: 1, log }], { "log-y": !log })
  const plan = (log: boolean) => planOf(node(log), (name) => object(name, zero), () => null)
  assert.deepEqual([plan(true).logY, plan(true).logSecond], [false, true])
  assert.deepEqual([rangeOf(plan(true), false)?.low, rangeOf(plan(true), true)?.low], [0, 4])
  assert.deepEqual([rangeOf(plan(false), false)?.low, rangeOf(plan(false), true)?.low], [4, 0])
})

test("what is projected has no axis of colours", () => {
  const plan = (project: "" | "x") => planOf(canvas([histo("a"), { element: "color-axis", line: 1 }]), () => object("a", map), () => null, { project })
  assert.equal(plan("x").colours, null)
  assert.equal(plan("").colours?.pattern, "viridis")
})

test("an object of a newer schema is named and not drawn, also as a reference", () => {
  const newer = { ...one, uhi_schema: 2 }
  const plan = planOf(canvas([histo("a"), histo("b")]), (name) => object(name, name === "a" ? newer : one), () => object("r", newer))
  assert.deepEqual([plan.newer, plan.missing, plan.curves.map((each) => each.key)], [["a"], [], ["b"]])
})

test("a moment is the newest state that was there already", () => {
  const kept = [30, 20, 10].map((second) => ({ snapshot: second, serial: 1, received: new Date(second * 1000).toISOString(), reference: "" }))
  assert.deepEqual([35, 25, 20, 5].map((second) => nearest(kept, second * 1000)?.snapshot), [30, 20, 20, 10])
  assert.equal(nearest([], 5), undefined)
})

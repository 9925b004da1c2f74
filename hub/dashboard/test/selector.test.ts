import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import { complete, taken, vocabularyOf } from "../src/core/completion.ts"
import { glob, meant, type Named, nameTerm, parse, selectorFor, SelectorError } from "../src/core/selector.ts"
import type { Node } from "../src/core/types.ts"

type Vectors = { fleet: Named[]; accepted: { selector: string; nodes: string[] }[]; refused: string[] }
const vectors = JSON.parse(readFileSync(new URL("../../../tests/vectors/selectors.json", import.meta.url), "utf8")) as Vectors

for (const each of vectors.accepted) {
  test(`the page and the hub mean the same by ${each.selector.slice(0, 40)}`, () => {
    const matches = parse(each.selector)
    assert.deepEqual(vectors.fleet.filter(matches).map((node) => node.id), each.nodes)
  })
}

for (const text of vectors.refused) {
  test(`what the hub refuses is refused here: ${text.slice(0, 20)}`, () => {
    assert.throws(() => parse(text), SelectorError)
  })
}

test("globs are those of the shell", () => {
  const fits = (pattern: string, value: string) => glob(pattern)(value)
  assert.ok(fits("web-[0-9]", "WEB-7") && !fits("web-[!0-9]", "web-7") && fits("a?c*", "abcdef"))
  assert.ok(fits("a[", "a[") && fits("[]]", "]") && !fits("[z-a]", "z") && fits("x.y", "x.y") && !fits("x.y", "xzy"))
  assert.ok(fits("***", "") && fits("*[*]*", "a*b"))
})

test("a key of an object's own making is no tag", () => {
  assert.equal(parse("tag:constructor")({ id: "", name: "", os: "", state: "online", tags: {} }), false)
})

test("a word alone finds what has it in its name", () => {
  const exists = (name: string) => name === "web-1"
  assert.deepEqual(["", "web-1", "web", "tag:room", "not web", "all", "web-*"].map((text) => meant(text, exists)),
    ["all", "web-1", "*web*", "tag:room", "not web", "all", "web-*"])
})

const node = (name: string, more: Partial<Node> = {}) => ({ id: `n-${name}`, name, tags: {}, os: "debian 12", state: "online", ...more }) as Node
const fleet = [node("all"), node("web-1", { tags: { room: "lab" } }), node("web-2", { tags: { room: "hall", spare: "" } }), node("db-1", { os: "ubuntu 24.04" })]

test("what is chosen becomes a selector for exactly that", () => {
  const [all, one, two, db] = fleet as [Node, Node, Node, Node]
  assert.equal(nameTerm("ALL"), "name:ALL")
  assert.equal(selectorFor(fleet, fleet, "state:online"), "state:online")
  assert.equal(selectorFor([all, one], fleet, "all"), "name:all or web-1")
  assert.equal(selectorFor([], fleet, "all"), null)
  const many = Array.from({ length: 300 }, (_, at) => node(`node-${at}`))
  assert.equal(selectorFor(many.slice(1), many, "node-*"), "(node-*) and not (node-0)")
  assert.equal(selectorFor(many.slice(1), many, "all"), "not (node-0)")
  assert.equal(selectorFor(many.slice(0, 150), many, "all"), null)
  const chosen = parse(selectorFor([two, db], fleet, "all") ?? "")
  assert.deepEqual(fleet.filter(chosen), [two, db])
})

const known = vocabularyOf(fleet)
const offered = (text: string, caret = text.length) => complete(text, caret, known).options.map((option) => option.text)

test("keys, tags, states, systems and names are offered where they can stand", () => {
  assert.ok(offered("").includes("tag:"))
  assert.deepEqual(offered("").slice(0, known.names.length), known.names.map((name) => `${nameTerm(name)} `), "a small fleet is offered whole")
  assert.deepEqual(complete("", 0, { ...known, names: Array.from({ length: 100 }, (_, at) => `web-${at}`) }).options[0]?.text, "tag:")
  assert.deepEqual(offered("tag:r"), ["tag:room=", "tag:room ", "tag:spare "])
  assert.deepEqual(offered("tag:spare"), [], "it is whole")
  assert.deepEqual(offered("tag:room="), ["tag:room=hall ", "tag:room=lab "])
  assert.deepEqual(offered("state:on"), ["state:online "])
  assert.deepEqual(offered("os:ub"), ["os:ubuntu* ", "os:ubuntu?24.04 "])
  assert.deepEqual(offered("not (web"), ["web-1 ", "web-2 "])
  assert.ok(offered("al").includes("name:all "))
  assert.deepEqual(offered("web-1 "), ["and ", "or ", "and not "])
  assert.deepEqual(offered("web-1 o"), ["or "])
  assert.deepEqual(offered("nonsense:x"), [])
})

test("an option takes the place of the word at the caret", () => {
  const text = "tag:ro and web-1"
  const found = complete(text, 6, known)
  assert.deepEqual(taken(text, found, { text: "tag:room ", hint: "" }), { text: "tag:room and web-1", caret: 9 })
  assert.deepEqual(taken("we", complete("we", 2, known), { text: "web-1 ", hint: "" }), { text: "web-1 ", caret: 6 })
})

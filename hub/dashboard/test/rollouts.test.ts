import assert from "node:assert/strict"
import { test } from "node:test"
import { EMPTY, orderOf } from "../src/core/rollout_form.ts"
import { byInterest, countNodes, countsOf, haltsWhen, mergeRollouts, planWords, type Rollout, type RolloutNode, rolloutOf, STATE_NAMES, STATES, sums, took, type UpdateState, watchedUntil, waveName, wavesOf } from "../src/core/rollouts.ts"

const NOW = Date.parse("2026-11-20T12:00:00Z")
const ago = (seconds: number) => new Date(NOW - seconds * 1000).toISOString()

const node = (name: string, state: UpdateState, wave = 1, more: Partial<RolloutNode> = {}): RolloutNode => ({
  node: name, node_id: `n-${name}`, state, reason: "", wave, run: "", from_version: "1.1", to_version: "1.2", sent: null, changed: null, ended: null, ...more,
})

const rollout = (nodes: RolloutNode[], more: Partial<Rollout> = {}): Rollout => ({
  id: "u1", selector: "all", package: "dvic-agent", version: "1.2", state: "going", created: ago(600), created_by: "otto", reason: "", older: false, canary: "1", batch: "",
  max_failures: -1, halt_on_error: false, soak: 60, confirm: 180, queue_until: null, halted: null, halt_reason: "", cancelled: null, ended: null,
  counts: countNodes(nodes), nodes, ...more,
})

test("what is under way comes first, then what went wrong, what waits, and what went well", () => {
  const nodes = [node("a", "updated"), node("b", "pending", 2), node("c", "failed"), node("d", "confirming"), node("e", "pending", 1), node("f", "rolling-back")]
  assert.deepEqual(byInterest(nodes).map((each) => each.node), ["f", "d", "c", "e", "b", "a"])
})

test("states are counted in one order, each with whether it is over and whether it is bad", () => {
  const nodes = [node("a", "updated"), node("b", "lost"), node("c", "refused"), node("d", "sent"), node("e", "expired"), node("f", "unchanged")]
  assert.deepEqual(countsOf(countNodes(nodes)).map(([state]) => state), ["sent", "refused", "lost", "expired", "updated", "unchanged"])
  assert.deepEqual(sums(countNodes(nodes)), { bad: 2, over: 5, all: 6 })
  assert.deepEqual(STATE_NAMES.filter((state) => !STATES[state].over).sort(), ["confirming", "downloading", "installing", "pending", "rolling-back", "sent"])
  assert.deepEqual(sums({}), { bad: 0, over: 0, all: 0 })
})

test("each wave says how far it is, and nodes for which there is nothing to do are in none", () => {
  const nodes = [node("a", "updated", 0), node("b", "rolled-back", 1), node("c", "pending", 1), node("d", "unchanged", -1)]
  assert.deepEqual(wavesOf(nodes), [{ wave: 0, over: 1, bad: 0, of: 1 }, { wave: 1, over: 1, bad: 1, of: 2 }])
  assert.deepEqual([0, 3, -1].map(waveName), ["canary", "3", ""])
})

test("the canaries are watched from the last of their ends on, while others wait for it", () => {
  const canaries = [node("a", "updated", 0, { ended: ago(20) }), node("b", "updated", 0, { ended: ago(50) }), node("c", "failed", 0, { ended: ago(1) })]
  const waiting = node("d", "pending", 1)
  assert.equal(watchedUntil(rollout([...canaries, waiting])), NOW + 40_000)
  assert.equal(watchedUntil(rollout([...canaries, waiting], { soak: 0 })), 0)
  assert.equal(watchedUntil(rollout([...canaries, waiting], { state: "halted" })), 0)
  assert.equal(watchedUntil(rollout(canaries)), 0, "nobody waits")
  assert.equal(watchedUntil(rollout([...canaries, waiting, node("e", "sent", 1)])), 0, "the others go on already")
  assert.equal(watchedUntil(rollout([node("a", "confirming", 0), waiting])), 0, "a canary is under way")
})

test("how long it takes a node is told while it goes on and when it is over", () => {
  assert.equal(took(node("a", "pending"), NOW), "")
  assert.equal(took(node("a", "installing", 1, { sent: ago(90) }), NOW), "1 min")
  assert.equal(took(node("a", "updated", 1, { sent: ago(90), ended: ago(60) }), NOW), "30 s")
  assert.equal(took(node("a", "sent", 1, { sent: ago(-5) }), NOW), "0 ms", "a clock that is behind")
})

test("a plan is told in a sentence", () => {
  const plan = (...nodes: RolloutNode[]) => ({ package: "dvic-agent", version: "1.2", counts: countNodes(nodes), nodes })
  const names = ["a", "b", "c", "d", "e", "f"]
  assert.equal(planWords(plan(node("a", "unchanged", -1)), 60), "Nothing is to be done for dvic-agent 1.2.")
  assert.equal(planWords(plan(node("a", "pending")), 60), "dvic-agent 1.2 goes to 1 node.")
  assert.equal(planWords(plan(...names.map((name, at) => node(name, "pending", Math.ceil(at / 2)))), 60),
    "dvic-agent 1.2 goes to 6 nodes: first to 1, watched for 1 min, then to 5, in 3 waves of at most 2.")
  assert.equal(planWords(plan(node("a", "pending", 0), node("b", "pending", 1)), 0), "dvic-agent 1.2 goes to 2 nodes: first to 1, then to 1.")
})

test("when it halts by itself is told as the hub decides it", () => {
  const when = (more: Partial<Rollout>) => haltsWhen(rollout([], more))
  assert.match(when({}), /a canary fails/)
  assert.match(when({ canary: "" }), /^when updated nodes fall silent/)
  assert.match(when({ max_failures: 3 }), /more than 3 failures/)
  assert.match(when({ max_failures: 3, halt_on_error: true }), /first node that fails/)
})

test("rollouts are joined newest first, and a run of an update names its rollout", () => {
  const old = rollout([], { id: "u1", created: ago(900) })
  const young = rollout([], { id: "u2", created: ago(90) })
  assert.deepEqual(mergeRollouts([old], [young, { ...old, state: "ended" }]).map((each) => `${each.id} ${each.state}`), ["u2 going", "u1 ended"])
  assert.equal(rolloutOf("rollout 0mb3k2x9"), "0mb3k2x9")
  assert.deepEqual(["", "rollout ", "a rollout x", "rollout ../x", "rollout <b>"].map(rolloutOf), ["", "", "", "", ""])
})

test("an order is what the hub is told, and says what is wrong with it, by field", () => {
  const { body, faults } = orderOf({ ...EMPTY, selector: " all ", canary: " 2 ", maxFailures: "3", queue: "7d", haltOnError: true, reason: " why " })
  assert.deepEqual(faults, {})
  assert.deepEqual(body, {
    selector: "all", version: "", older: false, canary: "2", batch: "25%", max_failures: 3, halt_on_error: true, soak: 60, queue: 604_800, confirm: 180, reason: "why",
  })
  assert.equal(orderOf({ ...EMPTY, selector: "all", canary: "", batch: "", soak: "" }).body["max_failures"], -1)
  const wrong = orderOf({ ...EMPTY, canary: "0", batch: "many", soak: "soon", queue: "-1", confirm: "x", maxFailures: "-1" }).faults
  assert.deepEqual(Object.keys(wrong).sort(), ["batch", "canary", "confirm", "maxFailures", "queue", "selector", "soak"])
})

import assert from "node:assert/strict"
import { test } from "node:test"
import { ANSWER_MS, Pulse, QUIET_MS, type Verdict } from "../src/core/pulse.ts"

/** What is said at each second from `from` to `to`. */
function looks(pulse: Pulse, from: number, to: number): Verdict[] {
  const said: Verdict[] = []
  for (let at = from; at <= to; at += 1000) said.push(pulse.look(at))
  return said
}

test("who talks is not asked", () => {
  const pulse = new Pulse(0)
  for (let at = 1000; at < 60_000; at += 1000) {
    assert.equal(pulse.look(at), "well")
    pulse.hear(at)
  }
})

test("who is quiet is asked once, and who does not answer is gone", () => {
  const pulse = new Pulse(0)
  const said = looks(pulse, 1000, QUIET_MS + ANSWER_MS + 2000)
  assert.deepEqual(said.filter((each) => each === "ask"), ["ask"])
  assert.equal(said.at(-1), "gone")
  assert.equal(said.indexOf("gone") + 1, (QUIET_MS + ANSWER_MS) / 1000 + 2)
})

test("an answer makes all well again", () => {
  const pulse = new Pulse(0)
  assert.equal(looks(pulse, 1000, QUIET_MS + 1000).at(-1), "ask")
  pulse.hear(QUIET_MS + 1500)
  assert.ok(looks(pulse, QUIET_MS + 2000, QUIET_MS + 6000).every((each) => each === "well"))
})

test("a page that has slept, or whose clock was put back, asks before it judges", () => {
  for (const moved of [3_600_000, -3_600_000]) {
    const pulse = new Pulse(0)
    looks(pulse, 1000, QUIET_MS + 2000)
    const woken = QUIET_MS + 2000 + moved
    assert.equal(pulse.look(woken), "ask")
    assert.equal(pulse.look(woken + 1000), "well")
    assert.equal(looks(pulse, woken + 2000, woken + ANSWER_MS + 1000).at(-1), "gone")
  }
})

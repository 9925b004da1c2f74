import assert from "node:assert/strict"
import { test } from "node:test"
import { CastReader, playClock, Player, playTimes, sizeOf } from "../src/core/cast.ts"
import { answers, endOf, inIt, lasted, mayEnd, orderOfSession, type Session } from "../src/core/sessions.ts"
import { Flow, pieces, Typed } from "../src/core/terminal_flow.ts"

const SESSION: Session = {
  id: "s1", node: "ada", node_id: "n1", user: "", argv: [], title: "ada: shell", by: "otto", state: "running", exit_code: -1, created: "2026-11-20T10:00:00Z",
  ended: null, why: "", cols: 80, rows: 24, recorded: true, recording: 7, people: [],
}

test("only who began a terminal and admins are offered its end, and only while it goes on", () => {
  assert.deepEqual((["otto", "anna", "vera"] as const).map((user) => mayEnd(SESSION, { user, role: user === "vera" ? "viewer" : "operator" })), [true, false, false])
  assert.equal(mayEnd(SESSION, { user: "root", role: "admin" }), true)
  assert.equal(mayEnd({ ...SESSION, by: "vera" }, { user: "vera", role: "viewer" }), false)
  assert.equal(mayEnd({ ...SESSION, ended: "2026-11-20T11:00:00Z" }, { user: "root", role: "admin" }), false)
  assert.equal(mayEnd(SESSION, null), false)
})

test("how a terminal ended is told by its reason, or by its exit code", () => {
  assert.equal(endOf({ state: "finished", exit_code: 0, reason: "" }), "ended well")
  assert.equal(endOf({ state: "failed", exit_code: 3, reason: "" }), "ended with an error (exit code 3)")
  assert.equal(endOf({ state: "cancelled", exit_code: -1, reason: "nothing happened in it for 3600 s" }), "nothing happened in it for 3600 s")
  assert.equal(endOf({ state: "refused", exit_code: -1, reason: "no terminals here" }), "refused by the machine: no terminals here")
  assert.equal(lasted({ ...SESSION, ended: "2026-11-20T10:05:00Z" }, 0), "5 min")
})

test("of all windows in a terminal one answers what programs ask: the first that can type", () => {
  const people = [{ n: 2, name: "vera", read_only: true }, { n: 3, name: "otto", read_only: false }, { n: 9, name: "otto", read_only: false }]
  assert.deepEqual([2, 3, 9].map((you) => answers(people, you)), [false, true, false])
  assert.equal(answers([], 0), false)
  assert.equal(inIt(people), "otto, otto, vera (looks on)")
})

test("an order for a terminal holds what was filled in, split into words", () => {
  const empty = { node: "ada", user: "", command: "", title: "", record: true }
  assert.deepEqual(orderOfSession(empty), { body: { node: "ada" }, fault: "" })
  assert.deepEqual(orderOfSession({ node: " ada ", user: "daq", command: "vi 'a b'", title: "t", record: false }).body, { node: "ada", user: "daq", argv: ["vi", "a b"], title: "t", record: false })
  assert.ok(orderOfSession({ ...empty, command: "vi '" }).fault)
  assert.ok(orderOfSession({ ...empty, node: " " }).fault)
})

test("what is drawn is acknowledged: at once when nothing waits, else in steps, and never twice", () => {
  const flow = new Flow()
  assert.equal(flow.offset, -1)
  flow.begin(100, 40)
  assert.equal(flow.came(40), 100)
  assert.equal(flow.drew(100), 100)
  assert.equal(flow.drew(100), null)
  const first = flow.came(1000)
  const second = flow.came(100_000)
  assert.deepEqual([flow.drew(first), flow.drew(second), flow.offset], [null, 101_100, 101_100])
})

test("what a lost connection still had to draw counts for no more than what came over the new one", () => {
  const flow = new Flow()
  flow.begin(5000, 0)
  const late = flow.came(500)
  flow.begin(5500, 500)
  assert.equal(flow.drew(late), null)
  assert.equal(flow.offset, 5000)
  flow.begin(7, 19) // a short screen comes behind what clears it: there is no such place in the output
  assert.equal(flow.offset, -1)
})

test("what is typed during a loss is kept up to a bound, and a long paste goes out in pieces", () => {
  const typed = new Typed(5)
  const bytes = (count: number) => new Uint8Array(count)
  assert.deepEqual([typed.add(bytes(3)), typed.add(bytes(3)), typed.add(bytes(2))], [true, false, true])
  assert.deepEqual([typed.take().length, typed.take().length, typed.add(bytes(5))], [2, 0, true])
  assert.deepEqual([...pieces(bytes(5), 2)].map((each) => each.length), [2, 2, 1])
})

const HEADER = '{"version": 2, "width": 100, "height": 30}\n'
const read = (...texts: string[]) => {
  const cast = new CastReader()
  for (const text of texts) cast.add(text)
  cast.end()
  return cast
}

test("a recording is read wherever it was cut, and what is neither output nor size is passed over", () => {
  const cast = read(HEADER.slice(0, 20), `${HEADER.slice(20)}[0.5, "o", "gr`, 'ü"]\n[0.6, "i", "secret"]\n\n[1, "r", "80x24"]\n[2, "o", "cut sho')
  assert.deepEqual([cast.size, cast.fault], [[100, 30], ""])
  assert.deepEqual(cast.events, [{ at: 0.5, kind: "o", data: "grü" }, { at: 1, kind: "r", data: "80x24" }])
})

test("what is no recording says so, and a damaged one is played up to there", () => {
  for (const text of ["", "nonsense", "[]\n", '{"version": 1, "width": 80, "height": 24}\n', '{"version": 2, "width": 1e9, "height": 24}\n', "null\n"]) assert.ok(read(text).fault, text)
  const cast = read(HEADER, '[1, "o", "a"]\n', '[-1, "o", "b"]\n', '[2, "o", "c"]\n')
  assert.deepEqual([cast.events.length, cast.fault !== ""], [1, true])
  assert.deepEqual(["80x24", "0x5", "80x24x", "9999x2", ""].map(sizeOf), [[80, 24], null, null, null, null])
})

const events = [0, 1, 10, 11].map((at) => ({ at, kind: "o" as const, data: String(at) }))

test("pauses are cut short, and time never goes back", () => {
  assert.deepEqual([...playTimes(events, Infinity)], [0, 1, 10, 11])
  assert.deepEqual([...playTimes(events, 2)], [0, 1, 3, 4])
  assert.deepEqual([...playTimes([{ at: 5, kind: "o", data: "" }, { at: 3, kind: "o", data: "" }, { at: 6, kind: "o", data: "" }], Infinity)], [5, 5, 6])
})

test("a player knows by the clock what is to be seen, at any speed and from any moment", () => {
  const player = new Player(playTimes(events, Infinity))
  assert.deepEqual([player.until(100), player.length], [1, 11])
  player.play(100)
  assert.deepEqual([player.until(100.9), player.until(101), player.position(105)], [1, 2, 5])
  player.setSpeed(4, 105)
  assert.deepEqual([player.position(106), player.until(107), player.position(500)], [9, 4, 11])
  player.seek(3, 106)
  player.pause(106.5)
  assert.deepEqual([player.position(200), player.until(200)], [5, 2])
  player.retime(playTimes(events, 2), 200)
  assert.deepEqual([player.position(200), player.until(200), player.length], [1, 2, 4])
  player.seek(-5, 200)
  player.seek(Infinity, 200)
  assert.deepEqual([player.position(200), player.until(200)], [4, 4])
  assert.deepEqual([new Player(new Float64Array()).length, new Player(new Float64Array()).until(1)], [0, 0])
})

test("moments are told as clocks do", () => {
  assert.deepEqual([0, 63.9, 3723].map(playClock), ["0:00", "1:03", "1:02:03"])
})

import assert from "node:assert/strict"
import { test } from "node:test"
import { EMPTY, formOf, memoryBytes, orderOf, seconds, writeSeconds } from "../src/core/run_form.ts"
import { Output, type Piece, placeOfPiece, readPiece, segments } from "../src/core/run_output.ts"
import { batchText, commandOf, countNodes, countsOf, mergeRuns, type Run, type RunNode, STATE_NAMES, STATES, totalOf } from "../src/core/runs.ts"
import { joinWords, splitWords } from "../src/core/shell_words.ts"

test("a command line is split as a shell would", () => {
  const cases: [string, string[]][] = [
    ["uname -a", ["uname", "-a"]], ["  a\t b\n", ["a", "b"]], ["", []], ["''", [""]], [`a'b c'"d e"f\\ g`, ["ab cd ef g"]],
    [`"a\\"b" 'a\\b' "a\\b"`, ['a"b', "a\\b", "a\\b"]], ["echo 'ü 😀'", ["echo", "ü 😀"]], ['a"" b', ["a", "b"]], ["a\\\nb", ["ab"]],
  ]
  for (const [text, words] of cases) assert.deepEqual(splitWords(text).words, words, text)
})

test("what can't be split says why, and what only a shell understands is named", () => {
  assert.match(splitWords("echo 'a").fault, /' is not closed/)
  assert.match(splitWords('echo "a').fault, /" is not closed/)
  assert.match(splitWords("echo \\").fault, /behind/)
  assert.deepEqual(splitWords("ls *.log | wc > x '$HOME' \"$A\"").plain, ["*", "|", ">", "$"])
  assert.deepEqual(splitWords("ls '*|'").plain, [])
})

test("words written out and split again are the same words", () => {
  for (const words of [["a", "b c", "", "it's", '"$x"', "\\", "a\nb", "-x", "ü"], [""], ["''"]]) assert.deepEqual(splitWords(joinWords(words)).words, words)
})

test("times and sizes are read as people write them", () => {
  assert.deepEqual(["90", "90s", "5m", " 1 h ", "2d"].map(seconds), [90, 90, 300, 3600, 172_800])
  assert.ok(["", "x", "-1", "1.5h", "5w"].every((text) => Number.isNaN(seconds(text))))
  assert.deepEqual([90, 300, 3600, 86_400, 0].map(writeSeconds), ["90s", "5m", "1h", "1d", "0"])
  assert.deepEqual(["", "512M", "2g", "1KiB", "7"].map(memoryBytes), [0, 512 * 1024 ** 2, 2 * 1024 ** 3, 1024, 7])
  assert.ok(Number.isNaN(memoryBytes("much")))
})

test("an order says what is wrong with it, by field", () => {
  const { faults } = orderOf({ ...EMPTY, command: "echo '", timeout: "soon", batch: "0", queue: "x", env: "1A=b", cpu: "-5", maxFailures: "1.5", memory: "?" })
  assert.deepEqual(Object.keys(faults).sort(), ["batch", "command", "cpu", "env", "maxFailures", "memory", "queue", "selector", "timeout"])
  assert.ok(orderOf({ ...EMPTY, selector: "all", kind: "script" }).faults.script, "a script of its first line alone")
})

const RUN: Run = {
  id: "r1", kind: "run", selector: "tag:a", argv: ["echo", "a b"], script: "", user: "daq", timeout: 3600, created: "2026-11-20T10:00:00Z", created_by: "ada", reason: "why",
  batch: "25%", max_failures: 2, queue_until: null, cancelled: null, ended: null, counts: {},
  more: { cwd: "/tmp", env: { A: "b=c" }, stdin: "in", memory: 512 * 1024 ** 2, cpu: 50, output: 1, queue: 600 },
}

test("a run that is ordered again is the same order", () => {
  const { body, faults } = orderOf(formOf(RUN))
  assert.deepEqual(faults, {})
  assert.deepEqual(body, {
    selector: "tag:a", argv: ["echo", "a b"], timeout: 3600, queue: 600, memory: 512 * 1024 ** 2, cpu: 50, max_failures: 2, user: "daq", batch: "25%",
    reason: "why", cwd: "/tmp", stdin: "in", env: { A: "b=c" },
  })
  const script = orderOf(formOf({ ...RUN, script: "#!/bin/sh\nreboot\n", argv: ["now"] }))
  assert.deepEqual([script.body["script"], script.body["argv"]], ["#!/bin/sh\nreboot\n", ["now"]])
})

test("a command is told on one line", () => {
  assert.equal(commandOf(RUN), "echo 'a b'")
  assert.equal(commandOf({ argv: ["x"], script: "#!/bin/sh\n\n apt update\nreboot" }), "script: apt update ... (with x)")
})

test("states are counted, and the bad ones are told first", () => {
  const nodes = ["finished", "failed", "running", "finished"].map((state) => ({ state }) as RunNode)
  const run = { counts: countNodes(nodes) }
  assert.deepEqual(countsOf(run), [["failed", 1], ["running", 1], ["finished", 2]])
  assert.equal(totalOf(run), 4)
  assert.deepEqual(STATE_NAMES.filter((state) => !STATES[state].over), ["running", "dispatched", "queued"])
})

test("runs that are told again replace what was known, newest first", () => {
  const old = { ...RUN, id: "r0", created: "2026-11-20T09:00:00Z" }
  assert.deepEqual(mergeRuns([RUN, old], [{ ...RUN, ended: "x" }, { ...RUN, id: "r2", created: "2026-11-20T11:00:00Z" }]).map((run) => [run.id, run.ended]),
    [["r2", null], ["r1", "x"], ["r0", null]])
})

let batch = 0
const piece = (text: string, stream: "out" | "err" = "out"): Piece => ({ batch: ++batch, position: 0, stream, text, binary: 0 })
const shown = (...pieces: Piece[]) => {
  const output = new Output()
  output.add(pieces)
  return output.lines.map((line) => `${line.stream === "out" ? "" : `${line.stream}:`}${line.text}`)
}

test("pieces become lines wherever they were cut, and streams don't mix in a line", () => {
  assert.deepEqual(shown(piece("one\ntw"), piece("o\n\nthr"), piece("oops\n", "err"), piece("ee\r\n")), ["one", "two", "", "thr", "err:oops", "ee"])
})

test("colours are taken out, also when cut in two; what else a terminal would obey is shown as text", () => {
  assert.deepEqual(shown(piece("\x1b[31mred\x1b[0m \x1b[1;3"), piece("2mgreen\x1b"), piece("[0m\n")), ["red green"])
  assert.deepEqual(shown(piece("\x1b]0;title\x07\x1b[2J<script>\u202e\n")), ["\\x1b]0;title\\x07\\x1b[2J<script>\\u202e"])
})

test("a progress line that is written over and over is one line", () => {
  assert.deepEqual(shown(piece("10 %\r20 %"), piece("\r"), piece("100 %\r"), piece("\ndone")), ["100 %", "done"])
})

test("what comes both ways is shown once, and memory is bounded", () => {
  const [one, two] = [piece("a\n"), piece("b\n")]
  const output = new Output(10)
  assert.equal(output.add([one, two]), true)
  assert.equal(output.add([one, two]), false)
  assert.equal(output.lines.length, 2)
  output.add([piece("x\n".repeat(1000))])
  assert.deepEqual([output.lines.length, output.dropped], [10, 992])
  output.add([piece("y".repeat(1_000_000)), piece("z".repeat(1_000_000))])
  assert.ok((output.lines.at(-1)?.text.length ?? 0) < 5000)
})

test("pieces of the search and of the stream are read alike; binary ones are told by their size", () => {
  const live = readPiece({ kind: "output", node: "ada", place: "ff.1", time: 1, out: "x" })
  assert.deepEqual(live, readPiece({ node: "ada", stream: "out", text: "x", place: "ff.1", time: "2026-11-20T10:00:00Z" }))
  assert.equal(live && placeOfPiece(live), "ff.1")
  assert.equal(readPiece({ place: "1.0", end: { state: "finished" } }), null)
})

test("what is no UTF-8 is shown as far as it is text; what is nothing but bytes is told by its size", () => {
  const of = (bytes: Uint8Array) => readPiece({ place: "1.0", out: "", binary: Buffer.from(bytes).toString("base64") })
  assert.deepEqual([of(Buffer.from([0xff, 0xc3, 0xbc, 0x61, 0xc3]))?.text, of(Buffer.from([0xff]))?.binary], ["\\xffüa\\xc3", 0])
  assert.deepEqual([of(new Uint8Array(1000).fill(0xfe))?.text, of(new Uint8Array(1000).fill(0xfe))?.binary], ["", 1000])
  assert.equal(readPiece({ place: "1.0", out: "", binary: "%%%" })?.text, "")
})

test("neighbouring lines of one stream are drawn as one text", () => {
  const output = new Output()
  output.add([piece("a\nb\n"), piece("c\n", "err"), piece("d")])
  output.note("cut")
  assert.deepEqual(segments(output.lines, 4).map((each) => [each.stream, each.text]), [["out", "b"], ["err", "c"], ["out", "d"], ["note", "cut"]])
})

test("a batch is said in whole words", () => {
  assert.deepEqual(["1", "10", " 25% "].map(batchText), ["1 node at a time", "10 nodes at a time", "25% of the nodes at a time"])
})

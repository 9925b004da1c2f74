import assert from "node:assert/strict"
import { test } from "node:test"
import { type Copy, copyFault, fileNameOf, isPassing, wayText } from "../src/core/file_copies.ts"
import { Problem } from "../src/core/problems.ts"

const copy = (state: Copy["nodes"][number]["state"], reason = ""): Copy => ({
  id: "c", direction: "to", file: "f", name: "letter", size: 10, ended: null, nodes: [{ node: "ada", state, reason, offset: 3 }],
})

test("how far a file is, with its size and before that is known", () => {
  assert.equal(wayText({ what: "to the hub", done: 1024, size: 4096 }), "1.0 KiB of 4.0 KiB to the hub")
  assert.equal(wayText({ what: "to the hub", done: 0, size: -1 }), "to the hub")
})

test("the name of a file is what its path ends with", () => {
  assert.deepEqual(["/var/log/dpkg.log", "notes", "/var/log/", ""].map(fileNameOf), ["dpkg.log", "notes", "", ""])
})

test("why a copy did not end well", () => {
  assert.equal(copyFault(copy("finished")), "")
  assert.equal(copyFault(copy("refused", "the policy")), "refused: the policy")
  assert.equal(copyFault(copy("lost")), "lost")
})

test("a hub that is away for a moment is asked again, one that says no is not", () => {
  const asked = [new Problem(0, "unreachable", ""), new Problem(502, "http", ""), new Problem(409, "offset", ""), new Problem(507, "disk-full", ""), new Error("x")].map(isPassing)
  assert.deepEqual(asked, [true, true, false, false, false])
})

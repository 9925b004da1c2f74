import assert from "node:assert/strict"
import { test } from "node:test"
import { browserName } from "../src/core/browser_name.ts"
import type { EnrolToken } from "../src/core/admin_types.ts"
import { publicKeyOf } from "../src/core/device_key.ts"
import { tagsOf } from "../src/core/tags.ts"
import { inOrder, isLoopback, stateOf, usesText } from "../src/core/tokens.ts"

const NOW = Date.parse("2026-11-20T10:00:00Z")

function token(id: string, changes: Partial<EnrolToken> = {}): EnrolToken {
  return {
    id, uses: 1, tags: {}, note: "", created_by: "anna", created: "2026-11-20T09:00:00Z", expires: "2026-11-20T11:00:00Z",
    revoked: null, ...changes,
  }
}

test("a token lets in until it is used up, out of time or revoked, whichever is said first", () => {
  assert.equal(stateOf(token("a"), NOW), "open")
  assert.equal(stateOf(token("a", { uses: -1 }), NOW), "open")
  assert.equal(stateOf(token("a", { uses: 0 }), NOW), "used up")
  assert.equal(stateOf(token("a", { expires: "2026-11-20T10:00:00Z" }), NOW), "expired")
  assert.equal(stateOf(token("a", { uses: 0, revoked: "2026-11-20T09:30:00Z" }), NOW), "revoked")
})

test("tokens that let somebody in stand first, the newest at the top", () => {
  const all = [token("old"), token("over", { uses: 0, created: "2026-11-20T09:50:00Z" }), token("new", { created: "2026-11-20T09:40:00Z" })]
  assert.deepEqual(inOrder(all, NOW).map((each) => each.id), ["new", "old", "over"])
})

test("uses are written as machines", () => {
  assert.deepEqual([1, 30, -1].map(usesText), ["1 machine", "30 machines", "any number"])
})

test("an address that only its own machine reaches is known as one", () => {
  for (const url of ["http://127.0.0.1:8420", "http://localhost", "https://hub.localhost/x", "http://[::1]:1", "http://127.1.2.3"]) assert.ok(isLoopback(url), url)
  for (const url of ["https://dvic.example.org", "http://192.168.1.4", "https://127.example.org.evil.example", "", "nonsense"]) assert.ok(!isLoopback(url), url)
})

test("tags are what a selector can name", () => {
  assert.deepEqual(tagsOf(" room=lab, beamline  host=a:1 "), { room: "lab", beamline: "", host: "a:1" })
  assert.deepEqual(tagsOf(""), {})
  for (const wrong of ["=x", "a=<script>", "<b>", "a=1 a=2", "\u202Ea=1"]) assert.throws(() => tagsOf(wrong), Error, wrong)
})

test("a sign-in is named by its browser and system, and never by more", () => {
  const cases: [string, string][] = [
    ["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"],
    ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/150.0.0.0 Safari/537.36", "Chrome on Linux"],
    ["Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36 Edg/150.0.0.0", "Edge on Windows"],
    ["Mozilla/5.0 (Linux; Android 16; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Mobile Safari/537.36", "Chrome on Android"],
    ["Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1", "Safari on iPhone"],
    ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15", "Safari on macOS"],
    ["<script>alert(1)</script>", "web page"], ["", "web page"],
  ]
  for (const [agent, name] of cases) assert.equal(browserName(agent), name, agent)
})

test("a device's public key is its x or a JWK, and a private one does not leave the desk", () => {
  const x = "7Qw0cDsv2uSgXhV9yCqFh5bTzK3rM1nE8aYpJ4dLw6I"
  const jwk = { kty: "OKP", crv: "Ed25519", x }
  assert.deepEqual(publicKeyOf(` ${x}\n`), jwk)
  assert.deepEqual(publicKeyOf(JSON.stringify({ ...jwk, kid: "more" })), jwk)
  for (const secret of [JSON.stringify({ ...jwk, d: x }), "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----"]) {
    assert.throws(() => publicKeyOf(secret), /private/, secret)
  }
  for (const wrong of ["", "x", `${x}=`, "null", "[]", "{}", JSON.stringify({ ...jwk, x: 1 }), "<script>"]) assert.throws(() => publicKeyOf(wrong), /no public key/, wrong)
})

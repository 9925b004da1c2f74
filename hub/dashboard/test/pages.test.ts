import assert from "node:assert/strict"
import { test } from "node:test"
import { addressOf, placeOf } from "../src/core/pages.ts"
import { nextWait } from "../src/core/waits.ts"

test("an address leads to its page and back", () => {
  const address = addressOf("/nodes/{node}", { node: "web 1/ü" }, { since: "1h", empty: "" })
  assert.equal(address, "nodes/web%201%2F%C3%BC?since=1h")
  const place = placeOf(`/${address.split("?")[0] ?? ""}`, "?since=1h")
  assert.deepEqual([place?.page, place?.params["node"], place?.query.get("since")], ["/nodes/{node}", "web 1/ü", "1h"])
})

test("the first page is the base itself", () => {
  assert.equal(addressOf("/"), "./")
  assert.equal(placeOf("/", "")?.page, "/")
})

test("what is no page leads nowhere, and bad escapes harm nobody", () => {
  assert.equal(placeOf("/nope", ""), null)
  assert.equal(placeOf("/nodes/", ""), null)
  assert.equal(placeOf("/nodes/%zz", "")?.params["node"], "%zz")
})

test("tries come ever later, up to a bound, and not all at once", () => {
  assert.ok(nextWait(0, 0.5) < nextWait(3, 0.5) && nextWait(3, 0.5) < nextWait(5, 0.5))
  assert.ok(nextWait(1000, 1) <= 12_500)
  assert.notEqual(nextWait(2, 0), nextWait(2, 1))
})

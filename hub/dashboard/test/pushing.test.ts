import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import { aboutSecret, commandLine, encodeSecret, isOver, MAX_SECRET_BYTES, parseTarget, placeText, targetText } from "../src/core/pushing.ts"
import { fromBase64Url, MAX_SEALED_BYTES, seal, toBase64Url, whyNot } from "../src/core/sealing.ts"

type Vectors = {
  host_key: string
  fingerprint: string
  accepted: { what: string; key: string; public: string; sender: string; about: string; data: string; sealed: string }[]
  refused: { why: string; key: string; about: string; sealed: string }[]
}
const vectors = JSON.parse(readFileSync(new URL("../../../tests/vectors/sealed.json", import.meta.url), "utf8")) as Vectors
const { subtle } = crypto

/** The pair whose private half has these 32 bytes: WebCrypto takes them as PKCS #8 (RFC 8410) only. */
async function pairOf(key: string): Promise<CryptoKeyPair> {
  const head = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20]
  const privateKey = await subtle.importKey("pkcs8", Uint8Array.from([...head, ...fromBase64Url(key)]), "X25519", true, ["deriveBits"])
  const { x = "" } = await subtle.exportKey("jwk", privateKey)
  return { privateKey, publicKey: await subtle.importKey("raw", fromBase64Url(x), "X25519", true, []) }
}

test("what is sealed here is what dvic_wire seals, byte for byte", async () => {
  assert.ok(vectors.accepted.length >= 3)
  for (const each of vectors.accepted) {
    assert.equal(await seal(subtle, each.public, fromBase64Url(each.data), each.about, await pairOf(each.sender)), each.sealed, each.what)
  }
})

test("each sealed text has a key of its own, and is about one thing", async () => {
  const [one] = vectors.accepted
  assert.ok(one)
  const data = fromBase64Url(one.data)
  assert.notEqual(await seal(subtle, one.public, data, one.about), await seal(subtle, one.public, data, one.about))
  const sender = await pairOf(one.sender)
  assert.notEqual(await seal(subtle, one.public, data, `${one.about}x`, sender), one.sealed)
})

test("a sealing key that is none, or that everybody knows the result of, is refused", async () => {
  const small = toBase64Url(new Uint8Array(32))
  for (const wrong of [small, "", "AAAA", "not base64!", toBase64Url(new Uint8Array(33))]) await assert.rejects(seal(subtle, wrong, new Uint8Array(1), "x"), wrong)
  const [one] = vectors.accepted
  await assert.rejects(seal(subtle, one?.public ?? "", new Uint8Array(MAX_SEALED_BYTES + 1), "x"), /at most/)
})

test("a browser without sealing says so", async () => {
  assert.equal(await whyNot(subtle), "")
  assert.match(await whyNot(undefined), /plain http/)
  const old = { generateKey: () => Promise.reject(new DOMException("", "NotSupportedError")) } as unknown as SubtleCrypto
  assert.match(await whyNot(old), /lacks X25519 or ChaCha20-Poly1305/)
})

test("a secret is about the push, its target and the host key, as the vectors have it", () => {
  const about = aboutSecret("0123456789abcdef", { user: "pi", host: "lab-8", port: 2222 }, vectors.fingerprint)
  assert.equal(about, vectors.accepted[0]?.about)
})

test("a target is written as people write it", () => {
  const cases: [string, string, string, number][] = [
    ["root@10.0.0.7", "root", "10.0.0.7", 22], [" pi@lab-8:2222 ", "pi", "lab-8", 2222], ["a@b@c", "a@b", "c", 22],
    ["root@fe80::1%eth0", "root", "fe80::1%eth0", 22], ["root@[fe80::1]:2222", "root", "fe80::1", 2222], ["root@[::1]", "root", "::1", 22],
  ]
  for (const [text, user, host, port] of cases) assert.deepEqual(parseTarget(text), { user, host, port }, text)
  assert.equal(targetText(parseTarget("root@[fe80::1]:2222")), "root@[fe80::1]:2222")
  assert.equal(targetText(parseTarget("root@[fe80::1]")), "root@fe80::1")
  assert.equal(targetText(parseTarget("root@lab-8:22")), "root@lab-8")
  assert.equal(placeText({ host: "lab-8", port: 2222 }), "lab-8:2222")
  for (const wrong of ["", "lab-8", "@lab-8", "root@", "root@lab-8:", "root@lab-8:0", "root@lab-8:65536", "root@lab-8:ssh", "root@[::1]:x"]) assert.throws(() => parseTarget(wrong), Error, wrong)
})

test("a secret is a password or a private key, on one line and bounded", () => {
  const plain = (secret: { password?: string; key?: string; passphrase?: string }) => encodeSecret({ password: "", key: "", passphrase: "", ...secret })
  assert.deepEqual(JSON.parse(new TextDecoder().decode(plain({ password: "ä '$x\\" }))), { password: "ä '$x\\", key: "", passphrase: "" })
  const key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n"
  assert.ok(plain({ key, passphrase: "open sesame" }).length)
  assert.deepEqual(plain({ key: key.replaceAll("\n", "\r\n") }), plain({ key }))
  assert.throws(() => plain({}), /password or a private key/)
  assert.throws(() => plain({ key: "ssh-ed25519 AAAA somebody" }), /no private key/)
  assert.throws(() => plain({ password: "two\nlines" }), /one line/)
  assert.throws(() => plain({ key: key + "x".repeat(MAX_SECRET_BYTES) }), /too large/)
})

test("where the browser can't, hubctl's line has all that was typed and nothing that a shell would act on", () => {
  assert.equal(commandLine({ target: "", via: "", name: "", tags: "" }), "hubctl node enroll USER@HOST --ask-password")
  assert.equal(commandLine({ target: "pi@lab-8:2222", via: "lab-1", name: "a; reboot", tags: "room=lab, web" }),
    "hubctl node enroll pi@lab-8:2222 --via lab-1 --ask-password --name 'a; reboot' --tag room=lab --tag web=")
})

test("three states are an end", () => {
  assert.deepEqual((["looking", "asking", "installing", "joining", "done", "failed", "cancelled"] as const).filter(isOver), ["done", "failed", "cancelled"])
})

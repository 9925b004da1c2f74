// Secrets sealed in the browser: only who holds the private half of a sealing key can open them. The scheme is that of
// dvic_wire.sealing (docs/protocol.md, "By ssh"), all of it by WebCrypto; both are held to tests/vectors/sealed.json.

/** What can be sealed in one text, bytes. */
export const MAX_SEALED_BYTES = 128 * 1024

const KEY_BYTES = 32
const PURPOSE = new TextEncoder().encode("dvic-sealed-1")
const CIPHER = "ChaCha20-Poly1305"

type Bytes = Uint8Array<ArrayBuffer>

/** `data` for the holder of the private half of `to`, as text. `sender`: only tests give one, it must be fresh. Throws
 * where the key is bad, the data too long, or the browser lacks an algorithm. */
export async function seal(subtle: SubtleCrypto, to: string, data: Bytes, about: string, sender?: CryptoKeyPair): Promise<string> {
  if (data.length > MAX_SEALED_BYTES) throw new Error(`a sealed text holds at most ${MAX_SEALED_BYTES} bytes`)
  const receiver = fromBase64Url(to)
  if (receiver.length !== KEY_BYTES) throw new Error(`a sealing key has ${KEY_BYTES} bytes`)
  const once = sender ?? await freshPair(subtle)
  const own = new Uint8Array(await subtle.exportKey("raw", once.publicKey))
  // a point of small order, whose result everybody would know, is refused by deriveBits
  const shared = await subtle.deriveBits({ name: "X25519", public: await subtle.importKey("raw", receiver, "X25519", true, []) }, once.privateKey, 8 * KEY_BYTES)
  const key = await derive(subtle, shared, joined(PURPOSE, own, receiver))
  // each key seals one text, so the nonce is zero
  const how = { name: CIPHER, iv: new Uint8Array(12), additionalData: new TextEncoder().encode(about), tagLength: 128 }
  return toBase64Url(joined(own, new Uint8Array(await subtle.encrypt(how, key, data))))
}

/** Why nothing can be sealed here, "" where it can. */
export async function whyNot(subtle: SubtleCrypto | undefined): Promise<string> {
  if (!subtle) return "This page came over plain http from another machine, so whoever can change packets on the way could read the password."
  try {
    const trial = await freshPair(subtle)
    await seal(subtle, toBase64Url(new Uint8Array(await subtle.exportKey("raw", trial.publicKey))), new Uint8Array(1), "a trial")
    return ""
  } catch {
    return `This browser can't seal a password for where ssh is opened: it lacks X25519 or ${CIPHER}.`
  }
}

function freshPair(subtle: SubtleCrypto): Promise<CryptoKeyPair> {
  return subtle.generateKey("X25519", false, ["deriveBits"])
}

async function derive(subtle: SubtleCrypto, shared: ArrayBuffer, info: Bytes): Promise<CryptoKey> {
  const base = await subtle.importKey("raw", shared, "HKDF", false, ["deriveBits"])
  const bits = await subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info }, base, 8 * KEY_BYTES)
  // TypeScript does not know this format yet
  return subtle.importKey("raw-secret" as "raw", bits, CIPHER, false, ["encrypt"])
}

function joined(...parts: Bytes[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

export function toBase64Url(data: Bytes): string {
  let text = ""
  for (const byte of data) text += String.fromCharCode(byte)
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")
}

/** Throws Error where it is none. */
export function fromBase64Url(text: string): Bytes {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw new Error("that is no base64url")
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0))
}

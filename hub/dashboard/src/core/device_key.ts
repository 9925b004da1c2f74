// A device's own public key as people give it: its x in base64url, or a JWK. Pure; the hub checks the rest.

const RAW = /^[A-Za-z0-9_-]{43}$/

export type Jwk = { kty: string; crv: string; x: string }

/** Throws Error that says what is wrong, in words for the person who gave it. A private key must not leave this desk. */
export function publicKeyOf(text: string): Jwk {
  const given = text.trim()
  if (RAW.test(given)) return { kty: "OKP", crv: "Ed25519", x: given }
  let parts: unknown
  try {
    parts = JSON.parse(given)
  } catch {
    parts = null
  }
  if (given.includes("PRIVATE KEY") || (isParts(parts) && "d" in parts)) throw new Error("This is a private key: give its public part only")
  if (!isParts(parts) || !["kty", "crv", "x"].every((name) => typeof parts[name] === "string")) {
    throw new Error("This is no public key: give its x, 43 letters of base64url, or a JWK with kty, crv and x")
  }
  return { kty: String(parts["kty"]), crv: String(parts["crv"]), x: String(parts["x"]) }
}

function isParts(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

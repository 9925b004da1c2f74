// Enrolling a machine by ssh: what is said to the hub and, sealed, to where ssh is opened (dvic_wire.pushing). Pure.

import { joinWords } from "./shell_words.ts"

export type PushState = "looking" | "asking" | "installing" | "joining" | "done" | "failed" | "cancelled"
export type PushLine = { stream: string; text: string }
export type PushQuestion = { keys: { kind: string; fingerprint: string }[]; seal: string; known: string }
export type Push = {
  id: string
  target: string
  via: string
  state: PushState
  reason: string
  node: string
  count: number
  lines: PushLine[]
  question?: PushQuestion | null
}
export type KnownHost = { id: string; host: string; port: number; via: string; kind: string; fingerprint: string; since: string | null; by: string }

export type Target = { user: string; host: string; port: number }
export type Secret = { password: string; key: string; passphrase: string }
/** What a person has typed of it; nothing secret. */
export type Draft = { target: string; via: string; name: string; tags: string }

const SSH_PORT = 22
/** A password, a private key and its passphrase together, bytes. */
export const MAX_SECRET_BYTES = 32 * 1024
export const TOO_LARGE = "The file is too large to be a private key"

export function isOver(state: PushState): boolean {
  return state === "done" || state === "failed" || state === "cancelled"
}

/** USER@HOST[:PORT]; an IPv6 address with a port stands in brackets. Throws Error; names and hosts are the hub's to check. */
export function parseTarget(text: string): Target {
  const at = text.lastIndexOf("@")
  const user = text.slice(0, Math.max(0, at)).trim()
  const place = text.slice(at + 1).trim()
  const bracketed = /^\[(.+)\](?::(\d{1,5}))?$/.exec(place)
  const [host = "", port] = bracketed ? [bracketed[1], bracketed[2]] : place.split(":").length > 2 ? [place] : place.split(":")
  if (!user || !host || /[[\]]/.test(host)) throw new Error("Write USER@HOST or USER@HOST:PORT")
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) > 0 && Number(port) < 65536)) throw new Error("A port is 1 to 65535")
  return { user, host, port: port === undefined ? SSH_PORT : Number(port) }
}

/** HOST, or HOST:PORT where the port is not ssh's own. */
export function placeText(place: { host: string; port: number }): string {
  if (place.port === SSH_PORT) return place.host
  return place.host.includes(":") ? `[${place.host}]:${place.port}` : `${place.host}:${place.port}`
}

export function targetText(target: Target): string {
  return `${target.user}@${placeText(target)}`
}

/** What a sealed secret is about: it opens for this push, this target and this host key only. */
export function aboutSecret(push: string, target: Target, fingerprint: string): string {
  return ["secret", push, targetText(target), fingerprint].join("\n")
}

/** A secret as it is sealed; throws Error in words for the person who typed it. */
export function encodeSecret(secret: Secret): Uint8Array<ArrayBuffer> {
  if (!secret.password && !secret.key) throw new Error("Give a password or a private key")
  if (secret.key && !/^\s*-----BEGIN [A-Z ]*PRIVATE KEY-----\r?\n/.test(secret.key)) throw new Error("The file is no private key (PEM, or as ssh-keygen writes it)")
  if (/[\n\r\0]/.test(secret.password + secret.passphrase)) throw new Error("A password must be one line")
  // not every ssh reads a key with the ends of line of Windows
  const key = secret.key.replaceAll("\r\n", "\n")
  const data = new TextEncoder().encode(JSON.stringify({ password: secret.password, key, passphrase: secret.passphrase }))
  if (data.length > MAX_SECRET_BYTES) throw new Error(TOO_LARGE)
  return data
}

/** What hubctl would be told, for a browser that can't do it. It asks for the password itself. */
export function commandLine(draft: Draft): string {
  const words = ["hubctl", "node", "enroll", draft.target.trim() || "USER@HOST"]
  if (draft.via.trim()) words.push("--via", draft.via.trim())
  words.push("--ask-password")
  if (draft.name.trim()) words.push("--name", draft.name.trim())
  for (const tag of draft.tags.split(/[\s,]+/).filter((each) => each)) words.push("--tag", tag.includes("=") ? tag : `${tag}=`)
  return joinWords(words)
}

/** Why it failed has to do with a host key that is remembered. */
export function isAboutHostKey(reason: string): boolean {
  return reason.includes("HOST KEY")
}

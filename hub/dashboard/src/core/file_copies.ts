// A file from this desk to a node, or from a node to this desk, through the hub. Whatever breaks on the way goes on
// where it stood, for as long as the page is open.

import { apiUrl, ask, part } from "./api.ts"
import { bytes } from "./format.ts"
import { Problem } from "./problems.ts"
import type { RunState } from "./runs.ts"
import { upload } from "./upload.ts"

export const PART_BYTES = 4 * 1024 * 1024
const PAUSE_MS = 1000
const LOOK_MS = 400
const GIVE_UP_MS = 300_000

export type KeptFile = { id: string; name: string; size: number; received: number; sha256: string }
export type CopyNode = { node: string; state: RunState; reason: string; offset: number }
export type Copy = { id: string; direction: string; file: string; name: string; size: number; ended: string | null; nodes: CopyNode[] }

/** How far it is: `done` of `size` bytes; -1: not known yet. */
export type Way = { what: string; done: number; size: number }
export type Tell = (way: Way) => void

/** `12 MiB of 50 MiB to the hub` */
export function wayText(way: Way): string {
  return way.size < 0 ? way.what : `${bytes(way.done)} of ${bytes(way.size)} ${way.what}`
}

/** The name that a path ends with; "" for a folder's. */
export function fileNameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1)
}

/** Why a copy did not end well; "" when it did. */
export function copyFault(copy: Copy): string {
  const bad = copy.nodes.find((node) => node.state !== "finished")
  return bad ? [bad.state, bad.reason].filter((text) => text).join(": ") : ""
}

/** Whether asking again may help: the hub is away for a moment. */
export function isPassing(error: unknown): boolean {
  return error instanceof Problem && (error.code === "unreachable" || error.status === 502 || error.status === 503 || error.status === 504)
}

const rest = (ms: number) => new Promise((resolve) => { setTimeout(resolve, ms) })

/** What `work` gives, tried again while the hub is away. Only for what may be done twice. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  const begun = Date.now()
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isPassing(error) || Date.now() - begun > GIVE_UP_MS) throw error
      await rest(PAUSE_MS)
    }
  }
}

/** Have all of a file at the hub; throws Problem. */
export async function bring(file: File, tell: Tell): Promise<KeptFile> {
  let kept = await ask<KeptFile>("POST", "files", { body: { name: file.name, size: file.size } })
  const at = `files/${part(kept.id)}`
  while (!kept.sha256) {
    const from = kept.received
    const piece = file.slice(from, from + PART_BYTES)
    try {
      kept = await upload<KeptFile>(`${at}?offset=${from}`, piece, "application/octet-stream", (share) => {
        tell({ what: "to the hub", done: from + share * piece.size, size: file.size })
      }, "PUT")
    } catch (error) {
      if (!isPassing(error) && !(error instanceof Problem && error.code === "offset")) throw error
      kept = await patiently(() => ask<KeptFile>("GET", at))
    }
  }
  return kept
}

/** Until a copy to or from one node is over. */
async function follow(first: Copy, what: string, tell: Tell): Promise<Copy> {
  let copy = first
  for (;;) {
    const node = copy.nodes[0]
    tell({ what, done: node?.offset ?? 0, size: copy.size })
    if (copy.ended) return copy  // not before: until then the hub keeps the file for it
    await rest(LOOK_MS)
    const { id } = copy
    copy = await patiently(() => ask<Copy>("GET", `copies/${part(id)}`))
  }
}

/** Copy a file of this desk to a node; throws what went wrong. */
export async function sendFile(node: string, file: File, path: string, user: string, tell: Tell): Promise<void> {
  const kept = await bring(file, tell)
  try {
    const copy = await follow(await ask<Copy>("POST", "copies", { body: { selector: `id:${node}`, file: kept.id, path, user } }), "to the node", tell)
    if (copyFault(copy)) throw new Error(copyFault(copy))
  } finally {
    await ask("DELETE", `files/${part(kept.id)}`).catch(() => { /* it goes by itself after a while */ })
  }
}

/** Copy a file of a node to the hub; returns where it can be read. */
export async function fetchFile(node: string, path: string, user: string, tell: Tell): Promise<URL> {
  const copy = await follow(await ask<Copy>("POST", "copies", { body: { selector: `id:${node}`, path, user } }), "to the hub", tell)
  if (copyFault(copy)) throw new Error(copyFault(copy))
  return apiUrl(`files/${part(copy.file)}/content`)
}

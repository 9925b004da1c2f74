// A recording, fetched and read piece by piece, up to what a page can hold.

import { apiUrl, part } from "./api.ts"
import { CastReader } from "./cast.ts"
import { problemOf } from "./problems.ts"

/** Bytes of a recording that the page plays; hubctl plays all of one. */
export const MOST_PLAYED = 32 * 1024 * 1024

export type Loaded = { cast: CastReader; cut: boolean }

/** Throws Problem. `progress` hears how many bytes have come. */
export async function loadCast(session: string, progress: (bytes: number) => void, signal: AbortSignal): Promise<Loaded> {
  const answer = await fetch(apiUrl(`sessions/${part(session)}/recording`), { credentials: "same-origin", signal })
  if (!answer.ok || !answer.body) throw problemOf(answer.status, await answer.json().catch(() => null))
  const cast = new CastReader()
  const decoder = new TextDecoder()
  const reader = answer.body.getReader()
  let size = 0
  let cut = false
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    size += value.length
    cast.add(decoder.decode(value, { stream: true }))
    progress(size)
    if (cast.fault) break
    cut = size > MOST_PLAYED
    if (cut) break
  }
  await reader.cancel()
  cast.end()
  return { cast, cut }
}

export function recordingAddress(session: string): string {
  return apiUrl(`sessions/${part(session)}/recording`).href
}

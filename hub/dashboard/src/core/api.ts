// Questions to the hub. The sign-in travels as a cookie that no script sees; whoever it stands for is `session.ts`'s.

import { learnTime } from "./clock.ts"
import { Problem, problemOf } from "./problems.ts"

type Query = Record<string, string | number | undefined>
export type List<T> = { items: T[]; next: string }

let onSignedOut = () => {}

/** What to do when the hub says that the sign-in is over. */
export function whenSignedOut(action: () => void): void {
  onSignedOut = action
}

export function apiUrl(path: string, query: Query = {}): URL {
  const url = new URL(`api/v1/${path}`, document.baseURI)
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== "") url.searchParams.set(name, String(value))
  return url
}

/** Ask the hub; throws Problem. `path` counts from /api/v1/; its parts must be encoded (`part`). `text`: a body as somebody wrote
 * it, JSON or YAML. */
export async function ask<T = void>(method: string, path: string, options: { query?: Query; body?: unknown; text?: string; signal?: AbortSignal } = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" }
  const init: RequestInit = { method, credentials: "same-origin", headers }
  if (options.body !== undefined) {
    init.body = JSON.stringify(options.body)
    headers["Content-Type"] = "application/json"
  }
  if (options.text !== undefined) {
    init.body = options.text
    headers["Content-Type"] = "application/yaml"
  }
  if (options.signal) init.signal = options.signal
  let answer: Response
  try {
    answer = await fetch(apiUrl(path, options.query), init)
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error
    throw new Problem(0, "unreachable", "The hub does not answer")
  }
  learnTime(answer.headers.get("Date"))
  const text = await answer.text()
  let body: unknown = null
  try {
    body = text ? JSON.parse(text) : null
  } catch {
    // an error page of a proxy: its status says enough
  }
  if (!answer.ok) {
    if (answer.status === 401 && path !== "session") onSignedOut()
    throw problemOf(answer.status, body)
  }
  return body as T
}

/** Every page of a list. */
export async function askAll<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T[]> {
  const found: T[] = []
  let cursor = ""
  do {
    const page: List<T> = await ask("GET", path, { query: { limit: 1000, ...query, cursor }, ...(signal ? { signal } : {}) })
    found.push(...page.items)
    cursor = page.next
  } while (cursor)
  return found
}

/** A text as one part of a path. */
export const part = encodeURIComponent

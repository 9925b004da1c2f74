// Everything that a filter finds, as a file: fetched page by page, newest first, put together oldest first.

import { ask, type List } from "./api.ts"
import { type LogFilter, searchQuery } from "./log_filter.ts"
import { fromEntry, type LogEntry, plainText } from "./log_lines.ts"

export const MOST_LINES = 200_000
const MOST_CHARACTERS = 400_000_000

export type Form = "text" | "jsonl"
export type Download = { blob: Blob; lines: number; complete: boolean }

/** `progress` is told how many lines there are so far. Ends early, with what there is, at MOST_LINES. */
export async function downloadAll(filter: LogFilter, form: Form, progress: (lines: number) => void, signal: AbortSignal): Promise<Download> {
  const parts: string[] = []
  let lines = 0
  let characters = 0
  let cursor = ""
  // what comes meanwhile is not part of it, so that it has an end
  const query = { ...searchQuery(filter), limit: 1000 }
  do {
    const page: List<LogEntry> = await ask("GET", "logs", { query: { ...query, cursor }, signal })
    const text = [...page.items].reverse().map((entry) => `${written(entry, form)}\n`).join("")
    parts.push(text)
    lines += page.items.length
    characters += text.length
    cursor = page.next
    progress(lines)
  } while (cursor && lines < MOST_LINES && characters < MOST_CHARACTERS)
  return { blob: new Blob(parts.reverse(), { type: form === "text" ? "text/plain" : "application/jsonl" }), lines, complete: !cursor }
}

export function written(entry: LogEntry, form: Form): string {
  return form === "jsonl" ? JSON.stringify(entry) : plainText({ ...fromEntry(entry), message: entry.message })
}

/** Hand a file to the browser. */
export function save(blob: Blob, name: string): void {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

// Sessions on terminals as the hub tells them, and what may be done with one. Pure.

import { count, millis, span } from "./format.ts"
import { isState, type RunState, STATES } from "./runs.ts"
import { splitWords } from "./shell_words.ts"
import type { Me } from "./types.ts"

export type Person = { n?: number; name: string; read_only: boolean }

export type Session = {
  id: string
  node: string
  node_id: string
  user: string
  argv: string[]
  title: string
  by: string
  state: RunState
  exit_code: number
  created: string | null
  ended: string | null
  why: string
  cols: number
  rows: number
  recorded: boolean
  recording: number
  people: Person[]
}

/** Whether to offer ending it for all; the hub decides the same once more. */
export function mayEnd(session: Session, me: Pick<Me, "user" | "role"> | null | undefined): boolean {
  return !session.ended && !!me && (me.role === "admin" || (me.role === "operator" && session.by === me.user))
}

/** How long it has lasted. */
export function lasted(session: Session, now: number): string {
  return span(Math.max(0, (session.ended ? millis(session.ended) : now) - millis(session.created)))
}

/** How it ended, in words: by whom or by what, or with which exit code. */
export function endOf(end: { state: string; exit_code: number; reason: string }): string {
  if (end.reason && ["cancelled", "timed-out"].includes(end.state)) return end.reason
  const how = isState(end.state) ? STATES[end.state].says : end.state
  const code = end.exit_code > 0 ? ` (exit code ${end.exit_code})` : ""
  return `${how}${code}${end.reason ? `: ${end.reason}` : ""}`
}

/** Who is in it, those who can type first. */
export function inIt(people: readonly Person[]): string {
  const names = [...people].sort((one, other) => Number(one.read_only) - Number(other.read_only))
  return names.map((person) => `${person.name}${person.read_only ? " (looks on)" : ""}`).join(", ")
}

/** `3 people`, or nobody. */
export function crowd(people: readonly Person[]): string {
  return people.length ? count(people.length, "person", "people") : "nobody"
}

/** Whether the window number `you` is the one that answers what programs ask of the terminal: the first that can type. */
export function answers(people: readonly Person[], you: number): boolean {
  return people.find((person) => !person.read_only)?.n === you
}

export type OpenForm = { node: string; user: string; command: string; title: string; record: boolean }

/** The order for a new terminal; `fault` says why there is none. */
export function orderOfSession(form: OpenForm): { body: Record<string, unknown>; fault: string } {
  const { words, fault } = splitWords(form.command)
  const body: Record<string, unknown> = { node: form.node.trim() }
  if (form.user.trim()) body["user"] = form.user.trim()
  if (words.length) body["argv"] = words
  if (form.title.trim()) body["title"] = form.title.trim()
  if (!form.record) body["record"] = false
  return { body, fault: body["node"] ? fault : "say on which node" }
}

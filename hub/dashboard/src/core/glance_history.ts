// Nodes at a glance: newest figures, and an hour of some of them as the hub packs it: one byte a minute, half percents,
// 255 for nothing (hub: domain/glance.py). Pure.

import { millis } from "./format.ts"
import type { NodeState } from "./types.ts"

export const NOTHING = 255

export type Figure = "cpu" | "memory" | "disk" | "load" | "temperature" | "uptime"

export type Item = { node_id: string; state: NodeState; last_seen: string | null; sampled?: string; values?: (number | null)[]; history?: string }
export type Answer = { time: string; cursor: string; figures: Figure[]; drawn: Figure[]; step: number; points: number; history_end: string; items: Item[] }

/** One node's: `minute` is the last of its history (0 at first). Never changed in place: a new one is new. */
export type Glance = { lastSeen: number; sampled: number; values: readonly (number | null)[]; history: Uint8Array; minute: number }

export type Glances = { of: ReadonlyMap<string, Glance>; figures: readonly Figure[]; drawn: readonly Figure[]; points: number; minute: number }

export const NONE: Glances = { of: new Map(), figures: [], drawn: [], points: 0, minute: 0 }

export function figureOf(all: Glances, id: string, figure: Figure): number | null {
  return all.of.get(id)?.values[all.figures.indexOf(figure)] ?? null
}

/** What an answer makes of what was known. Pure. */
export function merged(known: Glances, answer: Answer, whole: boolean): Glances {
  const found = new Map(whole ? [] : known.of)
  const minute = Math.floor(millis(answer.history_end) / 1000 / answer.step)
  const length = answer.points * answer.drawn.length
  for (const item of answer.items) {
    const before = found.get(item.node_id)
    const values = item.values ?? before?.values ?? []
    let history = item.history ? unpacked(item.history, length) : null
    if (!history) {
      history = before?.history.length === length ? shifted(before.history, minute - before.minute, answer.points).slice() : new Uint8Array(length).fill(NOTHING)
      if (item.values) put(history, answer.drawn.map((name) => item.values?.[answer.figures.indexOf(name)] ?? null), answer.points)
    }
    found.set(item.node_id, { lastSeen: millis(item.last_seen), sampled: item.sampled ? millis(item.sampled) : (before?.sampled ?? 0), values, history, minute })
  }
  return { of: found, figures: answer.figures, drawn: answer.drawn, points: answer.points, minute }
}

/** Bytes out of base64; null for what is none. */
export function unpacked(text: string, length: number): Uint8Array | null {
  try {
    const found = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0))
    return found.length === length ? found : null
  } catch {
    return null
  }
}

/** Histories of `points` bytes each, one behind the other, as they look `minutes` later. */
export function shifted(history: Uint8Array, minutes: number, points: number): Uint8Array {
  if (minutes <= 0) return history
  const found = new Uint8Array(history.length).fill(NOTHING)
  const kept = points - Math.min(minutes, points)
  for (let start = 0; start < history.length; start += points) found.set(history.subarray(start + points - kept, start + points), start)
  return found
}

/** Put newest figures into the last minute of each history, the highest of it, as the hub does. In place. */
export function put(history: Uint8Array, values: readonly (number | null)[], points: number): void {
  for (let at = 0; (at + 1) * points <= history.length; at++) {
    const value = values[at]
    if (value === null || value === undefined) continue
    const place = (at + 1) * points - 1
    const byte = Math.min(200, Math.max(0, Math.round(2 * value)))
    if (history[place] === NOTHING || byte > (history[place] ?? 0)) history[place] = byte
  }
}

/**
 * The line of a figure as an SVG path in a box of `points - 1` by 100, top is 100 percent; where nothing is, it breaks.
 * A point with nothing on either side is drawn as a dash, so that the first minute is seen.
 */
export function line(history: Uint8Array, figure: number, points: number, later: number): string {
  let path = ""
  let drawing = false
  const start = figure * points
  for (let at = 0; at < points; at++) {
    const from = at + Math.max(0, later)
    const byte = from < points ? history[start + from] : NOTHING
    if (byte === undefined || byte === NOTHING) {
      drawing = false
      continue
    }
    const next = from + 1 < points ? history[start + from + 1] : NOTHING
    path += `${drawing ? "L" : "M"}${at} ${100 - byte / 2}`
    if (!drawing && (next === undefined || next === NOTHING)) path += "h-0.9"
    drawing = true
  }
  return path
}

// Where the steps of a service stand in its diagram. Pure: it depends on what the service is made of and the room that there is,
// not on how its steps are, so that nothing moves while they do.
//
// Side by side where there is room: components in columns by what they wait for, an arrow from each to those after it. In a
// narrow place one below the other; arrows that pass others then run at the left.

import type { Component, Step } from "./steps.ts"

export const LANE = 44
const LANE_GAP = 4
const TITLE = 20
const PAD = 5
const GAP = 24
const BETWEEN = 16
const LEAST = 118
const MOST = 200
const TRACK = 9
const TRACKS = 5
/** Below this width (px) they stand one below the other. */
export const NARROW = 560

export type Lane = { component: string; source: string; x: number; y: number; width: number; height: number }
/** `frame`: of a component that is repeated, around its lanes. */
export type Box = { component: Component; x: number; y: number; width: number; height: number; frame: boolean; lanes: Lane[] }
export type Layout = { width: number; height: number; boxes: Box[]; arrows: { from: string; to: string; path: string }[] }

type Sources = ReadonlyMap<string, readonly string[]>

/** Of each component what it waits for. */
export function beforesOf(components: readonly Component[]): Map<string, string[]> {
  return new Map(components.map((each, at) => [each.name, each.after ?? components.slice(Math.max(0, at - 1), at).map((before) => before.name)]))
}

/** How many components are before each, at the longest way. */
export function depthsOf(components: readonly Component[]): Map<string, number> {
  const befores = beforesOf(components)
  const depths = new Map<string, number>()
  const depth = (name: string, seen: readonly string[]): number => {
    const known = depths.get(name)
    if (known !== undefined) return known
    const found = Math.max(-1, ...(befores.get(name) ?? []).filter((each) => befores.has(each) && !seen.includes(each)).map((each) => depth(each, [...seen, name]))) + 1
    depths.set(name, found)
    return found
  }
  for (const each of components) depth(each.name, [])
  return depths
}

/** What each component is repeated for: as described, and what came besides. */
export function sourcesOf(components: readonly Component[], steps: readonly Pick<Step, "component" | "source">[]): Sources {
  return new Map(components.map((each) => {
    const came = steps.filter((step) => step.component === each.name && step.source).map((step) => step.source)
    return [each.name, [...new Set([...(each.sources ?? []), ...came])]]
  }))
}

export function layoutOf(components: readonly Component[], sources: Sources, room: number): Layout {
  const depths = depthsOf(components)
  const columns: Component[][] = []
  for (const each of components) (columns[depths.get(each.name) ?? 0] ??= []).push(each)
  return room < NARROW ? upright(columns, sources, room, beforesOf(components)) : sideways(columns, sources, room, beforesOf(components))
}

function boxOf(component: Component, sources: Sources, x: number, y: number, width: number): Box {
  const repeated = sources.get(component.name) ?? []
  const frame = repeated.length > 0 || Boolean(component.repeat)
  const names = repeated.length ? repeated : [""]
  const pad = frame ? PAD : 0
  const top = y + (frame ? TITLE + 2 : 0)
  const lanes = names.map((source, at) => ({ component: component.name, source, x: x + pad, y: top + at * (LANE + LANE_GAP), width: width - 2 * pad, height: LANE }))
  return { component, x, y, width, height: (frame ? TITLE + 2 + PAD : 0) + names.length * (LANE + LANE_GAP) - LANE_GAP, frame, lanes }
}

function sideways(columns: Component[][], sources: Sources, room: number, befores: Map<string, string[]>): Layout {
  const fair = (room - 2 - GAP * (columns.length - 1)) / columns.length
  const width = Math.floor(Math.min(MOST, Math.max(LEAST, fair)))
  const stacks = columns.map((column, at) => {
    let y = 0
    return column.map((each) => {
      const box = boxOf(each, sources, 1 + at * (width + GAP), y, width)
      y += box.height + BETWEEN
      return box
    })
  })
  const heights = stacks.map((stack) => stack.reduce((sum, box) => sum + box.height + BETWEEN, -BETWEEN))
  const tallest = Math.max(0, ...heights)
  const long = arrowsOf(befores).filter(([from, to]) => columnOf(columns, to) - columnOf(columns, from) > 1)
  const above = long.length ? Math.min(long.length, TRACKS) * TRACK + 4 : 0
  const boxes = stacks.flatMap((stack, at) => stack.map((box) => moved(box, Math.round(above + 1 + (tallest - (heights[at] ?? 0)) / 2))))
  const placed = new Map(boxes.map((box) => [box.component.name, box]))
  let track = 0
  const arrows = arrowsOf(befores).flatMap(([from, to]) => {
    const one = placed.get(from)
    const other = placed.get(to)
    if (!one || !other) return []
    const [x, y, u, v] = [one.x + one.width, one.y + one.height / 2, other.x, other.y + other.height / 2]
    if (columnOf(columns, to) - columnOf(columns, from) > 1) {
      const top = above - (track++ % TRACKS) * TRACK - 4
      return [{ from, to, path: `M${x} ${y}h${GAP / 3}V${top}H${u - GAP / 2}V${v}H${u - 2}` }]
    }
    return [{ from, to, path: `M${x} ${y}C${x + GAP / 2} ${y} ${u - GAP / 2} ${v} ${u - 2} ${v}` }]
  })
  return { width: columns.length * (width + GAP) - GAP + 2, height: above + tallest + 2, boxes, arrows }
}

function upright(columns: Component[][], sources: Sources, room: number, befores: Map<string, string[]>): Layout {
  const order = columns.flat().map((each) => each.name)
  const passing = arrowsOf(befores).filter(([from, to]) => order.indexOf(to) - order.indexOf(from) !== 1)
  const left = passing.length ? Math.min(passing.length, TRACKS) * TRACK + 10 : 1
  let y = 1
  const boxes = columns.flat().map((each) => {
    const box = boxOf(each, sources, left, y, Math.max(LEAST, room - left - 1))
    y += box.height + BETWEEN + 4
    return box
  })
  const placed = new Map(boxes.map((box) => [box.component.name, box]))
  let track = 0
  const arrows = arrowsOf(befores).flatMap(([from, to]) => {
    const one = placed.get(from)
    const other = placed.get(to)
    if (!one || !other) return []
    if (order.indexOf(to) - order.indexOf(from) === 1) {
      const middle = one.x + one.width / 2
      return [{ from, to, path: `M${middle} ${one.y + one.height}V${other.y - 2}` }]
    }
    const x = left - 8 - (track++ % TRACKS) * TRACK
    return [{ from, to, path: `M${one.x} ${one.y + one.height / 2}H${x}V${other.y + other.height / 2}H${other.x - 2}` }]
  })
  return { width: left + Math.max(LEAST, room - left - 1) + 1, height: Math.max(0, y - BETWEEN - 3), boxes, arrows }
}

function arrowsOf(befores: Map<string, string[]>): [string, string][] {
  return [...befores].flatMap(([to, names]) => names.map((from): [string, string] => [from, to]))
}

function columnOf(columns: Component[][], name: string): number {
  return columns.findIndex((column) => column.some((each) => each.name === name))
}

function moved(box: Box, down: number): Box {
  return { ...box, y: box.y + down, lanes: box.lanes.map((lane) => ({ ...lane, y: lane.y + down })) }
}

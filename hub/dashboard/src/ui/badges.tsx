// Small pieces of meaning: a node's state, a level, a tag, a moment. Never by colour alone.

import type { Level, NodeState } from "../core/types.ts"
import { ago, clock, millis } from "../core/format.ts"
import { now } from "../core/now.ts"

const STATE_SIGNS: Record<NodeState, string> = { online: "●", late: "◐", silent: "○", never: "·", revoked: "✕" }

/** `quiet`: nobody is to be troubled about it. */
export function StateBadge(props: { state: NodeState; quiet?: boolean }) {
  return <span class={`badge state-${props.state} ${props.quiet ? "quiet" : ""}`}><span aria-hidden="true">{STATE_SIGNS[props.state]}</span> {props.state}</span>
}

export function LevelBadge(props: { level: Level }) {
  return <span class={`level level-${props.level}`}>{props.level}</span>
}

export function Tags(props: { tags: Record<string, string> }) {
  return <>{Object.entries(props.tags).map(([key, value]) => <span key={key} class="tag">{value ? `${key}=${value}` : key}</span>)}</>
}

/** A moment as how long ago it was, moving on by itself; the exact time is its title. */
export function Ago(props: { time: string | null | undefined }) {
  const then = millis(props.time)
  return then ? <time dateTime={props.time ?? ""} title={clock(then)}>{ago(then, now.value)}</time> : <span class="faint">never</span>
}

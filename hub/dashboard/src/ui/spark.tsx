// A figure's last hour as a small line, beside its newest value. The value is text; the line is for the eye alone.

import { line } from "../core/glance_history.ts"

const HIGH = 90
const HIGHER = 75

/** How a percentage is coloured: fine, high, too high. */
export function heat(percent: number | null): string {
  return percent === null ? "none" : percent >= HIGH ? "hot" : percent >= HIGHER ? "warm" : "fine"
}

export function Spark(props: { history: Uint8Array; figure: number; points: number; later: number }) {
  const path = line(props.history, props.figure, props.points, props.later)
  return (
    <svg class="spark" viewBox={`0 0 ${props.points - 1} 100`} preserveAspectRatio="none" aria-hidden="true">
      <path d={path} vector-effect="non-scaling-stroke" />
    </svg>
  )
}

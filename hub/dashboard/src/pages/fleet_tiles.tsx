// The fleet as tiles: for small screens, and for walls.

import { useSignal } from "@preact/signals"
import { useLayoutEffect, useRef } from "preact/hooks"
import { now } from "../core/now.ts"
import { isSilenced } from "../core/silences.ts"
import type { Node } from "../core/types.ts"
import { across, windowOf } from "../core/window.ts"
import { StateBadge, Tags } from "../ui/badges.tsx"
import { Silenced } from "../ui/silences.tsx"
import { Drawn, NameLink, Seen } from "./fleet_columns.tsx"

const LEAST = 250
const GAP = 10
const HEIGHT = 136

export function Tiles(props: { rows: readonly Node[]; chosen: ReadonlySet<string>; choose: (node: Node, at: number, event: Event) => void }) {
  const box = useRef<HTMLDivElement>(null)
  const scrolled = useSignal(0)
  const size = useSignal({ width: 1000, height: 600 })
  useLayoutEffect(() => {
    const at = box.current
    if (!at) return
    const look = () => { size.value = { width: at.clientWidth, height: at.clientHeight } }
    const watch = new ResizeObserver(look)
    watch.observe(at)
    look()
    return () => watch.disconnect()
  }, [])
  const columns = across(size.value.width, LEAST, GAP)
  const lines = Math.ceil(props.rows.length / columns)
  const { first, last, above, below } = windowOf(scrolled.value, size.value.height, HEIGHT + GAP, lines)
  return (
    <div ref={box} class="tiles-box" role="region" aria-label="Nodes" tabIndex={0} onScroll={(event) => { scrolled.value = event.currentTarget.scrollTop }}>
      <ul class="tiles" style={{ paddingTop: `${above}px`, paddingBottom: `${below}px`, gridTemplateColumns: `repeat(${columns}, 1fr)`, gridAutoRows: `${HEIGHT}px`, gap: `${GAP}px` }}>
        {props.rows.slice(first * columns, last * columns).map((node, at) => (
          <li key={node.id} class={`tile tile-${isSilenced(node, now.value) ? "quiet" : node.state} ${props.chosen.has(node.id) ? "chosen" : ""}`}>
            <div class="tile-head">
              <input type="checkbox" aria-label={`Choose ${node.name}`} checked={props.chosen.has(node.id)} onClick={(event) => props.choose(node, first * columns + at, event)} />
              <NameLink node={node} />
              <StateBadge state={node.state} quiet={isSilenced(node, now.value)} />
            </div>
            <div class="tile-figures">
              {(["cpu", "memory", "disk"] as const).map((figure) => <div key={figure}><span class="faint">{figure}</span><Drawn node={node} figure={figure} /></div>)}
            </div>
            <div class="tile-foot">
              {node.conflict ? <span class="conflict" title={node.conflict}>⚠ conflict</span> : isSilenced(node, now.value) ? <Silenced node={node} /> : <span class="faint">{node.os || "-"}, <Seen node={node} /></span>}
              <span class="tile-tags"><Tags tags={node.tags} /></span>
            </div>
          </li>
        ))}
      </ul>
    </div>
  )
}

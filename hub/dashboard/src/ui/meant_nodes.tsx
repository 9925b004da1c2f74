// A field for a selector, and which nodes it means right now: that changes as the fleet does.

import { nodes } from "../core/fleet.ts"
import { count } from "../core/format.ts"
import { parse } from "../core/selector.ts"
import type { Node } from "../core/types.ts"
import { SelectorInput } from "./selector_input.tsx"

/** Names that are shown of the nodes that a selector means. */
const NAMED = 30

/** The nodes that a selector means in the fleet as it is now; null while it means nothing. */
export function meantBy(selector: string): Node[] | null {
  if (!selector.trim()) return null
  try {
    return nodes.value.filter(parse(selector)).filter((node) => node.state !== "revoked")
  } catch {
    return null // the field says what is wrong with it
  }
}

/** The field for a selector, and below it whom it means. */
export function NodesField(props: { selector: string; change: (selector: string) => void; fault: string | undefined; meant: Node[] | null }) {
  return (
    <>
      <div>
        <span class="run-label">Nodes</span>
        <SelectorInput label="Nodes" value={props.selector} change={props.change} placeholder="web-1, tag:room=lab and state:online, all" />
        <span class="fault">{props.fault}</span>
      </div>
      <MeantNodes nodes={props.meant} selector={props.selector} />
    </>
  )
}

function MeantNodes(props: { nodes: Node[] | null; selector: string }) {
  const { nodes } = props
  if (!props.selector.trim()) return <p class="faint run-meant">Names, globs and tags: <code>web-*</code>, <code>tag:room=lab</code>, <code>os:debian* and not state:silent</code>.</p>
  if (!nodes) return null
  const away = nodes.filter((node) => !node.connected).length
  return (
    <p class="run-meant" role="status">
      <strong>{count(nodes.length, "node")}</strong> right now{away > 0 && <>, {away} of them not connected</>}{nodes.length > 0 && ": "}<Names nodes={nodes} />
    </p>
  )
}

export function Names(props: { nodes: Node[] }) {
  return (
    <>
      {props.nodes.slice(0, NAMED).map((node) => <span key={node.id} class={node.connected ? "tag" : "tag away"}><bdi>{node.name}</bdi></span>)}
      {props.nodes.length > NAMED && <span class="faint"> and {props.nodes.length - NAMED} more</span>}
    </>
  )
}

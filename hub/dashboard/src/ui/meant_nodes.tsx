// A field for a selector, and which nodes it means right now, as the hub says it.

import { type Signal, useSignal } from "@preact/signals"
import { useEffect } from "preact/hooks"
import { askAll } from "../core/api.ts"
import { count } from "../core/format.ts"
import { textOf } from "../core/problems.ts"
import type { Node } from "../core/types.ts"
import { SelectorInput } from "./selector_input.tsx"

const TYPING_MS = 300
/** Names that are shown of the nodes that a selector means. */
const NAMED = 30

/** Nodes that a selector means right now: null while that is not known. */
export type Meant = { nodes: Node[] | null; fault: string }

/** Ask, a moment after the last key, which nodes a selector means. */
export function useMeant(selector: string): Signal<Meant> {
  const meant = useSignal<Meant>({ nodes: null, fault: "" })
  useEffect(() => {
    meant.value = { nodes: null, fault: "" }
    if (!selector.trim()) return
    const stop = new AbortController()
    const timer = setTimeout(() => {
      askAll<Node>("nodes", { selector }, stop.signal).then(
        (nodes) => { meant.value = { nodes: nodes.filter((node) => node.state !== "revoked"), fault: "" } },
        (error: unknown) => { if (!stop.signal.aborted) meant.value = { nodes: null, fault: textOf(error) } },
      )
    }, TYPING_MS)
    return () => {
      clearTimeout(timer)
      stop.abort()
    }
  }, [selector])
  return meant
}

/** The field for a selector, and below it whom it means. */
export function NodesField(props: { selector: string; change: (selector: string) => void; fault: string | undefined; meant: Meant }) {
  return (
    <>
      <div>
        <span class="run-label">Nodes</span>
        <SelectorInput label="Nodes" value={props.selector} change={props.change} placeholder="web-1, tag:room=lab and state:online, all" />
        <span class="fault">{props.fault}</span>
      </div>
      <MeantNodes meant={props.meant} selector={props.selector} />
    </>
  )
}

function MeantNodes(props: { meant: Meant; selector: string }) {
  const { nodes, fault } = props.meant
  if (!props.selector.trim()) return <p class="faint run-meant">Names, globs and tags: <code>web-*</code>, <code>tag:room=lab</code>, <code>os:debian* and not state:silent</code>.</p>
  if (fault) return <p class="fault run-meant" role="alert">{fault}</p>
  if (!nodes) return <p class="faint run-meant">...</p>
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

// What a node is reached through: its tag `behind` names a node. While one of those is not heard, the node raises nothing
// of its own. Pure; the hub decides by the same rules (domain/dependencies.py).

import type { Node } from "./types.ts"

/** The tag that names what a node is reached through. */
export const BEHIND = "behind"

/** As long a row as the hub allows. */
const MAX_CHAIN = 16

/** What a node is behind, the nearest first; a name that no node has is the last. */
export function chainOf(node: Node, find: (name: string) => Node | undefined): { name: string; node: Node | undefined }[] {
  const chain: { name: string; node: Node | undefined }[] = []
  const seen = new Set([node.id])
  for (let name = node.tags[BEHIND]; name && chain.length < MAX_CHAIN;) {
    const above = find(name)
    if (above && seen.has(above.id)) break
    chain.push({ name: above?.name ?? name, node: above })
    if (!above) break
    seen.add(above.id)
    name = above.tags[BEHIND]
  }
  return chain
}

/** How many nodes name this one as what they are behind. */
export function countBehind(node: Node, nodes: readonly Node[]): number {
  const name = node.name.toLowerCase()
  return nodes.filter((each) => each.tags[BEHIND]?.toLowerCase() === name).length
}

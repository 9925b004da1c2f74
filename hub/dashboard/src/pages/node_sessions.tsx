// The last terminals on a node, open ones and past ones.

import type { List } from "../core/api.ts"
import { visible } from "../core/harmless.ts"
import { addressOf } from "../core/pages.ts"
import { usePolled } from "../core/polled.ts"
import { inIt, type Session } from "../core/sessions.ts"
import type { Node } from "../core/types.ts"
import { Ago } from "../ui/badges.tsx"
import { RunBadge } from "../ui/run_parts.tsx"

const SHOWN = 10
const EVERY_MS = 15_000

export function NodeSessions(props: { node: Node }) {
  const sessions = usePolled<List<Session>>("sessions", { node: props.node.id, limit: SHOWN }, EVERY_MS)
  if (!sessions.value?.items.length) return null
  return (
    <section aria-labelledby="node-sessions">
      <h2 id="node-sessions"><a href={addressOf("/sessions", {}, { node: props.node.name })}>Sessions</a></h2>
      <ul class="node-runs">
        {sessions.value.items.map((session) => (
          <li key={session.id}>
            <a href={addressOf("/sessions/{session}", { session: session.id })}>{visible(session.title)}</a>
            <span class="faint">{session.by}, <Ago time={session.created} /></span>
            <span>{session.ended ? <RunBadge state={session.state} /> : session.people.length ? `open, in it: ${inIt(session.people)}` : "open"}</span>
          </li>
        ))}
      </ul>
    </section>
  )
}

// What is wrong first, then the fleet in one line. All well is a calm page.

import { useComputed } from "@preact/signals"
import { loaded, nodes } from "../core/fleet.ts"
import { count } from "../core/format.ts"
import { addressOf } from "../core/pages.ts"
import { may } from "../core/session.ts"
import { Ago, StateBadge } from "../ui/badges.tsx"
import { Empty, Waiting } from "../ui/notices.tsx"
import { useTitle } from "../ui/shell.tsx"

const SHOWN = 20

export function Home() {
  useTitle("")
  const wrong = useComputed(() => nodes.value.filter((node) => node.state === "silent" || node.state === "late" || node.conflict))
  const online = useComputed(() => nodes.value.filter((node) => node.state === "online").length)
  if (!loaded.value) return <Waiting />
  if (!nodes.value.length) {
    return (
      <Empty>
        <h1>No machine has joined yet</h1>
        {may("operator") ? <p><a class="button primary" href={addressOf("/enrol")}>Enrol the first one</a></p> : <p>An operator can enrol one.</p>}
      </Empty>
    )
  }
  return (
    <>
      <h1 class="headline">{wrong.value.length ? `${count(wrong.value.length, "node")} need a look` : "All is well"}</h1>
      <p class="line">
        <a href={addressOf("/fleet")}>{count(nodes.value.length, "node")}</a>, {online.value} online
      </p>
      {wrong.value.length > 0 && (
        <ul class="wrong">
          {wrong.value.slice(0, SHOWN).map((node) => (
            <li key={node.id}>
              <StateBadge state={node.state} /> <a href={addressOf("/nodes/{node}", { node: node.name })}>{node.name}</a>
              {node.conflict ? ` ${node.conflict}` : <> last heard of <Ago time={node.last_seen} /></>}
            </li>
          ))}
        </ul>
      )}
      {wrong.value.length > SHOWN && <p><a href={addressOf("/fleet", {}, { q: "state:silent or state:late" })}>All of them</a></p>}
    </>
  )
}

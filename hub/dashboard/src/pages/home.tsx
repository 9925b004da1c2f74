// What is wrong first, then the fleet in one line. All well is a calm page.

import { useComputed } from "@preact/signals"
import type { ComponentChildren } from "preact"
import type { List } from "../core/api.ts"
import { loaded, nodes } from "../core/fleet.ts"
import { count, number } from "../core/format.ts"
import { hubTime } from "../core/clock.ts"
import { addressOf } from "../core/pages.ts"
import { usePolled } from "../core/polled.ts"
import { STATES } from "../core/selector.ts"
import { may } from "../core/session.ts"
import { commandOf, type RunShort, type Trouble, troublesOf } from "../core/trouble.ts"
import type { HubStatus } from "../core/types.ts"
import { Ago, StateBadge } from "../ui/badges.tsx"
import { Empty, Waiting } from "../ui/notices.tsx"
import { useTitle } from "../ui/shell.tsx"

const EVERY_MS = 15_000
const RUNS = 50
const SHOWN = 8

type Kind = Trouble["kind"]
const KINDS: readonly { kind: Kind; many: (count: number) => string; query: string }[] = [
  { kind: "hub", many: () => "", query: "" },
  { kind: "conflict", many: (count) => `${count} more keys are used twice`, query: "" },
  { kind: "silent", many: (count) => `${count} more are silent`, query: "state:silent" },
  { kind: "run", many: (count) => `${count} more runs failed`, query: "" },
  { kind: "late", many: (count) => `${count} more are late`, query: "state:late" },
]

export function Home() {
  useTitle("")
  const hub = usePolled<HubStatus>("hub", {}, EVERY_MS)
  const runs = usePolled<List<RunShort>>("runs", { limit: RUNS }, EVERY_MS)
  const troubles = useComputed(() => troublesOf(nodes.value, runs.value?.items ?? [], hub.value, hubTime()))
  if (!loaded.value) return <Waiting />
  if (!nodes.value.length) {
    return (
      <Empty>
        <h1>No machine has joined yet</h1>
        {hub.value?.trouble && <p class="fault" role="alert">{hub.value.trouble}</p>}
        {may("operator") ? <p><a class="button primary" href={addressOf("/enrol")}>Enrol the first one</a></p> : <p>An operator can enrol one.</p>}
      </Empty>
    )
  }
  const found = troubles.value
  return (
    <>
      <h1 class={found.length ? "headline" : "headline well"}>{found.length ? `${count(found.length, "thing needs", "things need")} a look` : "All is well"}</h1>
      <Figures active={hub.value?.runs_active ?? 0} />
      {found.length > 0 && (
        <ul class="wrong">
          {KINDS.map(({ kind, many, query }) => {
            const some = found.filter((each) => each.kind === kind)
            const rest = some.length - SHOWN
            return [
              ...some.slice(0, SHOWN).map((each) => <Line key={keyOf(each)} trouble={each} />),
              rest > 0 && (
                <li key={`${kind} more`} class="faint">
                  {kind === "run" ? <a href={addressOf("/runs")}>{many(rest)}</a> : <a href={addressOf("/fleet", {}, { q: query })}>{many(rest)}</a>}
                </li>
              ),
            ]
          })}
        </ul>
      )}
    </>
  )
}

/** The fleet in one line; each figure leads to what it counts. */
function Figures(props: { active: number }) {
  const counts = new Map<string, number>()
  for (const node of nodes.value) counts.set(node.state, (counts.get(node.state) ?? 0) + 1)
  return (
    <p class="line figures">
      <a href={addressOf("/fleet")}>{count(nodes.value.length, "node")}</a>
      {STATES.filter((state) => counts.has(state)).map((state) => (
        <a key={state} class={`state-${state}`} href={addressOf("/fleet", {}, { q: `state:${state}` })}>{number(counts.get(state) ?? 0)} {state}</a>
      ))}
      {props.active > 0 && <a href={addressOf("/runs")}>{count(props.active, "run")} under way</a>}
    </p>
  )
}

function keyOf(trouble: Trouble): string {
  return trouble.kind === "hub" ? "hub" : trouble.kind === "run" ? trouble.run.id : trouble.node.id
}

function Line(props: { trouble: Trouble }): ComponentChildren {
  const { trouble } = props
  if (trouble.kind === "hub") return <li><span class="state-silent">⚠ hub</span> <a href={addressOf("/hub")}>The hub can't store anything</a>: {trouble.text}</li>
  if (trouble.kind === "run") {
    const { run, bad, of } = trouble
    return (
      <li>
        <span class="state-silent">✕ run</span> <a href={addressOf("/runs/{run}", { run: run.id })}><code>{shortened(commandOf(run)) || run.id}</code></a>{" "}
        failed on {bad === of ? (of === 1 ? "its node" : `all ${of} nodes`) : `${bad} of ${count(of, "node")}`}, {run.created_by}, <Ago time={run.created} />
      </li>
    )
  }
  const { node } = trouble
  return (
    <li>
      <StateBadge state={node.state} /> <a href={addressOf("/nodes/{node}", { node: node.name })}>{node.name}</a>{" "}
      {trouble.kind === "conflict" ? <span class="state-silent">{node.conflict}</span> : <>last heard of <Ago time={node.last_seen} /></>}
    </li>
  )
}

function shortened(text: string): string {
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}

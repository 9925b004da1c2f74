// What is wrong first, then the fleet in one line. All well is a calm page.

import { useComputed, useSignal } from "@preact/signals"
import type { ComponentChildren } from "preact"
import type { List } from "../core/api.ts"
import { alarmSummary, newsOf } from "../core/alarms.ts"
import { loaded, nodes } from "../core/fleet.ts"
import { count, number } from "../core/format.ts"
import { visible } from "../core/harmless.ts"
import { now } from "../core/now.ts"
import { addressOf } from "../core/pages.ts"
import { usePolled, useTurns } from "../core/polled.ts"
import { type Service, wrongSteps } from "../core/services.ts"
import type { Rollout } from "../core/rollouts.ts"
import { STATES } from "../core/selector.ts"
import { may } from "../core/session.ts"
import { isSilenced } from "../core/silences.ts"
import { commandOf, hushed, type RunShort, type Trouble, troublesOf } from "../core/trouble.ts"
import type { HubStatus } from "../core/types.ts"
import { OpenAlarms } from "../ui/alarms_told.tsx"
import { Ago, StateBadge } from "../ui/badges.tsx"
import { Empty, Waiting } from "../ui/notices.tsx"
import { useTitle } from "../ui/shell.tsx"
import { Silenced, SilencesDialog } from "../ui/silences.tsx"

const EVERY_MS = 15_000
const TURN_MS = 1000
const SERVICES_TURN_MS = 2000
const RUNS = 50
const ROLLOUTS = 30
const SHOWN = 8
const HUSHED = 30

type Kind = Trouble["kind"]
/** Where the rest of a kind is listed. */
const LISTED: Partial<Record<Kind, string>> = { run: addressOf("/runs", {}, { state: "failed" }), halted: addressOf("/updates"), update: addressOf("/updates"), service: addressOf("/services") }
const KINDS: readonly { kind: Kind; many: (count: number) => string; query: string }[] = [
  { kind: "hub", many: () => "", query: "" },
  { kind: "conflict", many: (count) => `${count} more keys are used twice`, query: "" },
  { kind: "silent", many: (count) => `${count} more are silent`, query: "state:silent" },
  { kind: "service", many: (count) => `${count} more services went wrong`, query: "" },
  { kind: "halted", many: (count) => `${count} more updates are halted`, query: "" },
  { kind: "run", many: (count) => `${count} more runs failed`, query: "" },
  { kind: "update", many: (count) => `${count} more updates failed`, query: "" },
  { kind: "late", many: (count) => `${count} more are late`, query: "state:late" },
]

export function Home() {
  useTitle("")
  const hub = usePolled<HubStatus>("hub", {}, EVERY_MS)
  const turn = useTurns(["state", "rollout"], TURN_MS).value
  const runs = usePolled<List<RunShort>>("runs", { state: "failed", limit: RUNS }, EVERY_MS, turn)
  const rollouts = usePolled<List<Rollout>>("rollouts", { limit: ROLLOUTS }, EVERY_MS, turn)
  const services = usePolled<List<Service>>("services", { limit: 1000 }, EVERY_MS, useTurns(["service"], SERVICES_TURN_MS).value)
  const troubles = useComputed(() => troublesOf({ nodes: nodes.value, services: services.value?.items ?? [], runs: runs.value?.items ?? [], rollouts: rollouts.value?.items ?? [], hub: hub.value }, now.value))
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
  const silenced = new Set(nodes.value.filter((node) => isSilenced(node, now.value)).map((node) => node.id))
  const { raised, worst } = newsOf(alarmSummary.value, new Set(found.map(subjectOf)), (alarm) => silenced.has(alarm.node_id))
  return (
    <>
      <h1 class={found.length || raised ? "headline" : "headline well"}>{found.length ? `${count(found.length, "thing needs", "things need")} a look` : raised ? `${count(raised, "alarm is", "alarms are")} raised` : "All is well"}</h1>
      <Figures active={hub.value?.runs_active ?? 0} />
      <OpenAlarms worst={worst} />
      {found.length > 0 && (
        <ul class="wrong" aria-label="What is wrong">
          {KINDS.map(({ kind, many, query }) => {
            const some = found.filter((each) => each.kind === kind)
            const rest = some.length - SHOWN
            return [
              ...some.slice(0, SHOWN).map((each) => <Line key={keyOf(each)} trouble={each} />),
              rest > 0 && (
                <li key={`${kind} more`} class="faint">
                  <a href={LISTED[kind] ?? addressOf("/fleet", {}, { q: query })}>{many(rest)}</a>
                </li>
              ),
            ]
          })}
        </ul>
      )}
      <Hushed />
    </>
  )
}

/** The fleet in one line; each figure leads to what it counts. */
function Figures(props: { active: number }) {
  const looking = useSignal(false)
  const counts = new Map<string, number>()
  for (const node of nodes.value) counts.set(node.state, (counts.get(node.state) ?? 0) + 1)
  const silenced = nodes.value.filter((node) => isSilenced(node, now.value)).length
  return (
    <p class="line figures">
      <a href={addressOf("/fleet")}>{count(nodes.value.length, "node")}</a>
      {STATES.filter((state) => counts.has(state)).map((state) => (
        <a key={state} class={`state-${state}`} href={addressOf("/fleet", {}, { q: `state:${state}` })}>{number(counts.get(state) ?? 0)} {state}</a>
      ))}
      {silenced > 0 && <button type="button" class="linkish" onClick={() => { looking.value = true }}>{number(silenced)} silenced</button>}
      {props.active > 0 && <a href={addressOf("/runs")}>{count(props.active, "run")} under way</a>}
      {looking.value && <SilencesDialog close={() => { looking.value = false }} />}
    </p>
  )
}

/** What is not there and nobody is to be troubled about: said, but below, and counted as no trouble. */
function Hushed() {
  const found = hushed(nodes.value, now.value)
  if (!found.length) return null
  return (
    <details class="hushed">
      <summary>{count(found.length, "node")} not there, and silenced</summary>
      <ul class="wrong">
        {found.slice(0, HUSHED).map((node) => (
          <li key={node.id}>
            <StateBadge state={node.state} quiet /> <a href={addressOf("/nodes/{node}", { node: node.name })}>{node.name}</a> last heard of <Ago time={node.last_seen} />, <Silenced node={node} />
          </li>
        ))}
        {found.length > HUSHED && <li class="faint">and {count(found.length - HUSHED, "node")} more</li>}
      </ul>
    </details>
  )
}

function keyOf(trouble: Trouble): string {
  switch (trouble.kind) {
    case "hub": return "hub"
    case "run": return trouble.run.id
    case "service": return trouble.service.name
    case "halted": case "update": return trouble.rollout.id
    default: return trouble.node.id
  }
}

/** As an alarm of the same would name it. */
function subjectOf(trouble: Trouble): string {
  switch (trouble.kind) {
    case "hub": return "hub"
    case "run": return `run:${trouble.run.id}`
    case "service": return `service:${trouble.service.name}`
    case "halted": case "update": return `rollout:${trouble.rollout.id}`
    default: return `node:${trouble.node.id}`
  }
}

/** `its node`, `all 3 nodes`, `2 of 5 nodes`. */
function ofThem(bad: number, of: number): string {
  return bad < of ? `${number(bad)} of ${count(of, "node")}` : of === 1 ? "its node" : `all ${number(of)} nodes`
}

function Line(props: { trouble: Trouble }): ComponentChildren {
  const { trouble } = props
  if (trouble.kind === "hub") return <li><span class="state-silent">⚠ hub</span> <a href={addressOf("/hub")}>The hub can't store anything</a>: {trouble.text}</li>
  if (trouble.kind === "run") {
    const { run, bad, of } = trouble
    return (
      <li>
        <span class="state-silent">✕ run</span> <a href={addressOf("/runs/{run}", { run: run.id })}><code>{shortened(commandOf(run)) || run.id}</code></a>{" "}
        failed on {ofThem(bad, of)}, {run.created_by}, <Ago time={run.created} />
      </li>
    )
  }
  if (trouble.kind === "service") {
    const { name, cycle } = trouble.service
    return (
      <li>
        <span class="state-silent">✕ service</span> <a href={addressOf("/services/{service}", { service: name }, { cycle: String(cycle?.number ?? "") })}>{name}</a>:{" "}
        {shortened((cycle ? wrongSteps(cycle) : []).join(", "))}, <Ago time={cycle?.ended ?? cycle?.started} />
      </li>
    )
  }
  if (trouble.kind === "halted" || trouble.kind === "update") {
    const { rollout } = trouble
    const link = <a href={addressOf("/updates/{rollout}", { rollout: rollout.id })}>{rollout.package} {rollout.version}</a>
    return trouble.kind === "halted"
      ? <li><span class="state-silent">■ update</span> {link} is halted: {visible(rollout.halt_reason)}; {rollout.created_by}, <Ago time={rollout.halted} /></li>
      : <li><span class="state-silent">✕ update</span> {link} failed on {ofThem(trouble.bad, trouble.of)}, {rollout.created_by}, <Ago time={rollout.created} /></li>
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

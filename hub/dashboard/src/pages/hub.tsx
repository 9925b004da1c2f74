// The hub itself: whether it can store, who it is, how much it holds and does, and how it is set.

import { useRef } from "preact/hooks"
import type { Setting } from "../core/admin_types.ts"
import { apiUrl, ask } from "../core/api.ts"
import { bytes, clock, count, millis, number, span } from "../core/format.ts"
import { now } from "../core/now.ts"
import { addressOf } from "../core/pages.ts"
import { may } from "../core/session.ts"
import type { HubStatus, NodeState } from "../core/types.ts"
import { useAnswer } from "../ui/answer.ts"
import { StateBadge } from "../ui/badges.tsx"
import { CopyButton } from "../ui/copy.tsx"
import { ErrorBox, Waiting } from "../ui/notices.tsx"
import { type Column, Rows } from "../ui/rows.tsx"
import { useTitle } from "../ui/shell.tsx"
import "../styles/hub.css"

const REFRESH_MS = 5000

/** The store's numbers as people call them; what is not here goes by its own name. */
const STORE_NAMES: Record<string, string> = {
  file_bytes: "database", log_bytes: "its write-ahead log", records_total: "records stored", batches_total: "batches stored",
  refused_batches_total: "batches that began elsewhere", commits_total: "commits", failed_commits_total: "commits that failed",
  checkpoints_total: "checkpoints", last_group: "batches in the last commit", compacted_rows_total: "rows compacted",
}

export function Hub() {
  useTitle("Hub")
  const status = useAnswer((signal) => ask<HubStatus>("GET", "hub", { signal }), [], REFRESH_MS)
  const hub = status.value
  if (!hub) return status.fault ? <ErrorBox text={status.fault} again={status.again} /> : <Waiting />
  return (
    <>
      <h1>The hub</h1>
      {hub.trouble
        ? <p class="notice bad" role="alert"><span><strong>Nothing can be stored:</strong> {hub.trouble}. Agents keep what they have and send it when this is over.</span></p>
        : <p class="notice good"><span>It stores what comes in.</span></p>}
      <div class="cards">
        <Identity hub={hub} />
        <Doing hub={hub} />
        <Held hub={hub} />
      </div>
      {may("admin") && <Settings />}
      <p class="faint after">
        The packages that it serves stand with the <a href={addressOf("/updates")}>updates</a>, what it hears of hosts that prove nothing under <a href={addressOf("/hosts")}>unsigned heartbeats</a>. For programs: <a href={apiUrl("openapi.json").href} target="_blank">the API's description</a>, <a href={new URL("metrics", document.baseURI).href} target="_blank">the numbers for Prometheus</a>.
      </p>
    </>
  )
}

function Identity(props: { hub: HubStatus }) {
  const { hub } = props
  return (
    <section class="card" aria-label="Identity">
      <h2>Who it is</h2>
      <dl class="facts">
        <dt>Address</dt><dd>{hub.url}</dd>
        <dt>Key</dt><dd><code>{hub.fingerprint}</code> <CopyButton text={hub.fingerprint} /></dd>
        <dt>Version</dt><dd>{hub.version}</dd>
        <dt>Up for</dt><dd title={`since ${clock(millis(hub.started))}`}>{span(Math.max(0, now.value - millis(hub.started) - ahead(hub)))}</dd>
      </dl>
    </section>
  )
}

/** How far this desk's clock is ahead of the hub's, where that is more than the way takes. */
function ahead(hub: HubStatus): number {
  const seen = useRef({ told: "", at: 0 })
  if (hub.time !== null && hub.time !== seen.current.told) seen.current = { told: hub.time, at: Date.now() }
  const difference = seen.current.at - millis(hub.time)
  return Math.abs(difference) > 5000 ? difference : 0
}

function Doing(props: { hub: HubStatus }) {
  const { hub } = props
  const states = Object.entries(hub.nodes).filter(([, many]) => many > 0)
  return (
    <section class="card" aria-label="Connections">
      <h2>What it holds open</h2>
      <dl class="facts">
        <dt>Nodes</dt><dd>{states.length ? states.map(([state, many]) => <div key={state}><a href={addressOf("/fleet", {}, { q: `state:${state}` })}>{number(many)}</a> <StateBadge state={state as NodeState} /></div>) : "none"}</dd>
        <dt>Agents connected</dt><dd>{number(hub.agents)}</dd>
        <dt>Live streams</dt><dd>{number(hub.streams)}</dd>
        <dt>Runs going on</dt><dd><a href={addressOf("/runs")}>{number(hub.runs_active)}</a></dd>
      </dl>
    </section>
  )
}

function Held(props: { hub: HubStatus }) {
  return (
    <section class="card" aria-label="Store">
      <h2>What it keeps</h2>
      <dl class="facts">
        {Object.entries(props.hub.store).map(([name, value]) => (
          <><dt>{STORE_NAMES[name] ?? name.replaceAll("_", " ")}</dt><dd>{name.endsWith("bytes") ? bytes(value) : number(value)}</dd></>
        ))}
      </dl>
      <p class="faint after">Counted since it was started.</p>
    </section>
  )
}

function Settings() {
  const list = useAnswer((signal) => ask<{ items: Setting[] }>("GET", "settings", { signal }))
  const columns: Column<Setting>[] = [
    { name: "Setting", cell: (setting) => <code>{setting.name}</code> },
    { name: "Value", cell: (setting) => <span class={setting.changed ? "changed" : ""}>{shown(setting)}{setting.changed && <span class="hidden"> (changed)</span>}</span> },
    { name: "What it does", cell: (setting) => setting.about.split("`").map((text, at) => (at % 2 ? <code key={at}>{text}</code> : text)) },
  ]
  return (
    <section>
      <h2>Settings in force</h2>
      <p class="faint">They are changed in hub.toml on the hub's machine, and count from its next start. In bold: not the default ({list.value ? count(list.value.items.filter((each) => each.changed).length, "setting") : "…"}).</p>
      {list.fault && <ErrorBox text={list.fault} again={list.again} />}
      {list.value ? <Rows label="Settings" items={list.value.items} columns={columns} keyOf={(setting) => setting.name} /> : !list.fault && <Waiting />}
    </section>
  )
}

function shown(setting: Setting): string {
  const { value } = setting
  if (typeof value === "boolean") return value ? "yes" : "no"
  if (typeof value === "number") return `${number(value)} ${setting.unit}`
  return (typeof value === "string" ? value : value.join(", ")) || "none"
}

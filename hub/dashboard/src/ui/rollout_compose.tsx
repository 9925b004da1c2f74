// The form for a rollout: which nodes that is right now, to which version, and how carefully. The hub says first, node by node,
// what it would do; nothing is sent before that has been agreed to.

import { useComputed, useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import type { Release } from "../core/admin_types.ts"
import { ask } from "../core/api.ts"
import { count } from "../core/format.ts"
import { visible } from "../core/harmless.ts"
import { addressOf } from "../core/pages.ts"
import { textOf } from "../core/problems.ts"
import { EMPTY, orderOf, type RolloutForm } from "../core/rollout_form.ts"
import { type Plan, planWords, type Rollout, type RolloutNode, STATES, waveName } from "../core/rollouts.ts"
import { go } from "../core/router.ts"
import { confirmFirst } from "./dialogs.tsx"
import { meantBy, NodesField } from "./meant_nodes.tsx"
import { ErrorBox } from "./notices.tsx"
import { orderFields } from "./order_fields.tsx"
import { type Column, Rows } from "./rows.tsx"

/** Nodes that a plan lists; of more it says how many. */
const LISTED = 100

export function RolloutCompose(props: { selector: string; releases: readonly Release[]; close: () => void }) {
  const form = useSignal<RolloutForm>({ ...EMPTY, selector: props.selector })
  const meant = useComputed(() => meantBy(form.value.selector))
  const tried = useSignal(false)
  const fault = useSignal("")
  const nothing = useSignal<Plan | null>(null)
  const busy = useSignal(false)
  const box = useRef<HTMLFormElement>(null)
  useEffect(() => box.current?.querySelector<HTMLElement>("input")?.focus(), [])
  const order = useComputed(() => orderOf(form.value))
  const { set, faultOf, text } = orderFields("rollout", form, EMPTY, order.value.faults, tried.value)
  const check = (field: "older" | "haltOnError", label: string) => (
    <label class="check"><input type="checkbox" checked={form.value[field]} onChange={(event) => set({ [field]: event.currentTarget.checked })} /> {label}</label>
  )

  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    if (busy.value) return
    tried.value = true
    fault.value = ""
    nothing.value = null
    if (Object.keys(order.value.faults).length) {
      box.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus()
      return
    }
    const { body } = order.value
    busy.value = true
    try {
      const plan = await ask<Plan>("POST", "rollouts/plan", { body })
      const waiting = plan.nodes.filter((node) => node.state === "pending").length
      if (!waiting) {
        nothing.value = plan
        return
      }
      confirmFirst(`Update ${count(waiting, "node")} to ${plan.package} ${plan.version}?`, <Planned plan={plan} soak={body.soak} />, "Update", async () => {
        const rollout = await ask<Rollout>("POST", "rollouts", { body: { ...body, version: plan.version } })
        go(addressOf("/updates/{rollout}", { rollout: rollout.id }))
      })
    } catch (error) {
      fault.value = textOf(error)
    } finally {
      busy.value = false
    }
  }

  const versions = [...new Set(props.releases.filter((each) => each.package === "dvic-agent").map((each) => each.version))]
  return (
    <form ref={box} class="card run-compose" aria-label="New update" onSubmit={(event) => void submit(event)} noValidate>
      <div class="page-head"><h2>Update agents</h2><button type="button" class="plain" aria-label="Close" onClick={props.close}>✕</button></div>
      {fault.value && <ErrorBox text={fault.value} />}
      <NodesField selector={form.value.selector} change={(selector) => set({ selector })} fault={faultOf("selector")} meant={meant.value} />
      <div class="run-fields">
        <label>
          <span>To the version</span>
          <select aria-label="To the version" value={form.value.version} onChange={(event) => set({ version: event.currentTarget.value })}>
            <option value="">the newest that the hub serves</option>
            {versions.map((version) => <option key={version} value={version}>{version}</option>)}
          </select>
        </label>
        {text("canary", "Canaries: these first", "none; 2, 10%")}
        {text("soak", "Watch the canaries for", "0")}
        {text("batch", "Then at a time", "all; or 10, 25%")}
        {text("maxFailures", "Halt after more failures than", form.value.canary.trim() ? "any canary" : "never")}
        {text("queue", "Wait for nodes that are offline", "0, 10m, 7d")}
      </div>
      <div class="run-kind">
        {check("haltOnError", "halt at the first node that fails")}
        {check("older", "also where a newer version is installed")}
      </div>
      {text("reason", "Reason (in the history and the audit log)")}
      <details>
        <summary>More: how long a new agent has to reach the hub</summary>
        <div class="run-fields">{text("confirm", "Else the previous one is put back after", "3m")}</div>
      </details>
      {nothing.value && <div role="status"><p>{planWords(nothing.value, 0)}</p><PlannedNodes plan={nothing.value} /></div>}
      <footer><button type="button" onClick={props.close}>Close</button><button type="submit" class="primary" aria-disabled={busy.value}>Show what it would do ...</button></footer>
    </form>
  )
}

function Planned(props: { plan: Plan; soak: number }) {
  return (
    <>
      <p>{planWords(props.plan, props.soak)}</p>
      <PlannedNodes plan={props.plan} />
      <p class="faint">Each machine keeps the new agent only when that has reached the hub; else it puts the previous one back.</p>
    </>
  )
}

const COLUMNS: Column<RolloutNode>[] = [
  { name: "Node", cell: (node) => <bdi>{node.node}</bdi> }, { name: "From", cell: (node) => visible(node.from_version) || "-" },
  { name: "To", cell: (node) => node.to_version }, { name: "Wave", cell: (node) => waveName(node.wave) || "-" },
  { name: "What", cell: (node) => (STATES[node.state].over ? visible(node.reason) : "update") },
]

function PlannedNodes(props: { plan: Plan }) {
  const { nodes } = props.plan
  return (
    <div class="plan-box" role="group" aria-label="Plan" tabIndex={0}>
      <Rows label="Planned nodes" items={nodes.slice(0, LISTED)} columns={COLUMNS} keyOf={(node) => node.node_id} faint={(node) => STATES[node.state].over} />
      {nodes.length > LISTED && <p class="faint">and {count(nodes.length - LISTED, "node")} more</p>}
    </div>
  )
}

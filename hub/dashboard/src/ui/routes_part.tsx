// What goes to which channel: by severity, node, service and rule. An alarm goes to all that any route names for it.

import { useSignal } from "@preact/signals"
import { ask, askAll, part } from "../core/api.ts"
import { SEVERITIES, type Severity } from "../core/alarms.ts"
import { seconds, writeSeconds } from "../core/run_form.ts"
import { may } from "../core/session.ts"
import type { Route } from "../core/told.ts"
import { useAnswer } from "./answer.ts"
import { SeverityBadge } from "./alarm_parts.tsx"
import { confirmFirst, Dialog, say } from "./dialogs.tsx"
import { Choice, fieldOf, Form } from "./forms.tsx"
import { ErrorBox, Waiting } from "./notices.tsx"
import { type Column, Rows } from "./rows.tsx"

export function RoutesPart(props: { channels: readonly string[] }) {
  const list = useAnswer((signal) => askAll<Route>("routes", {}, signal))
  const open = useSignal<Route | "new" | null>(null)
  const remove = (route: Route) => confirmFirst(`Remove the route ${route.name}?`, "What it alone sent is no longer sent.", "Remove", async () => {
    await ask("DELETE", `routes/${part(route.name)}`)
    list.again()
    say(`${route.name} is removed`)
  }, true)
  const columns: Column<Route>[] = [
    { name: "Route", cell: (route) => route.name },
    { name: "Severity", cell: (route) => <><SeverityBadge severity={route.severity} />{route.severity !== "critical" && " and worse"}</> },
    { name: "Of", cell: (route) => <Meant route={route} /> },
    { name: "To", cell: (route) => route.channels.join(", ") || "all channels that are on" },
    { name: "Repeated", cell: (route) => <>{route.repeat ? `every ${writeSeconds(route.repeat)} until acknowledged` : "no"}{!route.recovery && ", no word of recovery"}</> },
    { name: "On", cell: (route) => route.on ? "yes" : "no" },
    { name: "Actions", actions: true, cell: (route) => may("admin") && (
      <>
        <button type="button" aria-label={`Change route ${route.name}`} onClick={() => { open.value = route }}>Change</button>
        <button type="button" aria-label={`Remove route ${route.name}`} onClick={() => remove(route)}>Remove</button>
      </>
    ) },
  ]
  return (
    <section aria-label="Routes">
      <div class="head section">
        <h2>Routes</h2>
        {may("admin") && <button type="button" onClick={() => { open.value = "new" }}>Add a route</button>}
      </div>
      {list.fault && <ErrorBox text={list.fault} again={list.again} />}
      {list.value ? <Rows label="Routes" items={list.value} columns={columns} keyOf={(route) => route.name} faint={(route) => !route.on} /> : !list.fault && <Waiting />}
      {open.value && <RouteDialog route={open.value === "new" ? null : open.value} channels={props.channels} close={() => { open.value = null }} done={() => { open.value = null; list.again() }} />}
    </section>
  )
}

function Meant(props: { route: Route }) {
  const { selector, services, rules } = props.route
  const parts = [selector !== "all" && `nodes ${selector}`, services.length > 0 && `services ${services.join(", ")}`, rules.length > 0 && `rules ${rules.join(", ")}`]
  return <>{parts.filter((each) => each).join("; ") || "everything"}</>
}

function RouteDialog(props: { route: Route | null; channels: readonly string[]; close: () => void; done: () => void }) {
  const { route } = props
  const words = (text: string) => text.split(/[\s,]+/).filter((each) => each)
  const submit = async (given: FormData) => {
    const name = route?.name ?? fieldOf(given, "name")
    const repeat = seconds(fieldOf(given, "repeat") || "0")
    if (Number.isNaN(repeat)) throw new Error("Repeated every: must be a time such as 30m, 4h, 1d, or 0 for never")
    await ask("PUT", `routes/${part(name)}`, { body: {
      severity: fieldOf(given, "severity"), selector: fieldOf(given, "selector") || "all", services: words(fieldOf(given, "services")), rules: words(fieldOf(given, "rules")),
      channels: given.getAll("channels").map(String), repeat, recovery: given.get("recovery") !== null, on: given.get("on") !== null,
    } })
    say(`${name} is ${route ? "changed" : "added"}`)
    props.done()
  }
  return (
    <Dialog title={route ? `Change route ${route.name}` : "Add a route"} close={props.close}>
      <Form submit={route ? "Change" : "Add"} action={submit} class="fields upright">
        {!route && <label>Name <input name="name" required maxLength={64} autoComplete="off" spellcheck={false} /></label>}
        <Choice<Severity> name="severity" label="This severity and worse" value={route?.severity ?? "warning"} options={SEVERITIES.map((value) => ({ value, name: value }))} />
        <label>Of nodes <input name="selector" defaultValue={route?.selector ?? "all"} autoComplete="off" spellcheck={false} /></label>
        <label>Of services <input name="services" defaultValue={route?.services.join(", ")} placeholder="any" autoComplete="off" spellcheck={false} /></label>
        <label>Of rules <input name="rules" defaultValue={route?.rules.join(", ")} placeholder="any" autoComplete="off" spellcheck={false} /></label>
        {props.channels.length > 0 && (
          <fieldset>
            <legend>To these channels; none: to all that are on</legend>
            {props.channels.map((each) => <label key={each}><input type="checkbox" name="channels" value={each} defaultChecked={route?.channels.includes(each) ?? false} /> {each}</label>)}
          </fieldset>
        )}
        <label>Repeated every <input name="repeat" defaultValue={route?.repeat ? writeSeconds(route.repeat) : ""} placeholder="never" autoComplete="off" /></label>
        <label><input type="checkbox" name="recovery" defaultChecked={route?.recovery ?? true} /> tell of the recovery, too</label>
        <label><input type="checkbox" name="on" defaultChecked={route?.on ?? true} /> on</label>
      </Form>
    </Dialog>
  )
}

// What can be set of a service: on and off, the level its programs log at, and whether messages about it go out; the same of
// each component.

import { useSignal } from "@preact/signals"
import { textOf } from "../core/problems.ts"
import { type Service, setLevel, switchService } from "../core/services.ts"
import { may } from "../core/session.ts"
import { LEVELS } from "../core/types.ts"

export function ServiceControls(props: { service: Service; took: (service: Service) => void }) {
  const { service } = props
  const fault = useSignal("")
  const busy = useSignal(false)
  const change = async (action: () => Promise<Service>) => {
    if (busy.value) return
    busy.value = true
    fault.value = ""
    try {
      props.took(await action())
    } catch (error) {
      fault.value = textOf(error)
    } finally {
      busy.value = false
    }
  }
  const free = may("operator")
  const level = (component: string) => (
    <label><span class="hidden">Level of {component || service.name}</span>
      <select disabled={!free} value={service.levels[component] ?? ""} onChange={(event) => { const wanted = event.currentTarget.value; void change(() => setLevel(service.name, component, wanted)) }}>
        <option value="">every level</option>
        {LEVELS.map((each) => <option key={each} value={each}>{each} and worse</option>)}
      </select>
    </label>
  )
  const rows = service.description?.components ?? []
  return (
    <div class="sv-controls">
      {fault.value && <p class="fault" role="alert">{fault.value}</p>}
      <div class="sv-control">
        <Switch name="The whole service" on={service.on} free={free} set={(on) => change(() => switchService(service.name, { on }))} />
        {level("")}
      </div>
      {(["email", "telegram"] as const).map((way) => {
        const on = service[way]
        return on !== undefined && <div key={way} class="sv-control"><Switch name={way === "email" ? "E-mail about it" : "Telegram about it"} on={on} free={free} set={(to) => change(() => switchService(service.name, { [way]: to }))} /></div>
      })}
      {rows.map((component) => (
        <div key={component.name} class="sv-control">
          <Switch name={component.name} on={!service.off.includes(component.name)} free={free} set={(on) => change(() => switchService(service.name, { components: { [component.name]: on } }))} />
          {level(component.name)}
        </div>
      ))}
    </div>
  )
}

function Switch(props: { name: string; on: boolean; free: boolean; set: (on: boolean) => void }) {
  return (
    <label class="check sv-switch">
      <input type="checkbox" role="switch" checked={props.on} disabled={!props.free} onChange={(event) => {
        const wanted = event.currentTarget.checked
        event.currentTarget.checked = props.on  // it moves when the hub has taken it
        props.set(wanted)
      }} />
      <bdi>{props.name}</bdi> <span class="faint">{props.on ? "on" : "off"}</span>
    </label>
  )
}

// A service's description as text, JSON or YAML: to make one, or to change what it is made of while it runs. What the hub
// refuses stands beside the text, which stays.

import { useSignal } from "@preact/signals"
import { useRef } from "preact/hooks"
import { Problem, textOf } from "../core/problems.ts"
import { createService, describeService, type Service } from "../core/services.ts"
import { Dialog } from "./dialogs.tsx"

const EXAMPLE = `name: meteor
title: Meteor-M 2, as received in the yard
components:
  - {name: connect, expected: 120}
  - name: decode
    sources: [msu-mr, mtvza]
  - {name: images, after: [decode]}
`

/** Without a `service` a new one is made. */
export function ServiceDialog(props: { service?: Service; close: () => void; done: (service: Service) => void }) {
  const { service } = props
  const text = useSignal(service?.description ? JSON.stringify(service.description, null, 2) : EXAMPLE)
  const fault = useSignal("")
  const busy = useSignal(false)
  const field = useRef<HTMLTextAreaElement>(null)
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    if (busy.value) return
    busy.value = true
    try {
      props.done(await (service ? describeService(service.name, text.value) : createService(text.value)))
    } catch (error) {
      fault.value = error instanceof Problem && error.field ? `${error.field}: ${textOf(error)}` : textOf(error)
      busy.value = false
      field.current?.focus()
    }
  }
  return (
    <Dialog title={service ? `Change ${service.name}` : "A new service"} close={props.close} wide>
      <form onSubmit={submit}>
        <p class="faint">{service ? "Cycles that ended stay as they were; those under way follow. The name stays." : "What a cycle is made of: its components in order, as JSON or YAML."}</p>
        <label>Description
          <textarea ref={field} class="sv-text" rows={18} spellcheck={false} value={text.value} aria-invalid={fault.value !== ""} aria-describedby="service-fault"
            onInput={(event) => { text.value = event.currentTarget.value }} />
        </label>
        <p id="service-fault" class="fault" role="alert">{fault.value}</p>
        <footer>
          <button type="button" onClick={props.close}>Cancel</button>
          <button type="submit" class="primary" aria-disabled={busy.value}>{service ? "Change it" : "Make it"}</button>
        </footer>
      </form>
    </Dialog>
  )
}

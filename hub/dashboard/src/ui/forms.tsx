// Forms: fields by name, what is wrong said beside the button, and a secret that is shown once.

import { useSignal } from "@preact/signals"
import type { ComponentChildren } from "preact"
import { textOf } from "../core/problems.ts"
import "../styles/forms.css"
import { CopyLine } from "./copy.tsx"
import { Dialog } from "./dialogs.tsx"

/** What stands in a form's field; "" where there is none. */
export function fieldOf(form: FormData, name: string): string {
  const value = form.get(name)
  return typeof value === "string" ? value.trim() : ""
}

/** A password as it was typed, spaces too. */
export function secretOf(form: FormData, name: string): string {
  const value = form.get(name)
  return typeof value === "string" ? value : ""
}

/** A form whose `action` gets its fields; what that throws is shown, and nothing is lost of what was typed. */
export function Form(props: { action: (given: FormData, form: HTMLFormElement) => Promise<void>; submit: string; class?: string; children: ComponentChildren }) {
  const busy = useSignal(false)
  const fault = useSignal("")
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    if (busy.value) return
    const form = event.currentTarget as HTMLFormElement
    busy.value = true
    fault.value = ""
    try {
      await props.action(new FormData(form), form)
    } catch (error) {
      fault.value = textOf(error)
    } finally {
      busy.value = false
    }
  }
  return (
    <form class={props.class ?? "fields"} onSubmit={submit}>
      {props.children}
      <div class="submit">
        <button type="submit" class="primary" aria-disabled={busy.value}>{props.submit}</button>
        {fault.value && <p class="fault" role="alert">{fault.value}</p>}
      </div>
    </form>
  )
}

/** One of few. */
export function Choice<T extends string | number>(props: { name: string; label: string; value: T; options: readonly { value: T; name: string }[] }) {
  return (
    <label>{props.label}
      <select name={props.name}>
        {props.options.map((each) => <option key={each.value} value={each.value} selected={each.value === props.value}>{each.name}</option>)}
      </select>
    </label>
  )
}

/** A secret that the hub tells this once. */
export function ShownOnce(props: { title: string; secret: string; close: () => void; children: ComponentChildren }) {
  return (
    <Dialog title={props.title} close={props.close}>
      <p>{props.children}</p>
      <CopyLine text={props.secret} />
      <p class="faint after">It is shown this once: the hub keeps nothing from which it could be told again.</p>
      <footer><button type="button" class="primary" onClick={props.close}>Done</button></footer>
    </Dialog>
  )
}

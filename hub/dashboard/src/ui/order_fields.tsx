// The fields of an order that is filled in: each with its name, and with what is wrong with it beside it.

import type { Signal } from "@preact/signals"
import type { ComponentChildren } from "preact"

type Faults<F> = Partial<Record<keyof F, string>>

/** Makers of fields for a form that is kept in a signal. What is wrong is said of a field that differs from `empty`, and of all
 * once sending it was tried. `prefix` tells this form's fields from another's. */
export function orderFields<F extends object>(prefix: string, form: Signal<F>, empty: F, faults: Faults<F>, tried: boolean) {
  type Field = keyof F & string
  const set = (change: Partial<F>) => { form.value = { ...form.value, ...change } }
  const faultOf = (field: Field) => (tried || form.value[field] !== empty[field] ? faults[field] : undefined)
  const about = (field: Field, label: string) => ({
    "aria-label": label, "aria-invalid": !!faultOf(field), "aria-describedby": `${prefix}-${field}`, value: String(form.value[field]), spellcheck: false,
    onInput: (event: { currentTarget: { value: string } }) => set({ [field]: event.currentTarget.value } as Partial<F>),
  })
  const text = (field: Field, label: string, hint = "") => (
    <Labelled label={label} id={`${prefix}-${field}`} fault={faultOf(field)}>
      <input {...about(field, label)} placeholder={hint} autoComplete="off" />
    </Labelled>
  )
  const area = (field: Field, label: string, rows: number, hint = "") => (
    <Labelled label={label} id={`${prefix}-${field}`} fault={faultOf(field)}>
      <textarea {...about(field, label)} rows={rows} placeholder={hint} />
    </Labelled>
  )
  return { set, faultOf, text, area }
}

export function Labelled(props: { label: string; id: string; fault: string | undefined; children: ComponentChildren }) {
  return <label><span>{props.label}</span>{props.children}<span class="fault" id={props.id}>{props.fault}</span></label>
}

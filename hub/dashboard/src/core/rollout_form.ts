// An order to roll an update out, as a person fills it in and as the hub is told. Pure.

import { seconds } from "./run_form.ts"

export type RolloutForm = {
  selector: string
  /** "": the newest that the hub serves. */
  version: string
  older: boolean
  canary: string
  soak: string
  batch: string
  maxFailures: string
  haltOnError: boolean
  queue: string
  confirm: string
  reason: string
}

export const EMPTY: RolloutForm = {
  selector: "", version: "", older: false, canary: "1", soak: "1m", batch: "25%", maxFailures: "", haltOnError: false, queue: "0", confirm: "3m", reason: "",
}

export type RolloutOrder = { body: Record<string, unknown> & { soak: number }; faults: Partial<Record<keyof RolloutForm, string>> }

const PART = /^[1-9]\d{0,5}%?$/

/** What is sent to the hub, and what is wrong with it by field. */
export function orderOf(form: RolloutForm): RolloutOrder {
  const faults: RolloutOrder["faults"] = {}
  if (!form.selector.trim()) faults.selector = "say which nodes"
  for (const field of ["canary", "batch"] as const) {
    if (form[field].trim() && !PART.test(form[field].trim())) faults[field] = "must be a number of nodes, or percent: 2, 10%"
  }
  const time = (field: "soak" | "queue" | "confirm") => {
    const value = seconds(form[field].trim() || "0")
    if (!Number.isInteger(value)) faults[field] = "must be a time such as 90s, 5m, 1d"
    return value
  }
  const failures = form.maxFailures.trim() ? Number(form.maxFailures) : -1
  if (!Number.isInteger(failures) || failures < -1 || (form.maxFailures.trim() && failures < 0)) faults.maxFailures = "must be a whole number"
  const body = {
    selector: form.selector.trim(), version: form.version, older: form.older, canary: form.canary.trim(), batch: form.batch.trim(),
    max_failures: failures, halt_on_error: form.haltOnError, soak: time("soak"), queue: time("queue"), confirm: time("confirm"),
    reason: form.reason.trim(),
  }
  return { body, faults }
}

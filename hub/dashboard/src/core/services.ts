// Monitoring services as the hub answers them, and what is asked of it for them.

import type { Cycle, Description, StepState } from "../embed/steps.ts"
import { ask, part } from "./api.ts"
import type { Level } from "./types.ts"

export type { Cycle, Description, Step, StepState } from "../embed/steps.ts"

/** `recent`: the results of the newest cycles, newest first. `email`, `telegram`: whether messages about it go that way; not there
 * where the hub has no such ways. `description` only where one service is asked for. */
export type Service = {
  name: string
  title: string
  on: boolean
  off: string[]
  levels: Record<string, Level>
  state: StepState
  cycle: Cycle | null
  recent: { number: number; state: StepState }[]
  due: string | null
  counted: Record<string, number>
  created: string | null
  created_by: string
  changed: string | null
  email?: boolean
  telegram?: boolean
  description?: WholeDescription
}

/** As people wrote it, save what stands for itself. */
export type WholeDescription = Description & { nodes?: string; rules?: unknown[]; schedule?: Record<string, unknown>; [more: string]: unknown }

/** A service whose newest cycle went or goes wrong. */
export function isTrouble(service: Pick<Service, "on" | "cycle">): boolean {
  return service.on && (service.cycle?.state === "error" || service.cycle?.state === "overdue")
}

/** Steps that have ended, and all that are to. */
export function progress(cycle: Pick<Cycle, "steps">): { done: number; of: number } {
  const counted = cycle.steps.filter((step) => step.state !== "off")
  return { done: counted.filter((step) => ["ok", "warning", "error", "skipped"].includes(step.state)).length, of: counted.length }
}

/** The steps that went wrong, by name. */
export function wrongSteps(cycle: Pick<Cycle, "steps">): string[] {
  return cycle.steps.filter((step) => step.state === "error" || step.state === "overdue").map((step) => `${step.component}${step.source ? `/${step.source}` : ""} is ${step.state === "error" ? "in error" : "overdue"}`)
}

const path = (name: string) => `services/${part(name)}`

export const createService = (text: string) => ask<Service>("POST", "services", { text })
export const describeService = (name: string, text: string) => ask<Service>("PUT", path(name), { text })
export const removeService = (name: string) => ask("DELETE", path(name))
export const switchService = (name: string, body: { on?: boolean; components?: Record<string, boolean>; email?: boolean; telegram?: boolean }) =>
  ask<Service>("PATCH", path(name), { body })
export const setLevel = (name: string, component: string, level: string) => ask<Service>("PUT", `${path(name)}/level`, { body: { component, level } })

// Services, cycles and steps as the hub tells them, and what its live events do to them. Pure; shared by the page, the page for
// other sites, and dvic-live.js, so nothing here comes from elsewhere.

export const STATES = ["idle", "waiting", "running", "ok", "warning", "error", "overdue", "skipped", "off"] as const
export type StepState = (typeof STATES)[number]

/** Each state by a sign too: colour is never the only one. */
export const SIGNS: Record<StepState, string> = {
  idle: "·", waiting: "○", running: "▶", ok: "✓", warning: "!", error: "✕", overdue: "⧗", skipped: "»", off: "–",
}

/** `after` is not there where a component follows the one before it. */
export type Component = { name: string; title?: string; after?: string[] | null; sources?: string[]; repeat?: boolean }
export type Description = { name: string; title?: string; components: Component[] }

/** Times are RFC 3339 texts, null for never; `place`: of the log record of its newest message, "" where none has it. */
export type Step = {
  component: string; source: string; state: StepState
  worst: string; trouble: string; trouble_time: string | null; trouble_place: string
  started: string | null; ended: string | null; seconds: number | null
  tries: number; events: number; message: string; level: string; time: string | null; node: string; place: string
}
export type Cycle = {
  number: number; name: string; state: StepState
  started: string | null; ended: string | null; seconds: number | null; late: number; steps: Step[]
}

/** A live event of the kind `service`: a step ("" component: the cycle itself) came to a state. `time`: microseconds. */
export type Change = { cycle: number; component: string; source: string; state: StepState; time: number; message: string }

const ENDED: readonly StepState[] = ["ok", "warning", "error", "skipped", "off"]
const RESULTS: readonly StepState[] = ["ok", "warning", "error", "overdue", "skipped"]

/** The change that an event tells, null where it tells none. */
export function changeOf(event: Record<string, unknown>): Change | null {
  const { cycle, component, source, state, time, message } = event
  const known = STATES.find((each) => each === state)
  if (typeof cycle !== "number" || typeof component !== "string" || typeof source !== "string" || typeof time !== "number" || !known) return null
  return { cycle, component, source, state: known, time, message: typeof message === "string" ? message : "" }
}

/** A cycle of which only its number is known yet: all its steps idle. */
export function freshCycle(number: number, description: Description): Cycle {
  const steps = description.components.flatMap((each) => (each.sources?.length ? each.sources : [""]).map((source) => emptyStep(each.name, source)))
  return { number, name: "", state: "running", started: null, ended: null, seconds: null, late: 0, steps }
}

function emptyStep(component: string, source: string): Step {
  return {
    component, source, state: "idle", worst: "", trouble: "", trouble_time: null, trouble_place: "", started: null, ended: null, seconds: null,
    tries: 0, events: 0, message: "", level: "", time: null, node: "", place: "",
  }
}

/** The cycle after a change. What the change does not tell (who said it, where its record is) is asked for afterwards. */
export function changed(cycle: Cycle, change: Change): Cycle {
  const time = new Date(change.time / 1000).toISOString()
  if (!change.component) {
    const over = RESULTS.includes(change.state)
    return { ...cycle, state: change.state, started: cycle.started ?? time, ended: over ? time : null }
  }
  const steps = [...cycle.steps]
  let at = steps.findIndex((step) => step.component === change.component && step.source === change.source)
  // one that stood for whichever source would come
  if (at < 0) at = steps.findIndex((step) => step.component === change.component && !step.source && !step.events)
  if (at < 0) at = steps.findLastIndex((step) => step.component === change.component) + 1 || steps.length
  const there = steps[at]
  const fits = there?.component === change.component && (there.source === change.source || (!there.source && !there.events))
  const before = fits ? there : emptyStep(change.component, change.source)
  steps.splice(at, fits ? 1 : 0, movedStep(before, change, time))
  const states = steps.map((step) => step.state)
  const state = cycle.ended ? cycle.state : states.includes("error") ? "error" : states.includes("overdue") ? "overdue" : "running"
  return { ...cycle, state, steps }
}

function movedStep(before: Step, change: Change, time: string): Step {
  const step = { ...before, source: change.source, state: change.state, ...(change.message ? { message: change.message } : {}) }
  if (before.state === change.state) return step
  if (change.state === "running") return { ...step, started: time, ended: null, events: step.events + 1 }
  if (ENDED.includes(change.state) && step.started) return { ...step, ended: time }
  return step
}

/** Milliseconds that something has taken, or has so far; null where it has not begun. */
export function took(what: { started: string | null; ended: string | null; state: StepState }, now: number): number | null {
  if (!what.started) return null
  const going = what.state === "running" || what.state === "overdue"
  const end = what.ended ? Date.parse(what.ended) : going ? now : 0
  return end ? Math.max(0, end - Date.parse(what.started)) : null
}

/** `850 ms`, `3.2 s`, `12 s`, `4:05`, `2:04:05`: short, and of one width while it counts. */
export function shortSpan(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`
  const seconds = Math.floor(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  const two = (value: number) => String(value).padStart(2, "0")
  const minutes = Math.floor(seconds / 60)
  return minutes < 60 ? `${minutes}:${two(seconds % 60)}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`
}

/** A step by its name: `decode`, `decode/mtvza`. */
export function stepName(step: { component: string; source: string }): string {
  return step.source ? `${step.component}/${step.source}` : step.component
}

// Pieces of monitoring services: a state, a strip of results, a row of steps, and the diagram.

import { useEffect, useRef } from "preact/hooks"
import { type Options, Diagram } from "../embed/diagram.ts"
import { shortSpan, SIGNS, stepName, took } from "../embed/steps.ts"
import { clock, millis } from "../core/format.ts"
import { now } from "../core/now.ts"
import { addressOf } from "../core/pages.ts"
import type { Cycle, Description, Service, Step, StepState } from "../core/services.ts"
import "../styles/services.css"

/** Results that a strip shows. */
const STRIP = 20

export function StepBadge(props: { state: StepState }) {
  return <span class={`badge sv-${props.state}`}><span aria-hidden="true">{SIGNS[props.state]}</span> {props.state}</span>
}

/** The newest cycles by their results, the newest at the right; each leads to its cycle. */
export function Strip(props: { service: Pick<Service, "name" | "recent"> }) {
  const { name, recent } = props.service
  if (!recent.length) return <span class="faint">no cycle yet</span>
  return (
    <span class="sv-strip">
      {recent.slice(0, STRIP).reverse().map(({ number, state }) => (
        <a key={number} class={`sv-chip sv-${state}`} title={`cycle ${number}: ${state}`} aria-label={`cycle ${number}: ${state}`}
          href={addressOf("/services/{service}", { service: name }, { cycle: String(number) })}>{SIGNS[state]}</a>
      ))}
    </span>
  )
}

/** How long a cycle took, or has so far. */
export function CycleSpan(props: { cycle: Cycle }) {
  const { cycle } = props
  if (!cycle.started) return <span class="faint">not begun</span>
  const end = cycle.ended ? millis(cycle.ended) : now.value
  return <span class="sv-span" title={`${clock(millis(cycle.started))}${cycle.ended ? ` to ${clock(millis(cycle.ended))}` : ""}`}>{shortSpan(Math.max(0, end - millis(cycle.started)))}</span>
}

/** The steps of a cycle in order, each a button with its sign and how long it took. */
export function StepChips(props: { cycle: Cycle; open: (step: Step) => void }) {
  return (
    <span class="sv-steps">
      {props.cycle.steps.map((step) => {
        const name = stepName(step)
        const ms = took(step, now.value)
        const about = `${name}: ${step.state}${ms === null ? "" : `, ${shortSpan(ms)}`}`
        return (
          <button key={name} type="button" class={`sv-chip sv-${step.state}`} title={about} aria-label={about} onClick={() => props.open(step)}>
            <span aria-hidden="true">{SIGNS[step.state]}{ms !== null && ` ${shortSpan(ms)}`}</span>
          </button>
        )
      })}
    </span>
  )
}

export function StepDiagram(props: { description: Description; cycle: Cycle | null; open: Options["onStep"] }) {
  const place = useRef<HTMLDivElement>(null)
  const drawn = useRef<Diagram | null>(null)
  const open = useRef(props.open)
  open.current = props.open
  useEffect(() => {
    if (!place.current) return
    const diagram = new Diagram(place.current, { onStep: (component, source) => open.current?.(component, source) })
    drawn.current = diagram
    return () => diagram.close()
  }, [])
  const time = now.value
  useEffect(() => drawn.current?.show(props.description, props.cycle, time), [props.description, props.cycle, time])
  return <div class="sv-diagram" ref={place} />
}

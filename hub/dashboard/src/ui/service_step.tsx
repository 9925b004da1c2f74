// One step of a cycle: how it went, and what its programs wrote before and after its newest message.

import { useSignal } from "@preact/signals"
import { shortSpan, stepName, took } from "../embed/steps.ts"
import { clock, millis } from "../core/format.ts"
import { visible } from "../core/harmless.ts"
import { now } from "../core/now.ts"
import { addressOf } from "../core/pages.ts"
import type { Step } from "../core/services.ts"
import { Dialog } from "./dialogs.tsx"
import { Around, type LineName, LogDialog } from "./log_dialog.tsx"
import { StepBadge } from "./service_parts.tsx"

export function StepDialog(props: { service: string; cycle: number; step: Step; close: () => void }) {
  const { step } = props
  const line = useSignal<LineName | null>(null)
  const ms = took(step, now.value)
  const facts: [string, string][] = [
    ["began", step.started ? clock(millis(step.started), true) : ""], ["ended", step.ended ? clock(millis(step.ended), true) : ""],
    ["tries", step.tries > 1 ? String(step.tries) : ""], ["events", String(step.events)],
    ["newest message", step.message], ["what went wrong", step.trouble === step.message ? "" : step.trouble],
  ]
  const at = (time: string | null, place: string): LineName | null => (time && place && step.node ? { node: step.node, time, place } : null)
  const newest = at(step.time, step.place)
  const trouble = at(step.trouble_time, step.trouble_place)
  if (line.value) return <LogDialog name={line.value} close={() => { line.value = null }} go={(name) => { line.value = name }} />
  return (
    <Dialog title={`${stepName(step)}, cycle ${props.cycle}`} close={props.close} wide>
      <p class="line-head">
        <StepBadge state={step.state} />{ms !== null && ` ${shortSpan(ms)}`}
        {step.node && <> on <a href={addressOf("/nodes/{node}", { node: step.node })}><bdi>{step.node}</bdi></a></>}
      </p>
      <dl class="line-facts">
        {facts.filter(([, value]) => value).map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{visible(value)}</dd></div>)}
      </dl>
      {newest && (
        <p class="line-tools">
          <button type="button" onClick={() => { line.value = newest }}>The newest line whole</button>
          {trouble && trouble.place !== newest.place && <button type="button" onClick={() => { line.value = trouble }}>The line that went wrong</button>}
        </p>
      )}
      {newest ? <Around name={newest} source="" go={(name) => { line.value = name }} /> : <p class="faint">{reason(step)}</p>}
    </Dialog>
  )
}

function reason(step: Step): string {
  if (!step.events) return "No program has said anything of this step yet."
  return "What is known of it came by HTTP (POST to the service's events), and no log line with it."
}

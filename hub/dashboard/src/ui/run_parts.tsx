// Small pieces of meaning about runs: the state of a node in one, how all of them stand.

import { number } from "../core/format.ts"
import { countsOf, type Run, type RunState, STATES } from "../core/runs.ts"
import "../styles/runs.css"

export function RunBadge(props: { state: RunState }) {
  const { sign, tone, says } = STATES[props.state]
  return <span class={`badge tone-${tone}`} title={says}><span aria-hidden="true">{sign}</span> {props.state}</span>
}

export function RunCounts(props: { run: Pick<Run, "counts"> }) {
  return (
    <span class="run-counts">
      {countsOf(props.run).map(([state, count]) => (
        <span key={state} class={`tone-${STATES[state].tone}`} title={STATES[state].says}><span aria-hidden="true">{STATES[state].sign}</span> {number(count)} {state}</span>
      ))}
    </span>
  )
}

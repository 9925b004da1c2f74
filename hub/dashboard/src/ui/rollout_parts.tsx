// Small pieces of meaning about rollouts: how one stands, the state of a node in it, how all of them stand.

import { number } from "../core/format.ts"
import { type Counts, countsOf, type Rollout, ROLLOUT_STATES, STATES, type UpdateState } from "../core/rollouts.ts"
import "../styles/runs.css"

export function RolloutBadge(props: { rollout: Pick<Rollout, "state"> }) {
  const { sign, tone } = ROLLOUT_STATES[props.rollout.state]
  return <span class={`badge tone-${tone}`}><span aria-hidden="true">{sign}</span> {props.rollout.state}</span>
}

export function UpdateBadge(props: { state: UpdateState }) {
  const { sign, tone, says } = STATES[props.state]
  return <span class={`badge tone-${tone}`} title={says}><span aria-hidden="true">{sign}</span> {props.state}</span>
}

export function UpdateCounts(props: { counts: Counts }) {
  return (
    <span class="run-counts">
      {countsOf(props.counts).map(([state, some]) => (
        <span key={state} class={`tone-${STATES[state].tone}`} title={STATES[state].says}><span aria-hidden="true">{STATES[state].sign}</span> {number(some)} {state}</span>
      ))}
    </span>
  )
}

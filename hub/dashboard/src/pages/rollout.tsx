// One rollout: how it stands and why, how far each wave is, and every node as it moves. The address holds which nodes are
// listed (state, from), so that it can be sent to a colleague.

import { useSignal } from "@preact/signals"
import { useEffect, useMemo } from "preact/hooks"
import { ask, part } from "../core/api.ts"
import { ago, clock, count, millis, number, span } from "../core/format.ts"
import { visible } from "../core/harmless.ts"
import { now } from "../core/now.ts"
import { addressOf } from "../core/pages.ts"
import { textOf } from "../core/problems.ts"
import { RolloutFeed } from "../core/rollout_feed.ts"
import { byInterest, CANARY, countsOf, haltsWhen, isState, type Rollout, type RolloutNode, STATES, sums, took, watchedUntil, waveName, wavesOf } from "../core/rollouts.ts"
import { keepInAddress, place } from "../core/router.ts"
import { batchText } from "../core/runs.ts"
import { may } from "../core/session.ts"
import { Ago } from "../ui/badges.tsx"
import { confirmFirst, say } from "../ui/dialogs.tsx"
import { Empty, ErrorBox, Waiting } from "../ui/notices.tsx"
import { RolloutBadge, UpdateBadge } from "../ui/rollout_parts.tsx"
import { type Column, Rows } from "../ui/rows.tsx"
import { useTitle } from "../ui/shell.tsx"
import "../styles/updates.css"

/** Nodes on one page of the table, and waves that are named one by one. */
const LISTED = 100
const WAVES = 12

export function RolloutPage(props: { params: Record<string, string> }) {
  const id = props.params["rollout"] ?? ""
  const feed = useMemo(() => new RolloutFeed(id), [id])
  useEffect(() => {
    feed.start()
    return () => feed.close()
  }, [feed])
  const rollout = feed.rollout.value
  useTitle(rollout ? `${rollout.version} · Update` : "Update")
  if (!rollout) {
    return feed.fault.value ? <><h1>Update</h1><ErrorBox text={feed.fault.value} again={() => void feed.load()} /></> : <Waiting />
  }
  return (
    <>
      {feed.fault.value && <ErrorBox text={feed.fault.value} again={() => void feed.load()} />}
      <Head rollout={rollout} feed={feed} />
      <Waves rollout={rollout} />
      <Nodes rollout={rollout} />
    </>
  )
}

function Head(props: { rollout: Rollout; feed: RolloutFeed }) {
  const { rollout } = props
  const created = millis(rollout.created)
  const { over, all } = sums(rollout.counts)
  return (
    <header class="run-head">
      <div class="page-head"><h1>{rollout.package} {rollout.version}</h1><RolloutBadge rollout={rollout} /></div>
      <p class="line">
        <bdi>{rollout.created_by}</bdi> began it <Ago time={rollout.created} /> on <code>{rollout.selector}</code> ({count(all, "node")})
        {rollout.ended ? `, over after ${span(Math.max(0, millis(rollout.ended) - created))}` : `, for ${span(Math.max(0, now.value - created))} now`}
        {rollout.reason && <>: <q>{visible(rollout.reason)}</q></>}
      </p>
      {rollout.state === "halted" && (
        <div class="notice bad" role="alert">
          <span><strong>Halted</strong> <Ago time={rollout.halted} />: {visible(rollout.halt_reason)}. What is under way goes on; nothing further is started.</span>
        </div>
      )}
      <Actions rollout={rollout} feed={props.feed} />
      <progress class="rollout-progress" max={all || 1} value={over} aria-label="Nodes that are done">{over} of {all}</progress>
      <p class="line" role="status">{number(over)} of {count(all, "node")} done</p>
      <details>
        <summary>How carefully</summary>
        <dl class="run-facts">{facts(rollout).map(([name, text]) => <div key={name}><dt>{name}</dt><dd>{text}</dd></div>)}</dl>
      </details>
    </header>
  )
}

function facts(rollout: Rollout): [string, string][] {
  const all: [string, string][] = [
    ["id", rollout.id], ["canaries", rollout.canary ? `${rollout.canary}, watched for ${span(rollout.soak * 1000)}` : "none"],
    ["batch", rollout.batch ? batchText(rollout.batch) : "all at once"], ["halts by itself", haltsWhen(rollout)],
    ["goes back", `where the new agent has not reached the hub within ${span(rollout.confirm * 1000)}`],
    ["offline nodes", millis(rollout.queue_until) > millis(rollout.created) ? `waited for until ${clock(millis(rollout.queue_until))}` : "not waited for"],
    ["newer agents", rollout.older ? "replaced, too" : "left as they are"], ["ended", rollout.ended ? clock(millis(rollout.ended)) : ""],
  ]
  return all.filter(([, text]) => text)
}

function Actions(props: { rollout: Rollout; feed: RolloutFeed }) {
  const { rollout, feed } = props
  const busy = useSignal(false)
  if (!may("operator") || rollout.state === "ended") return null
  const post = async (action: string) => { feed.put(await ask<Rollout>("POST", `rollouts/${part(rollout.id)}/${action}`)) }
  const halt = async () => {
    busy.value = true
    try {
      await post("halt")
      say("Halted: no further node is updated")
    } catch (error) {
      say(textOf(error))
    } finally {
      busy.value = false
    }
  }
  const resume = () => confirmFirst("Go on with the rollout?", <p>It halted for: {visible(rollout.halt_reason)}. That is forgiven; what fails from now on counts anew.</p>,
    "Go on", async () => { await post("resume"); say("It goes on") })
  const cancel = () => confirmFirst("Give the rest up?", <p>What was not begun is cancelled. What is being installed goes on to its end, and what was updated stays so.</p>,
    "Yes, cancel it", async () => { await post("cancel"); say("It is being cancelled") }, true)
  return (
    <p class="run-tools">
      {rollout.state === "going" && <button type="button" disabled={busy.value} onClick={() => void halt()}>Halt</button>}
      {rollout.state === "halted" && <button type="button" class="primary" onClick={resume}>Resume</button>}
      {rollout.state !== "cancelling" && <button type="button" class="danger" onClick={cancel}>Cancel</button>}
    </p>
  )
}

function Waves(props: { rollout: Rollout }) {
  const waves = wavesOf(props.rollout.nodes ?? [])
  const watched = watchedUntil(props.rollout)
  if (waves.length < 2 && !watched) return null
  const open = Math.max(0, waves.findIndex((wave) => wave.over < wave.of))
  const from = Math.max(0, Math.min(open - 2, waves.length - WAVES))
  return (
    <>
      <ol class="waves" aria-label="Waves">
        {waves.slice(from, from + WAVES).map((wave) => (
          <li key={wave.wave} class={wave.bad ? "bad" : wave.over === wave.of ? "done" : ""}>
            <span>{wave.wave === CANARY ? "canaries" : `wave ${waveName(wave.wave)}`}</span>
            <strong>{number(wave.over)} of {number(wave.of)}</strong>
            {wave.bad > 0 && <span class="tone-bad">{number(wave.bad)} failed</span>}
          </li>
        ))}
      </ol>
      {from + WAVES < waves.length && <p class="faint">and {count(waves.length - from - WAVES, "wave")} more</p>}
      {watched > now.value && <p class="line" role="status">The canaries are watched; the others follow {ago(watched, now.value)} if they stay well.</p>}
    </>
  )
}

function Nodes(props: { rollout: Rollout }) {
  const query = place.value?.query ?? new URLSearchParams()
  const state = query.get("state") ?? ""
  const all = byInterest(props.rollout.nodes ?? [])
  const narrowed = isState(state) ? all.filter((node) => node.state === state) : all
  const from = Math.max(0, Math.min(Number(query.get("from")) || 0, narrowed.length - 1))
  const some = narrowed.slice(from, from + LISTED)
  const columns: Column<RolloutNode>[] = [
    { name: "Node", cell: (node) => <a href={addressOf("/nodes/{node}", { node: node.node })}><bdi>{node.node}</bdi></a> },
    { name: "State", cell: (node) => <UpdateBadge state={node.state} /> },
    { name: "From", cell: (node) => visible(node.from_version) || "-" },
    { name: "Wave", cell: (node) => waveName(node.wave) || "-" },
    { name: "Took", cell: (node) => took(node, now.value) || "-" },
    { name: "Remark", cell: (node) => <>{visible(node.reason)}{node.run && <> <a href={addressOf("/runs/{run}", { run: node.run })} class="said">what it said</a></>}</> },
  ]
  const counts = countsOf(props.rollout.counts)
  return (
    <section aria-labelledby="rollout-nodes">
      <h2 id="rollout-nodes">Nodes</h2>
      <p class="run-chips" role="group" aria-label="Which nodes">
        <button type="button" aria-pressed={!isState(state)} onClick={() => keepInAddress({ state: "", from: "" })}>all {number(all.length)}</button>
        {counts.map(([each, some]) => (
          <button key={each} type="button" aria-pressed={state === each} title={STATES[each].says} onClick={() => keepInAddress({ state: each, from: "" })}>
            <span aria-hidden="true">{STATES[each].sign}</span> {number(some)} {each}
          </button>
        ))}
      </p>
      {some.length ? <Rows label="Nodes of the rollout" items={some} columns={columns} keyOf={(node) => node.node_id} /> : <Empty><p>No node is in this state now.</p></Empty>}
      {narrowed.length > LISTED && (
        <p class="run-pages">
          {number(from + 1)} to {number(from + some.length)} of {number(narrowed.length)}{" "}
          <button type="button" disabled={from === 0} onClick={() => keepInAddress({ from: from > LISTED ? String(from - LISTED) : "" })}>Before</button>{" "}
          <button type="button" disabled={from + LISTED >= narrowed.length} onClick={() => keepInAddress({ from: String(from + LISTED) })}>Next</button>
        </p>
      )}
    </section>
  )
}

// Updates: which agents there are, which packages the hub has for them, rollouts and how they go; the form for a new one; and
// for admins the keys whose packages count.
// The address holds the form: new=1, with q (selector).

import { useComputed, useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import type { Release } from "../core/admin_types.ts"
import { ask, askAll, type List } from "../core/api.ts"
import { nodes } from "../core/fleet.ts"
import { number } from "../core/format.ts"
import { visible } from "../core/harmless.ts"
import { useKeys } from "../core/keys.ts"
import { openStream } from "../core/live.ts"
import { addressOf } from "../core/pages.ts"
import { textOf } from "../core/problems.ts"
import { mergeRollouts, type Rollout } from "../core/rollouts.ts"
import { keepInAddress, place } from "../core/router.ts"
import { may } from "../core/session.ts"
import { useAnswer } from "../ui/answer.ts"
import { Ago } from "../ui/badges.tsx"
import { Empty, ErrorBox, Waiting } from "../ui/notices.tsx"
import { RolloutCompose } from "../ui/rollout_compose.tsx"
import { RolloutBadge, UpdateCounts } from "../ui/rollout_parts.tsx"
import { useTitle } from "../ui/shell.tsx"
import { ReleaseKeys } from "./release_keys.tsx"
import { Releases } from "./releases.tsx"
import "../styles/updates.css"

const PAGE = 25
const AGAIN_MS = 1000

export function Updates() {
  useTitle("Updates")
  const query = place.value?.query ?? new URLSearchParams()
  const releases = useAnswer((signal) => askAll<Release>("releases", {}, signal))
  const composing = may("operator") && query.get("new") === "1"
  const compose = (on: boolean) => keepInAddress({ new: on ? "1" : "", q: "" })
  useKeys(may("operator") ? [{ key: "n", does: "new update", action: () => compose(true) }] : [])
  return (
    <>
      <div class="page-head">
        <h1>Updates</h1>
        {may("operator") && !composing && <button type="button" class="primary" onClick={() => compose(true)}>Update agents</button>}
      </div>
      {composing && <RolloutCompose key={query.get("q") ?? ""} selector={query.get("q") ?? ""} releases={releases.value ?? []} close={() => compose(false)} />}
      <Versions />
      <History />
      <Releases list={releases} />
      {may("admin") && <ReleaseKeys changed={releases.again} />}
    </>
  )
}

/** How many nodes have which agent. */
function Versions() {
  const versions = useComputed(() => {
    const counts = new Map<string, number>()
    for (const node of nodes.value) if (node.state !== "revoked" && node.agent_version) counts.set(node.agent_version, (counts.get(node.agent_version) ?? 0) + 1)
    return [...counts].sort(([one], [other]) => other.localeCompare(one, "en", { numeric: true }))
  })
  if (!versions.value.length) return null
  return <p class="line figures versions"><span>Agents now:</span>{versions.value.map(([version, some]) => <span key={version}>{number(some)} × <code>{visible(version)}</code></span>)}</p>
}

function History() {
  const rollouts = useSignal<Rollout[] | null>(null)
  const next = useSignal("")
  const fault = useSignal("")
  const busy = useSignal(false)
  const stop = useRef(new AbortController()).current
  const load = async (cursor: string) => {
    try {
      const page: List<Rollout> = await ask("GET", "rollouts", { query: { limit: PAGE, cursor }, signal: stop.signal })
      if (cursor || !rollouts.value) next.value = page.next
      rollouts.value = mergeRollouts(rollouts.value ?? [], page.items)
      fault.value = ""
    } catch (error) {
      if (!stop.signal.aborted) fault.value = textOf(error)
    }
  }
  useEffect(() => {
    let timer = 0
    const again = () => {
      timer ||= window.setTimeout(() => {
        timer = 0
        void load("")
      }, AGAIN_MS)
    }
    const stream = openStream([{ kinds: ["rollout"] }], { events: again, back: again })
    void load("")
    return () => {
      stream.close()
      stop.abort()
      clearTimeout(timer)
    }
  }, [])
  const older = async () => {
    busy.value = true
    await load(next.value)
    busy.value = false
  }
  return (
    <section aria-labelledby="rollouts">
      <h2 id="rollouts">Rollouts</h2>
      {fault.value && <ErrorBox text={fault.value} again={() => void load("")} />}
      {!rollouts.value ? !fault.value && <Waiting /> : !rollouts.value.length ? <Empty><p>No agent was updated from here yet.</p></Empty> : (
        <ul class="run-list" aria-label="Rollouts">
          {rollouts.value.map((rollout) => (
            <li key={rollout.id} class={rollout.state === "halted" ? "halted" : ""}>
              <span><a href={addressOf("/updates/{rollout}", { rollout: rollout.id })}>{rollout.package} {rollout.version}</a> <RolloutBadge rollout={rollout} /></span>
              <UpdateCounts counts={rollout.counts} />
              <span class="run-about">
                <bdi>{rollout.created_by}</bdi> <Ago time={rollout.created} /> on <code>{rollout.selector}</code>
                {rollout.reason && <>: <q>{visible(rollout.reason)}</q></>}
              </span>
              {rollout.state === "halted" && <span class="run-about fault">Halted: {visible(rollout.halt_reason)}</span>}
            </li>
          ))}
        </ul>
      )}
      {next.value && <p><button type="button" disabled={busy.value} onClick={() => void older()}>Older rollouts</button></p>}
    </section>
  )
}

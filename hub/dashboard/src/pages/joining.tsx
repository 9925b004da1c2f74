// One new token: its line, and the machines that come in by it, as they come.

import { useEffect } from "preact/hooks"
import type { NewEnrolToken, TokenDetail, TokenUse } from "../core/admin_types.ts"
import { ask, part } from "../core/api.ts"
import { nodeNamed, nodes } from "../core/fleet.ts"
import { count } from "../core/format.ts"
import { addressOf } from "../core/pages.ts"
import { usesText } from "../core/tokens.ts"
import { useAnswer } from "../ui/answer.ts"
import { Ago, StateBadge, Tags } from "../ui/badges.tsx"
import { CopyLine } from "../ui/copy.tsx"
import { ErrorBox } from "../ui/notices.tsx"

export function Joining(props: { made: NewEnrolToken; packaged: boolean; another: () => void }) {
  const { made } = props
  const detail = useAnswer((signal) => ask<TokenDetail>("GET", `tokens/${part(made.id)}`, { signal }))
  const known = nodes.value.length
  useEffect(() => { detail.again() }, [known])
  const joined = detail.value?.nodes ?? []
  const over = detail.value?.token.uses === 0
  const [first, ...others] = waysOf(made, props.packaged)
  return (
    <section class="card joining" aria-label="The new token">
      <div class="head">
        <h2>Run this on the machine</h2>
        <button type="button" onClick={props.another}>Make another</button>
      </div>
      <Way way={first} />
      <p class="faint after">
        For {usesText(made.uses)}, until it expires <Ago time={made.expires} />. <Tags tags={made.tags} /> The line is a secret, and shown this once.
      </p>
      <details>
        <summary>Other ways</summary>
        {others.map((way) => <Way key={way.line} way={way} />)}
      </details>
      {detail.fault && <ErrorBox text={detail.fault} again={detail.again} />}
      <div class="came" role="status" aria-live="polite">
        {joined.length === 0 && <p class="faint"><span class="pulse" aria-hidden="true" /> Waiting for {made.uses === 1 ? "the machine" : "the first machine"} …</p>}
        {joined.length > 0 && !(over && joined.length === 1) && <p>{over ? "All of them have joined." : `${count(joined.length, "machine")} joined so far.`}</p>}
        <ul class="plain-list">{joined.map((use) => <Came key={use.node_id} use={use} />)}</ul>
      </div>
    </section>
  )
}

type Lead = { when: string; line: string }

/** The ways in, the one first that works as the hub is now. */
function waysOf(made: NewEnrolToken, packaged: boolean): [Lead, ...Lead[]] {
  const install = { when: packaged ? "Debian 12 or 13; it installs dvic-agent and starts it:" : "Once the hub serves the package, on Debian 12 or 13:", line: made.install_command }
  const installed = { when: "Where dvic-agent is installed already:", line: `echo ${made.token} | sudo dvic-agent enroll -` }
  const checkout = { when: "In a checkout of DVIC, without installing anything; Ctrl-C ends it:", line: `install/try.sh --join ${made.token}` }
  return packaged ? [install, installed, checkout] : [checkout, installed, install]
}

function Way(props: { way: Lead }) {
  return <><p class="when">{props.way.when}</p><CopyLine text={props.way.line} /></>
}

function Came(props: { use: TokenUse }) {
  const node = nodeNamed(props.use.node_id)
  const state = node?.state ?? props.use.state
  const name = node?.name ?? props.use.name
  if (!state) return <li class="faint">{props.use.node_id} was removed since</li>
  return (
    <li>
      {state === "online" ? <span class="state-online" aria-hidden="true">✓ </span> : <><StateBadge state={state} /> </>}
      <a href={addressOf("/nodes/{node}", { node: name })}>{name}</a>{" "}
      {state === "online" ? "is online." : <>has joined <Ago time={props.use.joined} /> and is not online yet.</>}
    </li>
  )
}

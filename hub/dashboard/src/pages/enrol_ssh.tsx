// Enrolling a machine by ssh: where it is, its host key, the secret that signs in, and what happens there. Below, the
// host keys that are remembered.
//
// The secret is asked for when the host key has been shown, sealed here for where ssh is opened, and leaves the form then.

import { useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import { nodes } from "../core/fleet.ts"
import { PushFeed } from "../core/push_feed.ts"
import { commandLine, type Draft, isOver, parseTarget } from "../core/pushing.ts"
import { whyNot } from "../core/sealing.ts"
import { tagsOf } from "../core/tags.ts"
import { useAnswer } from "../ui/answer.ts"
import { CopyLine } from "../ui/copy.tsx"
import { Form } from "../ui/forms.tsx"
import { Waiting } from "../ui/notices.tsx"
import { PushView } from "../ui/push_view.tsx"
import { HostKeys } from "./host_keys.tsx"

const EMPTY: Draft = { target: "", via: "", name: "", tags: "" }
/** Names that are offered at a time, of those that hold what was typed. */
const OFFERED = 20

export function EnrolBySsh() {
  const draft = useSignal(EMPTY)
  const feed = useSignal<PushFeed | null>(null)
  const lacking = useAnswer(() => whyNot((crypto as { subtle?: SubtleCrypto }).subtle))
  /** One comes back to the first form, and wants its first field. */
  const been = useRef(false)
  useEffect(() => () => feed.peek()?.close(), [])
  const look = async () => {
    const { via, name, tags } = draft.value
    feed.value = await PushFeed.begin(parseTarget(draft.value.target), via.trim(), name.trim(), tagsOf(tags))
  }
  const back = (kept: boolean) => {
    feed.value?.close()
    feed.value = null
    been.current = true
    if (!kept) draft.value = EMPTY
  }
  const state = feed.value?.push.value.state
  return (
    <>
      <section class="by-ssh" aria-label="Enrol by ssh">
        <h2>By ssh, from a machine that is there already</h2>
        <p class="faint">
          The hub, or a node that reaches it, signs in on the machine, as root or as somebody who may use sudo, installs the agent and has it join. First
          it looks at the machine's host key.
        </p>
        {lacking.value === undefined ? <Waiting /> : feed.value
          ? <PushView key={feed.value.push.value.id} feed={feed.value} back={back} />
          : <Where draft={draft.value} change={(part) => { draft.value = { ...draft.value, ...part } }} lacking={lacking.value} back={been.current} look={look} />}
      </section>
      <HostKeys turn={state === "installing" || (state && isOver(state)) ? state : ""} />
    </>
  )
}

function Where(props: { draft: Draft; change: (part: Partial<Draft>) => void; lacking: string; back: boolean; look: () => Promise<void> }) {
  const { draft, change } = props
  const fields = (
    <>
      <label class="wide">User and host <input name="target" required autoFocus={props.back} placeholder="root@10.0.0.7 or pi@lab-8:2222" maxLength={330} spellcheck={false} autoComplete="off" autoCapitalize="off" value={draft.target} onInput={(event) => change({ target: event.currentTarget.value })} /></label>
      <label class="wide">Signed in from
        <input name="via" list="push-sources" placeholder="the hub" maxLength={200} spellcheck={false} autoComplete="off" autoCapitalize="off" value={draft.via} onInput={(event) => change({ via: event.currentTarget.value })} />
        <datalist id="push-sources">{sources(draft.via).map((name) => <option key={name} value={name} />)}</datalist>
      </label>
      <label class="wide">Name of the new node <input name="name" placeholder="as its host" maxLength={200} spellcheck={false} autoComplete="off" autoCapitalize="off" value={draft.name} onInput={(event) => change({ name: event.currentTarget.value })} /></label>
      <label class="wide">Tags that it gets <input name="tags" placeholder="room=lab beamline" maxLength={1000} spellcheck={false} autoComplete="off" value={draft.tags} onInput={(event) => change({ tags: event.currentTarget.value })} /></label>
    </>
  )
  if (!props.lacking) return <Form submit="Look at its host key" action={props.look}>{fields}</Form>
  return (
    <>
      <div class="notice warn stacked">
        <p>{props.lacking} So no password is asked for here. In a terminal it can be done by:</p>
        <CopyLine text={commandLine(draft)} />
      </div>
      <div class="fields">{fields}</div>
    </>
  )
}

/** Nodes from which it could be done, by what was typed of their names. */
function sources(typed: string): string[] {
  const wanted = typed.trim().toLowerCase()
  return nodes.value.filter((node) => node.connected && node.name.toLowerCase().includes(wanted)).slice(0, OFFERED).map((node) => node.name)
}

// The form for a new terminal: where, as whom, and what is started in it.

import { useSignal } from "@preact/signals"
import { ask } from "../core/api.ts"
import { nodes } from "../core/fleet.ts"
import { addressOf } from "../core/pages.ts"
import { go } from "../core/router.ts"
import { orderOfSession, type OpenForm, type Session } from "../core/sessions.ts"
import { fieldOf, Form } from "./forms.tsx"

const NAMES = 1000

export function SessionOpen(props: { node: string; close: () => void }) {
  const wanted = useSignal(props.node)
  const node = nodes.value.find((each) => each.name === wanted.value)
  const open = async (given: FormData) => {
    const form: OpenForm = { node: fieldOf(given, "node"), user: fieldOf(given, "user"), command: fieldOf(given, "command"), title: fieldOf(given, "title"), record: given.has("record") }
    const { body, fault } = orderOfSession(form)
    if (fault) throw new Error(fault)
    const session = await ask<Session>("POST", "sessions", { body })
    go(addressOf("/sessions/{session}", { session: session.id }))
  }
  return (
    <section class="card session-open" aria-label="New terminal">
      <div class="page-head"><h2>New terminal</h2><button type="button" class="plain" aria-label="Close" onClick={props.close}>✕</button></div>
      <Form action={open} submit="Open">
        <label>Node
          <input name="node" list="session-nodes" required autoFocus={!props.node} autoComplete="off" spellcheck={false} value={wanted.value} onInput={(event) => { wanted.value = event.currentTarget.value.trim() }} />
          <datalist id="session-nodes">{nodes.value.filter((each) => each.connected).slice(0, NAMES).map((each) => <option key={each.id} value={each.name} />)}</datalist>
        </label>
        <label>As user <input name="user" autoComplete="off" spellcheck={false} maxLength={64} placeholder="as its policy says" /></label>
        <label class="wide">Command <input name="command" autoFocus={!!props.node} autoComplete="off" spellcheck={false} placeholder="the user's login shell" /></label>
        <label class="wide">Title <input name="title" autoComplete="off" maxLength={100} placeholder="node and command" /></label>
        <label class="record"><input type="checkbox" name="record" checked /> record what it shows</label>
      </Form>
      {node && !node.connected && <p class="faint after" role="status">{node.name} is not connected right now.</p>}
    </section>
  )
}

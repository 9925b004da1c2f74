// What can be done with one node: name it, tag it, bar its key, remove it. Each by role, and what can't be undone asks first.

import { useSignal } from "@preact/signals"
import { ask, part } from "../core/api.ts"
import { reload } from "../core/fleet.ts"
import { now } from "../core/now.ts"
import { addressOf } from "../core/pages.ts"
import { textOf } from "../core/problems.ts"
import { go } from "../core/router.ts"
import { nameTerm } from "../core/selector.ts"
import { may } from "../core/session.ts"
import { isSilenced } from "../core/silences.ts"
import type { Node } from "../core/types.ts"
import { confirmFirst, Dialog, say } from "../ui/dialogs.tsx"
import { Silenced, SilenceDialog, SilencesDialog } from "../ui/silences.tsx"
import "../ui/tag_form.css"

/** Letters, as the hub takes them. */
const MAX_REASON = 200

export function NodeActions(props: { node: Node }) {
  const { node } = props
  const naming = useSignal(false)
  const tagging = useSignal(false)
  const silencing = useSignal(false)
  const selector = nameTerm(node.name)
  const revoke = () => confirmFirst(
    `Revoke ${node.name}?`,
    <p>Its key is barred at once and for good: its agent is disconnected and can't come back with this key. What it reported stays. To have the machine again, enrol it anew.</p>,
    "Revoke", async () => {
      await ask("POST", `nodes/${part(node.id)}/revoke`)
      await reload(node.id)
      say(`${node.name} is revoked`)
    }, true)
  let reason = ""
  const remove = () => confirmFirst(
    `Remove ${node.name}?`,
    <>
      <p>It disappears from the fleet, and its key is barred for good. Its history goes with its days. To have the machine again, enrol it anew.</p>
      <label class="reason">Why <input maxLength={MAX_REASON} autoComplete="off" placeholder="told to the machine" onInput={(event) => { reason = event.currentTarget.value.trim() }} /></label>
    </>,
    "Remove", async () => {
      await ask("DELETE", `nodes/${part(node.id)}`, { query: { reason } })
      await reload(node.id)
      say(`${node.name} is removed`)
      go(addressOf("/fleet"))
    }, true)
  return (
    <div class="actions">
      {may("operator") && <a class="button" href={addressOf("/runs", {}, { new: "1", q: selector })}>Run a command</a>}
      {may("operator") && <a class="button" href={addressOf("/sessions", {}, { new: "1", node: node.name })}>Terminal</a>}
      <a class="button" href={addressOf("/logs", {}, { q: selector })}>Log</a>
      {may("operator") && <button type="button" onClick={() => { naming.value = true }}>Rename</button>}
      {may("operator") && <button type="button" onClick={() => { tagging.value = true }}>Tags</button>}
      {may("operator") && node.state !== "revoked" && <a class="button" href={addressOf("/updates", {}, { new: "1", q: selector })}>Update</a>}
      {may("operator") && <button type="button" onClick={() => { silencing.value = true }}>Silence</button>}
      {may("admin") && node.state !== "revoked" && <button type="button" onClick={revoke}>Revoke</button>}
      {may("admin") && <button type="button" onClick={remove}>Remove</button>}
      {naming.value && <NameDialog node={node} close={() => { naming.value = false }} />}
      {silencing.value && <SilenceDialog selector={selector} nodes={[node]} close={() => { silencing.value = false }} />}
      {tagging.value && <TagsDialog node={node} close={() => { tagging.value = false }} />}
    </div>
  )
}

/** That nobody is to be troubled about it, until when and by whom; and a look at the silences, where one can be ended. */
export function SilencedNotice(props: { node: Node }) {
  const looking = useSignal(false)
  const shown = isSilenced(props.node, now.value)
  if (!shown && !looking.value) return null
  return (
    <div class={shown ? "notice" : ""}>
      {shown && <><Silenced node={props.node} /><button type="button" onClick={() => { looking.value = true }}>Silences</button></>}
      {looking.value && <SilencesDialog close={() => { looking.value = false }} />}
    </div>
  )
}

function NameDialog(props: { node: Node; close: () => void }) {
  const name = useSignal(props.node.name)
  const fault = useSignal("")
  const submit = async (event: Event) => {
    event.preventDefault()
    try {
      const changed = await ask<Node>("PATCH", `nodes/${part(props.node.id)}`, { body: { name: name.value.trim() } })
      await reload(props.node.id)
      props.close()
      go(addressOf("/nodes/{node}", { node: changed.name }))
    } catch (error) {
      fault.value = textOf(error)
    }
  }
  return (
    <Dialog title={`Rename ${props.node.name}`} close={props.close}>
      <form onSubmit={submit} class="tag-form">
        <label>Name <input value={name.value} required maxLength={64} autoComplete="off" spellcheck={false} onInput={(event) => { name.value = event.currentTarget.value }} /></label>
        <p class="faint">Letters, digits and . _ -. Whatever names it by its old name, such as a selector kept somewhere, no longer finds it.</p>
        {fault.value && <p class="fault" role="alert">{fault.value}</p>}
        <footer>
          <button type="button" onClick={props.close}>Cancel</button>
          <button type="submit" class="primary">Rename</button>
        </footer>
      </form>
    </Dialog>
  )
}

function TagsDialog(props: { node: Node; close: () => void }) {
  const { node } = props
  const key = useSignal("")
  const value = useSignal("")
  const fault = useSignal("")
  const change = async (tags: Record<string, string | null>) => {
    try {
      await ask("PATCH", `nodes/${part(node.id)}`, { body: { tags } })
      await reload(node.id)
      fault.value = ""
      return true
    } catch (error) {
      fault.value = textOf(error)
      return false
    }
  }
  const submit = async (event: Event) => {
    event.preventDefault()
    if (!await change({ [key.value.trim()]: value.value.trim() })) return
    key.value = ""
    value.value = ""
  }
  const tags = Object.entries(node.tags).sort()
  return (
    <Dialog title={`Tags of ${node.name}`} close={props.close}>
      {tags.length ? (
        <ul class="tag-list">
          {tags.map(([name, text]) => (
            <li key={name}>
              <code>{text ? `${name}=${text}` : name}</code>
              <button type="button" class="plain" aria-label={`Take ${name} away`} onClick={() => void change({ [name]: null })}>✕</button>
            </li>
          ))}
        </ul>
      ) : <p class="faint">It has none yet.</p>}
      <form onSubmit={submit} class="tag-form pair">
        <label>Key <input value={key.value} required maxLength={64} autoComplete="off" placeholder="room" onInput={(event) => { key.value = event.currentTarget.value }} /></label>
        <label>Value <input value={value.value} maxLength={64} autoComplete="off" placeholder="lab (may stay empty)" onInput={(event) => { value.value = event.currentTarget.value }} /></label>
        <button type="submit">Add</button>
      </form>
      {fault.value && <p class="fault" role="alert">{fault.value}</p>}
      <footer><button type="button" class="primary" onClick={props.close}>Done</button></footer>
    </Dialog>
  )
}

// What can be done with many nodes at once.

import { useSignal } from "@preact/signals"
import { ask, part } from "../core/api.ts"
import { nodes, reload } from "../core/fleet.ts"
import { count } from "../core/format.ts"
import { addressOf } from "../core/pages.ts"
import { textOf } from "../core/problems.ts"
import { go } from "../core/router.ts"
import { type Named, selectorFor } from "../core/selector.ts"
import { may } from "../core/session.ts"
import type { Node } from "../core/types.ts"
import { Dialog, say } from "../ui/dialogs.tsx"
import { SilenceDialog } from "../ui/silences.tsx"
import { CopyDialog } from "./fleet_copy.tsx"
import "../ui/tag_form.css"

const AT_A_TIME = 6

/** `shown`: all that the search shows; `query`: the selector that shows them. */
export function Bulk(props: { chosen: readonly Node[]; shown: readonly Named[]; query: string; clear: () => void }) {
  const tagging = useSignal(false)
  const silencing = useSignal(false)
  const copying = useSignal(false)
  const only = props.chosen.length === 1 ? props.chosen[0] : undefined
  const selector = selectorFor(props.chosen, props.shown, props.query)
  const lead = (page: "/runs" | "/updates" | "/logs" | "/measurements", more: Record<string, string> = {}) => () => {
    if (selector !== null) go(addressOf(page, {}, { ...more, q: selector }))
  }
  return (
    <div class="bulk" role="toolbar" aria-label="With the chosen nodes">
      <strong aria-live="polite">{count(props.chosen.length, "node")} chosen</strong>
      {may("operator") && <button type="button" disabled={selector === null} onClick={lead("/runs", { new: "1" })}>Run a command</button>}
      {may("operator") && only && <button type="button" onClick={() => go(addressOf("/sessions", {}, { new: "1", node: only.name }))}>Terminal</button>}
      {may("operator") && <button type="button" onClick={() => { tagging.value = true }}>Tag</button>}
      {may("operator") && <button type="button" disabled={selector === null} onClick={lead("/updates", { new: "1" })}>Update</button>}
      {may("operator") && <button type="button" disabled={selector === null} onClick={() => { silencing.value = true }}>Silence</button>}
      {may("operator") && <button type="button" disabled={selector === null} onClick={() => { copying.value = true }}>Copy a file</button>}
      <button type="button" disabled={selector === null} onClick={lead("/logs")}>Logs</button>
      <button type="button" disabled={selector === null} onClick={lead("/measurements")}>Measurements</button>
      <button type="button" class="plain" onClick={props.clear}>Choose none</button>
      {selector === null && <span class="faint">Too many to name one by one: choose all that a search shows, or give them a tag.</span>}
      {tagging.value && <TagDialog chosen={props.chosen} close={() => { tagging.value = false }} />}
      {silencing.value && selector !== null && <SilenceDialog selector={selector} nodes={props.chosen} close={() => { silencing.value = false }} />}
      {copying.value && selector !== null && <CopyDialog selector={selector} nodes={props.chosen} close={() => { copying.value = false }} />}
    </div>
  )
}

/** Do something for each, a few at a time; returns what went wrong, by name. */
async function forEach(some: readonly Node[], action: (node: Node) => Promise<void>, progress: (done: number) => void): Promise<string[]> {
  const faults: string[] = []
  const waiting = some[Symbol.iterator]()
  let done = 0
  await Promise.all(Array.from({ length: AT_A_TIME }, async () => {
    for (const node of waiting) {
      try {
        await action(node)
      } catch (error) {
        faults.push(`${node.name}: ${textOf(error)}`)
      }
      progress(++done)
    }
  }))
  return faults
}

function TagDialog(props: { chosen: readonly Node[]; close: () => void }) {
  const key = useSignal("")
  const value = useSignal("")
  const away = useSignal(false)
  const done = useSignal(-1)
  const faults = useSignal<string[]>([])
  const keys = [...new Set((away.value ? props.chosen : nodes.value).flatMap((node) => Object.keys(node.tags)))].sort()
  const submit = async (event: Event) => {
    event.preventDefault()
    if (done.value >= 0) return
    done.value = 0
    faults.value = await forEach(props.chosen, async (node) => {
      await ask("PATCH", `nodes/${part(node.id)}`, { body: { tags: { [key.value]: away.value ? null : value.value } } })
      await reload(node.id)
    }, (count) => { done.value = count })
    done.value = -1
    if (faults.value.length) return
    say(`${away.value ? "Took the tag from" : "Tagged"} ${count(props.chosen.length, "node")}`)
    props.close()
  }
  return (
    <Dialog title={`Tag ${count(props.chosen.length, "node")}`} close={props.close}>
      <form onSubmit={submit} class="tag-form">
        <fieldset class="either" aria-label="What to do">
          <label><input type="radio" name="do" checked={!away.value} onChange={() => { away.value = false }} /> Give a tag</label>
          <label><input type="radio" name="do" checked={away.value} onChange={() => { away.value = true }} /> Take a tag away</label>
        </fieldset>
        <label>Key <input value={key.value} list="tag-keys" required maxLength={64} autoComplete="off" placeholder="room" onInput={(event) => { key.value = event.currentTarget.value }} /></label>
        <datalist id="tag-keys">{keys.map((each) => <option key={each} value={each} />)}</datalist>
        {!away.value && <label>Value <input value={value.value} maxLength={64} autoComplete="off" placeholder="lab (may stay empty)" onInput={(event) => { value.value = event.currentTarget.value }} /></label>}
        {faults.value.length > 0 && (
          <div role="alert" class="fault">
            <p>{count(faults.value.length, "node")} could not be changed:</p>
            <ul>{faults.value.slice(0, 5).map((each) => <li key={each}>{each}</li>)}</ul>
          </div>
        )}
        <footer>
          {done.value >= 0 && <progress value={done.value} max={props.chosen.length} aria-label="Nodes done" />}
          <button type="button" onClick={props.close}>Cancel</button>
          <button type="submit" class="primary" aria-disabled={done.value >= 0}>{away.value ? "Take away" : "Tag"}</button>
        </footer>
      </form>
    </Dialog>
  )
}

// A file of this desk to many nodes: brought to the hub once, then the run of the copy tells how far each node is.

import { useSignal } from "@preact/signals"
import { ask } from "../core/api.ts"
import { bring, type Copy, type Way } from "../core/file_copies.ts"
import { count } from "../core/format.ts"
import { addressOf } from "../core/pages.ts"
import { go } from "../core/router.ts"
import type { Node } from "../core/types.ts"
import { Dialog } from "../ui/dialogs.tsx"
import { Choice, fieldOf, Form } from "../ui/forms.tsx"
import { HowFar, whileShown } from "../ui/how_far.tsx"

const WAITS = [{ value: 0, name: "are left out" }, { value: 3600, name: "are waited for, an hour" }, { value: 86_400, name: "are waited for, a day" }] as const

export function CopyDialog(props: { selector: string; nodes: readonly Node[]; close: () => void }) {
  const way = useSignal<Way | null>(null)
  const send = async (given: FormData) => {
    const file = given.get("file")
    if (!(file instanceof File) || !file.name) throw new Error("choose a file")
    const copy = await whileShown(way, async () => {
      const kept = await bring(file, (now) => { way.value = now })
      return ask<Copy>("POST", "copies", { body: {
        selector: props.selector, file: kept.id, path: fieldOf(given, "path") || ".", user: fieldOf(given, "user"),
        batch: fieldOf(given, "batch"), queue: Number(fieldOf(given, "queue")), reason: fieldOf(given, "reason"),
      } })
    })
    props.close()
    go(addressOf("/runs/{run}", { run: copy.id }))
  }
  return (
    <Dialog title={`Copy a file to ${count(props.nodes.length, "node")}`} close={props.close}>
      <Form action={send} submit="Copy" class="fields upright">
        <label>File <input type="file" name="file" required /></label>
        <label>Folder or new name there <input name="path" placeholder="the user's home" maxLength={4000} autoComplete="off" spellcheck={false} /></label>
        <label>As user <input name="user" placeholder="the machine's choice" maxLength={64} autoComplete="off" spellcheck={false} /></label>
        <label>At a time <input name="batch" placeholder="all; or 10, or 25%" maxLength={16} autoComplete="off" /></label>
        <Choice name="queue" label="Nodes that are not there" value={0} options={WAITS} />
        <label>Why <input name="reason" placeholder="for the audit log" maxLength={500} autoComplete="off" /></label>
        <HowFar way={way} label="Brought to the hub" />
      </Form>
    </Dialog>
  )
}

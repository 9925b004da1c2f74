// Files of a node: one from this desk to it, one from it to this desk, each with how far it is.

import { useSignal } from "@preact/signals"
import { fetchFile, fileNameOf, sendFile, type Way } from "../core/file_copies.ts"
import { addressOf } from "../core/pages.ts"
import { may } from "../core/session.ts"
import type { Node } from "../core/types.ts"
import { say } from "../ui/dialogs.tsx"
import { fieldOf, Form } from "../ui/forms.tsx"
import { HowFar, whileShown } from "../ui/how_far.tsx"

export function NodeFiles(props: { node: Node }) {
  if (!may("operator")) return null
  return (
    <section aria-labelledby="files">
      <h2 id="files">Files</h2>
      <div class="node-files">
        <Upload node={props.node} />
        <Download node={props.node} />
      </div>
      <p><a href={addressOf("/runs", {}, { kind: "copy", node: props.node.name })}>What was copied so far</a></p>
    </section>
  )
}

function Upload(props: { node: Node }) {
  const way = useSignal<Way | null>(null)
  const send = async (given: FormData, form: HTMLFormElement) => {
    const file = given.get("file")
    if (!(file instanceof File) || !file.name) throw new Error("choose a file")
    await whileShown(way, () => sendFile(props.node.id, file, fieldOf(given, "path") || ".", fieldOf(given, "user"), (now) => { way.value = now }))
    say(`${file.name} is on ${props.node.name}`)
    form.reset()
  }
  return (
    <Form action={send} submit="Upload">
      <label class="wide">File to upload<input type="file" name="file" required /></label>
      <label class="wide">Folder or new name<input name="path" placeholder="the user's home" maxLength={4000} autocomplete="off" /></label>
      <AsUser />
      <HowFar way={way} label="Uploaded" />
    </Form>
  )
}

function Download(props: { node: Node }) {
  const way = useSignal<Way | null>(null)
  const fetch = async (given: FormData) => {
    const path = fieldOf(given, "path")
    if (!fileNameOf(path)) throw new Error("give a file's path")
    const url = await whileShown(way, () => fetchFile(props.node.id, path, fieldOf(given, "user"), (now) => { way.value = now }))
    const link = document.createElement("a")
    link.href = url.href
    link.download = fileNameOf(path)
    link.click()
  }
  return (
    <Form action={fetch} submit="Download">
      <label class="wide">File to download<input name="path" placeholder="/var/log/dpkg.log" required maxLength={4000} autocomplete="off" /></label>
      <AsUser />
      <HowFar way={way} label="Downloaded" />
    </Form>
  )
}

const AsUser = () => <label>As user<input name="user" placeholder="the machine's choice" maxLength={64} autocomplete="off" /></label>

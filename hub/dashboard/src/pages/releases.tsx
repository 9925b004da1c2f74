// The packages that the hub serves to machines. An admin adds and removes them.

import { useSignal } from "@preact/signals"
import { useRef } from "preact/hooks"
import type { Release } from "../core/admin_types.ts"
import { ask, part } from "../core/api.ts"
import { bytes } from "../core/format.ts"
import { textOf } from "../core/problems.ts"
import { may } from "../core/session.ts"
import { upload } from "../core/upload.ts"
import type { Answer } from "../ui/answer.ts"
import { Ago } from "../ui/badges.tsx"
import { confirmFirst, say } from "../ui/dialogs.tsx"
import { Empty, ErrorBox, Waiting } from "../ui/notices.tsx"
import { type Column, Rows } from "../ui/rows.tsx"

/** Letters that are read of one. */
const MOST_MANIFEST = 4096

/** A button that takes a package from this desk to the hub; nothing for who may not. */
export function AddRelease(props: { added: () => void }) {
  const picker = useRef<HTMLInputElement>(null)
  const done = useSignal<number | null>(null)
  const fault = useSignal("")
  const elsewhere = useSignal("")
  const minimum = useSignal("")
  if (!may("admin")) return <p class="faint">An admin can add it.</p>
  const send = async (file: File | undefined) => {
    if (!file) return
    fault.value = ""
    done.value = 0
    try {
      const given = Object.entries({ manifest: elsewhere.value, minimum_hub: elsewhere.value ? "" : minimum.value }).filter(([, text]) => text)
      const query = new URLSearchParams(given).toString()
      const added = await upload<Release>(query ? `releases?${query}` : "releases", file, "application/vnd.debian.binary-package", (share) => { done.value = share })
      say(`${added.package} ${added.version} is served now`)
      elsewhere.value = ""
      minimum.value = ""
      props.added()
    } catch (error) {
      fault.value = textOf(error)
    } finally {
      done.value = null
      if (picker.current) picker.current.value = ""
    }
  }
  return (
    <div class="add-release">
      <input ref={picker} type="file" accept=".deb" class="hidden" aria-label="Package file" tabIndex={-1} onChange={(event) => void send(event.currentTarget.files?.[0])} />
      <button type="button" disabled={done.value !== null} onClick={() => picker.current?.click()}>Add a package …</button>
      {done.value !== null && <progress max={1} value={done.value} aria-label="Sent" />}
      <details>
        <summary>Signed elsewhere, or for newer hubs</summary>
        <div class="fields">
          <label class="wide">Manifest, as <code>hubctl release sign</code> made it <textarea rows={2} maxLength={MOST_MANIFEST} spellcheck={false} value={elsewhere.value} onInput={(event) => { elsewhere.value = event.currentTarget.value.trim() }} /></label>
          <label>Oldest hub that it can talk to <input maxLength={64} autoComplete="off" spellcheck={false} placeholder="as the package says" disabled={elsewhere.value !== ""} value={minimum.value} onInput={(event) => { minimum.value = event.currentTarget.value.trim() }} /></label>
        </div>
      </details>
      {fault.value && <p class="fault" role="alert">{fault.value}</p>}
    </div>
  )
}

export function Releases(props: { list: Answer<Release[]> }) {
  const { list } = props
  const remove = (release: Release) => {
    confirmFirst(`Serve ${release.name} no longer?`, "Machines that have it keep it.", "Remove", async () => {
      await ask("DELETE", `releases/${part(release.name)}`)
      list.again()
      say(`${release.name} is served no longer`)
    }, true)
  }
  const columns: Column<Release>[] = [
    { name: "Package", cell: (release) => release.package },
    { name: "Version", cell: (release) => <span title={release.name}>{release.version}</span> },
    { name: "For", cell: (release) => release.architecture },
    { name: "Size", cell: (release) => bytes(release.size) },
    { name: "For updates", cell: (release) => (release.package !== "dvic-agent" ? "-" : release.signed_by ? <span title={`signed by ${release.signed_by}`}>signed{release.minimum_hub && `, from hub ${release.minimum_hub} on`}</span> : <span class="tone-warn">not signed: only apt gets it</span>) },
    { name: "Added", cell: (release) => <Ago time={release.added} /> },
    ...(may("admin") ? [{ name: "Actions", actions: true, cell: (release: Release) => <button type="button" aria-label={`Remove ${release.name}`} onClick={() => remove(release)}>Remove</button> }] : []),
  ]
  return (
    <section>
      <div class="head"><h2>Packages that the hub serves</h2>{may("admin") && <AddRelease added={list.again} />}</div>
      {list.fault && <ErrorBox text={list.fault} again={list.again} />}
      {!list.value ? !list.fault && <Waiting /> : list.value.length
        ? <Rows label="Packages" items={list.value} columns={columns} keyOf={(release) => release.name} />
        : <Empty>The hub serves no package yet.</Empty>}
    </section>
  )
}

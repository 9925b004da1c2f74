// Whose signatures machines go by when they install an agent's package: the keys of the hub's key set, for admins.

import { useSignal } from "@preact/signals"
import type { SigningKey } from "../core/admin_types.ts"
import { ask, askAll, part } from "../core/api.ts"
import { count, number } from "../core/format.ts"
import { visible } from "../core/harmless.ts"
import { useAnswer } from "../ui/answer.ts"
import { Ago } from "../ui/badges.tsx"
import { CopyButton } from "../ui/copy.tsx"
import { confirmFirst, Dialog, say } from "../ui/dialogs.tsx"
import { fieldOf, Form } from "../ui/forms.tsx"
import { Empty, ErrorBox, Waiting } from "../ui/notices.tsx"
import { type Column, Rows } from "../ui/rows.tsx"

/** `changed`: packages may be signed by another key now. */
export function ReleaseKeys(props: { changed: () => void }) {
  const list = useAnswer((signal) => askAll<SigningKey>("release-keys", {}, signal))
  const adding = useSignal(false)
  const done = (told: string) => {
    list.again()
    props.changed()
    say(told)
  }
  const renew = () => confirmFirst(
    "Make a new key of the hub's own?",
    <p>The hub signs with it from now on, and signs anew what the one before had signed. The one before still counts, until you remove it.</p>,
    "Make a new key", async () => {
      const made = await ask<SigningKey>("POST", "release-keys", { body: { generate: true } })
      done(`The hub signs with ${short(made)} now`)
    })
  const remove = (key: SigningKey) => confirmFirst(
    `Let ${short(key)} count no longer?`,
    <>
      <p>Machines refuse what it has signed, from their next update on. {key.packages > 0 && <strong>It has signed {count(key.packages, "package")} that the hub serves.</strong>}</p>
      {key.own && <p class="tone-warn">The hub itself signs with it: without it the hub signs nothing any more, and every package needs a manifest that was signed elsewhere.</p>}
    </>,
    "Remove", async () => {
      await ask("DELETE", `release-keys/${part(key.id)}`)
      done(`${short(key)} counts no longer`)
    }, true)
  const several = (list.value?.length ?? 0) > 1
  const columns: Column<SigningKey>[] = [
    { name: "Key", cell: (key) => <><code title={key.id}>{short(key)}</code>{key.own && <> <strong>the hub signs with it</strong></>}</> },
    { name: "Note", cell: (key) => (key.note ? visible(key.note) : <span class="faint">none</span>) },
    { name: "Packages", cell: (key) => number(key.packages) },
    { name: "Added", cell: (key) => <>{key.added_by} <Ago time={key.added} /></> },
    { name: "Actions", actions: true, cell: (key) => (
      <span class="buttons">
        <CopyButton text={key.x} label="Copy public key" />
        {several && <button type="button" aria-label={`Remove the key ${short(key)}`} onClick={() => remove(key)}>Remove</button>}
      </span>
    ) },
  ]
  return (
    <section aria-labelledby="signing-keys">
      <div class="head">
        <h2 id="signing-keys">Keys whose signature counts</h2>
        <span class="buttons">
          <button type="button" onClick={() => { adding.value = true }}>Add a key …</button>
          <button type="button" onClick={renew}>Replace the hub's own …</button>
        </span>
      </div>
      <p class="faint">Machines update their agent only to a package that one of these keys has signed. The hub has one of its own; others may lie on machines that are connected to nothing. The last one can't be removed.</p>
      {list.fault && <ErrorBox text={list.fault} again={list.again} />}
      {!list.value ? !list.fault && <Waiting /> : list.value.length
        ? <Rows label="Signing keys" items={list.value} columns={columns} keyOf={(key) => key.id} />
        : <Empty>No key signs packages yet. The hub makes its own with the first package.</Empty>}
      {adding.value && <AddKey close={() => { adding.value = false }} done={done} />}
    </section>
  )
}

const short = (key: SigningKey) => key.id.slice(0, 12)

function AddKey(props: { close: () => void; done: (told: string) => void }) {
  const add = async (given: FormData) => {
    const key = await ask<SigningKey>("POST", "release-keys", { body: { x: fieldOf(given, "x"), note: fieldOf(given, "note") } })
    props.close()
    props.done(`What ${short(key)} has signed counts from now on`)
  }
  return (
    <Dialog title="Let the signatures of another key count" close={props.close}>
      <p>Whoever holds its private half can make packages that machines install as root. Add only what you know: <code>hubctl release keygen FILE</code> prints the public key.</p>
      <Form submit="Let it count" action={add} class="fields upright">
        <label>Public key <input name="x" required maxLength={64} autoComplete="off" spellcheck={false} autoFocus placeholder="43 letters" /></label>
        <label>Note <input name="note" maxLength={200} autoComplete="off" placeholder="whose it is, and where it lies" /></label>
      </Form>
    </Dialog>
  )
}

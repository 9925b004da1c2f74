// A device that can't enrol itself: it is added by its public key, or with a key that the hub makes and tells this once. Then
// the view waits, and says when the device is heard.

import { useSignal } from "@preact/signals"
import type { NewDevice } from "../core/admin_types.ts"
import { apiUrl, ask } from "../core/api.ts"
import { type Jwk, publicKeyOf } from "../core/device_key.ts"
import { nodeNamed, reload } from "../core/fleet.ts"
import { save } from "../core/log_download.ts"
import { addressOf } from "../core/pages.ts"
import { tagsOf } from "../core/tags.ts"
import type { HubStatus } from "../core/types.ts"
import { Ago, StateBadge, Tags } from "../ui/badges.tsx"
import { CopyButton } from "../ui/copy.tsx"
import { confirmFirst } from "../ui/dialogs.tsx"
import { Choice, fieldOf, Form } from "../ui/forms.tsx"

const KEYS = [
  { value: "ed25519", name: "made by the hub: Ed25519, not kept there" },
  { value: "hmac", name: "made by the hub: shared, for the smallest devices" },
  { value: "own", name: "the device's own" },
] as const
type KeyKind = (typeof KEYS)[number]["value"]

export function AddDevice(props: { hub: HubStatus | undefined }) {
  const open = useSignal(false)
  const added = useSignal<NewDevice | null>(null)
  return (
    <section aria-labelledby="device">
      <div class="head">
        <h2 id="device">A device that can't enrol itself</h2>
        {!added.value && <button type="button" aria-expanded={open.value} onClick={() => { open.value = !open.value }}>Add a device …</button>}
      </div>
      <p class="faint">A sensor, a microcontroller: it has no agent, and only tells by signed heartbeats that it is alive, with some numbers and log lines.</p>
      {added.value
        ? <Added key={added.value.node.id} device={added.value} hub={props.hub} over={() => { added.value = null }} />
        : open.value && <Wanted added={(device) => { added.value = device }} />}
    </section>
  )
}

function Wanted(props: { added: (device: NewDevice) => void }) {
  const kind = useSignal<KeyKind>("ed25519")
  const add = async (given: FormData) => {
    const key: { jwk: Jwk } | { generate: KeyKind } = kind.value === "own" ? { jwk: publicKeyOf(fieldOf(given, "key")) } : { generate: kind.value }
    const device = await ask<NewDevice>("POST", "nodes", { body: { name: fieldOf(given, "name"), tags: tagsOf(fieldOf(given, "tags")), ...key } })
    props.added(device)
    void reload(device.node.id)
  }
  return (
    <Form submit="Add the device" action={add}>
      <label>Name of the device <input name="name" required maxLength={64} spellcheck={false} autoComplete="off" autoFocus /></label>
      <div class="picked" onChange={(event) => { if (event.target instanceof HTMLSelectElement) kind.value = event.target.value as KeyKind }}>
        <Choice name="kind" label="Its key" value={kind.value} options={KEYS} />
      </div>
      {kind.value === "own" && <label class="wide">Its public key <textarea name="key" rows={2} required maxLength={2000} spellcheck={false} placeholder="43 letters, or a JWK" /></label>}
      <label class="wide">Tags of the device <input name="tags" placeholder="room=lab" maxLength={1000} spellcheck={false} autoComplete="off" /></label>
    </Form>
  )
}

function Added(props: { device: NewDevice; hub: HubStatus | undefined; over: () => void }) {
  const { device, hub } = props
  const { id, name, tags } = device.node
  const secret = device.private_key ?? device.shared_key ?? ""
  const over = () => (secret
    ? confirmFirst("Is the key kept?", <p>It can't be shown again. Without it {name} has to be removed, and added anew.</p>, "It is kept", () => {
      props.over()
      return Promise.resolve()
    })
    : props.over())
  return (
    <section class="card joining" aria-label="The new device">
      <div class="head"><h3>{name} is added</h3><button type="button" onClick={over}>Done</button></div>
      {secret && <Secret text={secret} name={name} shared={!!device.shared_key} />}
      <dl class="facts">
        <dt>Its id (<code>iss</code>)</dt><dd><code>{id}</code> <CopyButton text={id} label="Copy id" /></dd>
        {hub && <><dt>The hub (<code>aud</code>)</dt><dd><code>{hub.fingerprint}</code> <CopyButton text={hub.fingerprint} label="Copy the hub's" /></dd></>}
        <dt>It sends to</dt><dd><code>{hub ? `${hub.url.replace(/\/+$/, "")}/api/v1/keepalive` : apiUrl("keepalive").href}</code></dd>
      </dl>
      {Object.keys(tags).length > 0 && <p class="after"><Tags tags={tags} /></p>}
      <div class="came" role="status" aria-live="polite"><Heard device={device} /></div>
    </section>
  )
}

function Secret(props: { text: string; name: string; shared: boolean }) {
  const file = props.shared ? `${props.name}.key` : `${props.name}.pem`
  return (
    <>
      <p>{props.shared ? "The key that it shares with the hub" : "Its private key"}. It is shown this once{props.shared ? "." : ", and the hub keeps nothing of it."}</p>
      <pre class="secret" tabIndex={0} aria-label="The key">{props.text.trimEnd()}</pre>
      <p class="buttons">
        <CopyButton text={props.text} label="Copy the key" />
        <button type="button" aria-label={`Download ${file}`} title={file} onClick={() => save(new Blob([props.text], { type: "application/octet-stream" }), file)}>Download</button>
      </p>
    </>
  )
}

function Heard(props: { device: NewDevice }) {
  const node = nodeNamed(props.device.node.id)
  if (!node || node.state === "never") return <p class="faint"><span class="pulse" aria-hidden="true" /> Waiting to hear of {props.device.node.name} …</p>
  return (
    <p>
      {node.state === "online" ? <span class="state-online" aria-hidden="true">✓ </span> : <><StateBadge state={node.state} /> </>}
      <a href={addressOf("/nodes/{node}", { node: node.name })}>{node.name}</a> was heard <Ago time={node.last_seen} />.
    </p>
  )
}

// Shares of a service: each lets one site's page look at it (docs/dvic-live.md). What a share is, is told once.

import { useSignal } from "@preact/signals"
import { ask, askAll, part } from "../core/api.ts"
import { visible } from "../core/harmless.ts"
import { useAnswer } from "./answer.ts"
import { Ago } from "./badges.tsx"
import { confirmFirst } from "./dialogs.tsx"
import { fieldOf, Form, ShownOnce } from "./forms.tsx"

type Share = { id: string; note: string; created: string | null; created_by: string }
type NewShare = { id: string; share: string; embed: string }

export function Shares(props: { service: string }) {
  const path = `services/${part(props.service)}/shares`
  const list = useAnswer((signal) => askAll<Share>(path, {}, signal), [path])
  const made = useSignal<NewShare | null>(null)
  const revoke = (share: Share) => confirmFirst("Revoke the share?", <p>Who looks at {props.service} by it sees nothing further.</p>, "Revoke it", async () => {
    await ask("DELETE", `${path}/${part(share.id)}`)
    list.again()
  }, true)
  return (
    <>
      <p class="faint">Whoever has a share can look at this service, and at nothing else, from the sites that the setting <code>embed_origins</code> names.</p>
      {list.fault && <p class="fault" role="alert">{list.fault}</p>}
      <ul class="silences" aria-label="Shares">
        {(list.value ?? []).map((share) => (
          <li key={share.id}>
            <span>{visible(share.note) || share.id} <span class="faint">by <bdi>{share.created_by}</bdi>, <Ago time={share.created} /></span></span>
            <button type="button" aria-label={`Revoke ${share.note || share.id}`} onClick={() => revoke(share)}>Revoke</button>
          </li>
        ))}
      </ul>
      <Form submit="Make a share" action={async (given, form) => {
        made.value = await ask<NewShare>("POST", path, { body: { note: fieldOf(given, "note") } })
        form.reset()
        list.again()
      }}>
        <label class="wide">For whom <input name="note" maxLength={200} /></label>
      </Form>
      {made.value && <ShownOnce title="A share" secret={made.value.embed} close={() => { made.value = null }}>The address for an iframe; what stands behind # in it is the share, for dvic-live.js.</ShownOnce>}
    </>
  )
}

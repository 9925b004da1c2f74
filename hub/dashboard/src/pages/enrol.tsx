// A machine joins: a token, the one line to run there, and who has come in by it. Below, all tokens, enrolling by ssh, and
// for admins the devices that can't do either.

import { useSignal } from "@preact/signals"
import type { NewEnrolToken, Release } from "../core/admin_types.ts"
import { ask, askAll } from "../core/api.ts"
import { may } from "../core/session.ts"
import { tagsOf } from "../core/tags.ts"
import { isLoopback, VALIDITIES } from "../core/tokens.ts"
import type { HubStatus } from "../core/types.ts"
import { useAnswer } from "../ui/answer.ts"
import { Choice, fieldOf, Form } from "../ui/forms.tsx"
import { useTitle } from "../ui/shell.tsx"
import "../styles/enrol.css"
import { AddDevice } from "./device.tsx"
import { AddRelease } from "./releases.tsx"
import { EnrolBySsh } from "./enrol_ssh.tsx"
import { EnrolTokens } from "./enrol_tokens.tsx"
import { Joining } from "./joining.tsx"

/** What a hub without the agent's package says: what to do about it, and who can. */
function NoPackage(props: { added: () => void }) {
  return (
    <section class="notice warn stacked" aria-label="No agent package">
      <p>
        <strong>This hub serves no agent package yet</strong>, so the one line that installs everything has nothing to install. Give it one (<code>dvic-agent_…_all.deb</code>,
        made by <code>packaging/build.sh agent</code> in a checkout of DVIC), here or by <code>hubctl release add FILE</code>. Machines that have
        dvic-agent already need none.
      </p>
      <AddRelease added={props.added} />
    </section>
  )
}

export function Enrol() {
  useTitle("Enrol")
  const made = useSignal<NewEnrolToken | null>(null)
  const turn = useSignal(0)
  const releases = useAnswer((signal) => askAll<Release>("releases", {}, signal))
  const hub = useAnswer((signal) => ask<HubStatus>("GET", "hub", { signal }))
  const noPackage = releases.value !== undefined && !releases.value.some((each) => each.package === "dvic-agent")
  const make = async (given: FormData) => {
    made.value = await ask<NewEnrolToken>("POST", "tokens", { body: {
      ttl: Number(fieldOf(given, "ttl")),
      uses: given.get("any") ? -1 : Number(fieldOf(given, "uses")),
      tags: tagsOf(fieldOf(given, "tags")),
      note: fieldOf(given, "note"),
    } })
    turn.value++
  }
  return (
    <>
      <h1>Enrol machines</h1>
      {noPackage && <NoPackage added={releases.again} />}
      {hub.value && isLoopback(hub.value.url) && (
        <p class="notice warn">
          <span>This hub calls itself <code>{hub.value.url}</code>, which only its own machine can reach. For others, set <code>url</code> and <code>listen</code> in its hub.toml.</span>
        </p>
      )}
      {made.value
        ? <Joining key={made.value.id} made={made.value} packaged={!noPackage} another={() => { made.value = null; turn.value++ }} />
        : <Wanted make={make} />}
      <EnrolTokens turn={turn.value} />
      {may("operator") && <EnrolBySsh />}
      {may("admin") && <AddDevice hub={hub.value} />}
    </>
  )
}

function Wanted(props: { make: (given: FormData) => Promise<void> }) {
  const any = useSignal(false)
  return (
    <Form submit="Make the line" action={props.make}>
      <label>Machines that may join
        <input name="uses" type="number" min={1} max={100_000} value={1} required={!any.value} disabled={any.value} />
      </label>
      <label class="check"><input name="any" type="checkbox" checked={any.value} onChange={(event) => { any.value = event.currentTarget.checked }} /> any number</label>
      <Choice name="ttl" label="Within" value={3600} options={VALIDITIES.map((each) => ({ value: each.seconds, name: each.name }))} />
      <label class="wide">Tags that they get <input name="tags" placeholder="room=lab beamline" maxLength={1000} spellcheck={false} autoComplete="off" /></label>
      <label class="wide">Note <input name="note" placeholder="what it is for" maxLength={200} autoComplete="off" /></label>
    </Form>
  )
}

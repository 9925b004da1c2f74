// The person who is signed in: who the hub takes them for, where they are signed in, and their password.

import type { ApiToken } from "../core/admin_types.ts"
import { ask, askAll, part } from "../core/api.ts"
import { count } from "../core/format.ts"
import { addressOf } from "../core/pages.ts"
import { me, signOut } from "../core/session.ts"
import { useAnswer } from "../ui/answer.ts"
import { Ago } from "../ui/badges.tsx"
import { confirmFirst, say } from "../ui/dialogs.tsx"
import { Form, secretOf } from "../ui/forms.tsx"
import { ErrorBox, Waiting } from "../ui/notices.tsx"
import { type Column, Rows } from "../ui/rows.tsx"
import { useTitle } from "../ui/shell.tsx"

const MEANS = {
  viewer: "you may look at everything",
  operator: "you may look at everything, run commands, tag nodes and enrol machines",
  admin: "you may do everything",
}

export function Account() {
  useTitle("Account")
  const list = useAnswer((signal) => askAll<ApiToken>("api-tokens", {}, signal))
  const who = me.value
  if (!who) return null
  const own = list.value?.filter((token) => token.user === who.user)
  const logins = own?.filter((token) => token.kind === "login")
  const programs = (own?.length ?? 0) - (logins?.length ?? 0)
  const end = async (login: ApiToken) => {
    await ask("DELETE", `api-tokens/${part(login.id)}`)
    list.again()
    say("That sign-in has ended")
  }
  const everywhere = () => confirmFirst("Sign out everywhere?", "Every sign-in of yours ends, this one too. Tokens for programs stay.", "Sign out everywhere", () => signOut(true), true)
  const columns: Column<ApiToken>[] = [
    { name: "Where", cell: (login) => <>{login.note || "hubctl"}{login.current && <strong> (this one)</strong>}</> },
    { name: "Signed in", cell: (login) => <Ago time={login.created} /> },
    { name: "Last used", cell: (login) => <Ago time={login.last_used} /> },
    { name: "Expires", cell: (login) => <Ago time={login.expires} /> },
    { name: "Actions", actions: true, cell: (login) => !login.current && <button type="button" aria-label={`End the sign-in ${login.id}`} onClick={() => void end(login).catch((error: unknown) => say(String(error)))}>End</button> },
  ]
  return (
    <>
      <h1>{who.user}</h1>
      <dl class="facts card">
        <dt>Role</dt><dd>{who.role}: {MEANS[who.role]}</dd>
        <dt>You come from</dt><dd>{who.address}</dd>
        <dt>Tokens for programs</dt><dd><a href={addressOf("/tokens")}>{own ? count(programs, "token") : "tokens"}</a></dd>
      </dl>
      <div class="head section">
        <h2>Where you are signed in</h2>
        <button type="button" class="danger" onClick={everywhere}>Sign out everywhere</button>
      </div>
      {list.fault && <ErrorBox text={list.fault} again={list.again} />}
      {logins ? <Rows label="Sign-ins" items={logins} columns={columns} keyOf={(login) => login.id} /> : !list.fault && <Waiting />}
      <h2>Change your password</h2>
      <ChangePassword user={who.user} changed={list.again} />
    </>
  )
}

function ChangePassword(props: { user: string; changed: () => void }) {
  const change = async (given: FormData, form: HTMLFormElement) => {
    if (secretOf(given, "new") !== secretOf(given, "again")) throw new Error("The two new passwords differ")
    await ask("POST", "me/password", { body: { password: secretOf(given, "password"), new_password: secretOf(given, "new") } })
    form.reset()
    props.changed()
    say("Your password is changed; your other sign-ins have ended")
  }
  return (
    <Form submit="Change" action={change} class="fields upright">
      <input name="user" type="text" autoComplete="username" value={props.user} hidden readOnly />
      <label>Present password <input name="password" type="password" autoComplete="current-password" required /></label>
      <label>New password <input name="new" type="password" autoComplete="new-password" required minLength={10} maxLength={256} /></label>
      <label>Once more <input name="again" type="password" autoComplete="new-password" required maxLength={256} /></label>
    </Form>
  )
}

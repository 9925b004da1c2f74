// Who may sign in: added, given a role, a new password, shut out, removed. For admins.

import { useSignal } from "@preact/signals"
import type { User, UserAnswer } from "../core/admin_types.ts"
import { ask, askAll, part } from "../core/api.ts"
import { addressOf } from "../core/pages.ts"
import { me } from "../core/session.ts"
import type { Role } from "../core/types.ts"
import { useAnswer } from "../ui/answer.ts"
import { Ago } from "../ui/badges.tsx"
import { confirmFirst, Dialog, say } from "../ui/dialogs.tsx"
import { Choice, fieldOf, Form, secretOf, ShownOnce } from "../ui/forms.tsx"
import { ErrorBox, Waiting } from "../ui/notices.tsx"
import { type Column, Rows } from "../ui/rows.tsx"
import { useTitle } from "../ui/shell.tsx"

const ROLES: readonly { value: Role; name: string }[] = [
  { value: "viewer", name: "viewer: looks" },
  { value: "operator", name: "operator: acts on nodes" },
  { value: "admin", name: "admin: also people, tokens, the hub" },
]

type Secret = { user: string; password: string }

export function People() {
  useTitle("People")
  const list = useAnswer((signal) => askAll<User>("users", {}, signal))
  const adding = useSignal(false)
  const changing = useSignal<User | null>(null)
  const secret = useSignal<Secret | null>(null)

  const change = async (user: User, body: object, told: string) => {
    const answer = await ask<UserAnswer>("PATCH", `users/${part(user.name)}`, { body })
    list.again()
    if (answer.password) secret.value = { user: user.name, password: answer.password }
    else say(told)
  }
  const reset = (user: User) => confirmFirst(`A new password for ${user.name}?`,
    "Their password holds no longer, and they are signed out everywhere. You get one that is good for one sign-in.",
    "Reset", () => change(user, { password: "" }, ""))
  const shutOut = (user: User) => confirmFirst(`Disable ${user.name}?`,
    "They are signed out, and neither they nor their tokens get in until you enable them again.",
    "Disable", () => change(user, { disabled: true }, `${user.name} is shut out`), true)
  const remove = (user: User) => confirmFirst(`Remove ${user.name}?`,
    "Their sign-ins and tokens end for ever. What they did stays in the audit log.",
    "Remove", async () => {
      await ask("DELETE", `users/${part(user.name)}`)
      list.again()
      say(`${user.name} is removed`)
    }, true)

  const columns: Column<User>[] = [
    { name: "Name", cell: (user) => <>{user.name}{user.name === me.value?.user && <span class="faint"> (you)</span>}</> },
    { name: "Role", cell: (user) => user.role },
    { name: "May sign in", cell: (user) => user.disabled ? <>no, disabled <Ago time={user.disabled} /></> : user.must_change ? "with a one-time password" : "yes" },
    { name: "Added", cell: (user) => <Ago time={user.created} /> },
    { name: "Done", cell: (user) => <a href={addressOf("/audit", {}, { actor: user.name })} aria-label={`audit of ${user.name}`}>audit</a> },
    { name: "Actions", actions: true, cell: (user) => (
      <>
        <button type="button" aria-label={`Role of ${user.name}`} onClick={() => { changing.value = user }}>Role</button>
        <button type="button" aria-label={`Reset password of ${user.name}`} onClick={() => reset(user)}>Reset password</button>
        {user.disabled
          ? <button type="button" aria-label={`Enable ${user.name}`} onClick={() => void change(user, { disabled: false }, `${user.name} gets in again`).catch((error: unknown) => say(String(error)))}>Enable</button>
          : <button type="button" aria-label={`Disable ${user.name}`} onClick={() => shutOut(user)}>Disable</button>}
        <button type="button" aria-label={`Remove ${user.name}`} onClick={() => remove(user)}>Remove</button>
      </>
    ) },
  ]
  return (
    <>
      <div class="head">
        <h1>People</h1>
        <div class="buttons">
          <a class="button" href={addressOf("/tokens")}>Tokens for programs</a>
          <button type="button" class="primary" onClick={() => { adding.value = true }}>Add somebody</button>
        </div>
      </div>
      {list.fault && <ErrorBox text={list.fault} again={list.again} />}
      {list.value ? <Rows label="People" items={list.value} columns={columns} keyOf={(user) => user.name} faint={(user) => user.disabled !== null} /> : !list.fault && <Waiting />}
      {adding.value && <Add close={() => { adding.value = false }} done={(answer) => {
        adding.value = false
        list.again()
        if (answer.password) secret.value = { user: answer.user.name, password: answer.password }
        else say(`${answer.user.name} may sign in`)
      }} />}
      {changing.value && <ChangeRole user={changing.value} close={() => { changing.value = null }} change={change} />}
      {secret.value && (
        <ShownOnce title={`A password for ${secret.value.user}`} secret={secret.value.password} close={() => { secret.value = null }}>
          Give it to them. It is good for one sign-in, at which they choose their own.
        </ShownOnce>
      )}
    </>
  )
}

function Add(props: { close: () => void; done: (answer: UserAnswer) => void }) {
  const add = async (given: FormData) => {
    const password = secretOf(given, "password")
    const body = { name: fieldOf(given, "name"), role: fieldOf(given, "role"), ...(password ? { password } : {}) }
    props.done(await ask<UserAnswer>("POST", "users", { body }))
  }
  return (
    <Dialog title="Add somebody" close={props.close}>
      <Form submit="Add" action={add} class="fields upright">
        <label>Name <input name="name" required maxLength={64} autoComplete="off" spellcheck={false} autoFocus /></label>
        <Choice name="role" label="Role" value="viewer" options={ROLES} />
        <label>Password <input name="password" type="password" autoComplete="new-password" maxLength={256} placeholder="empty: one for one sign-in is made" /></label>
      </Form>
    </Dialog>
  )
}

function ChangeRole(props: { user: User; close: () => void; change: (user: User, body: object, told: string) => Promise<void> }) {
  const { user } = props
  const set = async (given: FormData) => {
    const role = fieldOf(given, "role")
    await props.change(user, { role }, `${user.name} is ${role} now`)
    props.close()
  }
  return (
    <Dialog title={`Role of ${user.name}`} close={props.close}>
      <Form submit="Set" action={set} class="fields upright"><Choice name="role" label="Role" value={user.role} options={ROLES} /></Form>
    </Dialog>
  )
}

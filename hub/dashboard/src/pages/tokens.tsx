// Tokens for programs: one's own, an admin sees everyone's. (Sign-ins are on the account's page.)

import { useSignal } from "@preact/signals"
import type { ApiToken, NewApiToken } from "../core/admin_types.ts"
import { ask, askAll, part } from "../core/api.ts"
import { may, me } from "../core/session.ts"
import type { Role } from "../core/types.ts"
import { useAnswer } from "../ui/answer.ts"
import { Ago } from "../ui/badges.tsx"
import { confirmFirst, say } from "../ui/dialogs.tsx"
import { Choice, fieldOf, Form, ShownOnce } from "../ui/forms.tsx"
import { Empty, ErrorBox, Waiting } from "../ui/notices.tsx"
import { type Column, Rows } from "../ui/rows.tsx"
import { useTitle } from "../ui/shell.tsx"

const DAY = 86_400
const LASTS = [
  { value: 30 * DAY, name: "30 days" },
  { value: 90 * DAY, name: "90 days" },
  { value: 365 * DAY, name: "1 year" },
  { value: 0, name: "until it is revoked" },
]
const ROLES: readonly Role[] = ["viewer", "operator", "admin"]

export function Tokens() {
  useTitle("Tokens")
  const list = useAnswer((signal) => askAll<ApiToken>("api-tokens", {}, signal))
  const made = useSignal<NewApiToken | null>(null)
  const tokens = list.value?.filter((token) => token.kind === "token")
  const make = async (given: FormData, form: HTMLFormElement) => {
    const body = { note: fieldOf(given, "note"), role: fieldOf(given, "role"), ttl: Number(fieldOf(given, "ttl")) }
    made.value = await ask<NewApiToken>("POST", "api-tokens", { body })
    form.reset()
    list.again()
  }
  const revoke = (token: ApiToken) => confirmFirst("Revoke this token?",
    <>What carries {token.note ? <q>{token.note}</q> : "it"} gets in no longer, at once.</>, "Revoke", async () => {
      await ask("DELETE", `api-tokens/${part(token.id)}`)
      list.again()
      say("The token is revoked")
    }, true)
  const columns: Column<ApiToken>[] = [
    { name: "Note", cell: (token) => token.note || <span class="faint">none</span> },
    ...(may("admin") ? [{ name: "Whose", cell: (token: ApiToken) => token.user }] : []),
    { name: "Role", cell: (token) => token.role },
    { name: "Made", cell: (token) => <Ago time={token.created} /> },
    { name: "Last used", cell: (token) => <Ago time={token.last_used} /> },
    { name: "Expires", cell: (token) => <Ago time={token.expires} /> },
    { name: "Token", cell: (token) => <code>{token.id}</code> },
    { name: "Actions", actions: true, cell: (token) => <button type="button" aria-label={`Revoke ${token.note || token.id}`} onClick={() => revoke(token)}>Revoke</button> },
  ]
  const most = ROLES.indexOf(me.value?.role ?? "viewer")
  return (
    <>
      <h1>Tokens for programs</h1>
      <p class="faint">A program sends its token as <code>Authorization: Bearer …</code>; hubctl takes it from <code>DVIC_TOKEN</code>. It can do what its role can, and never more than you.</p>
      <Form submit="Make a token" action={make}>
        <label class="wide">What for <input name="note" required maxLength={200} placeholder="grafana" autoComplete="off" /></label>
        <Choice name="role" label="Role" value="viewer" options={ROLES.slice(0, most + 1).map((role) => ({ value: role, name: role }))} />
        <Choice name="ttl" label="Lasts" value={365 * DAY} options={LASTS} />
      </Form>
      {list.fault && <ErrorBox text={list.fault} again={list.again} />}
      {!tokens ? !list.fault && <Waiting /> : tokens.length
        ? <Rows label="Tokens" items={tokens} columns={columns} keyOf={(token) => token.id} />
        : <Empty>There is none yet.</Empty>}
      {made.value && (
        <ShownOnce title={`A token for ${made.value.note}`} secret={made.value.token} close={() => { made.value = null }}>
          Its role is {made.value.role}; it expires <Ago time={made.value.expires} />.
        </ShownOnce>
      )}
    </>
  )
}

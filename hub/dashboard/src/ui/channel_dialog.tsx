// A channel, made or changed. Its secret is typed in and never shown: an empty field keeps the one that the hub has.

import { useSignal } from "@preact/signals"
import { ask, part } from "../core/api.ts"
import type { Channel, ChannelKind, Options } from "../core/told.ts"
import { Dialog, say } from "./dialogs.tsx"
import { Choice, fieldOf, Form, secretOf } from "./forms.tsx"

const KINDS: readonly { value: ChannelKind; name: string }[] = [
  { value: "email", name: "e-mail" }, { value: "telegram", name: "Telegram" }, { value: "webhook", name: "webhook" }, { value: "url", name: "another, by its apprise address" },
]
const SECRETS: Record<ChannelKind, string> = { email: "Password", telegram: "Token of the bot", webhook: "Address", url: "Address" }

/** Words between commas, spaces or lines. */
function words(text: string): string[] {
  return text.split(/[\s,]+/).filter((each) => each)
}

function optionsOf(kind: ChannelKind, given: FormData): Options {
  const text = (name: string) => fieldOf(given, name)
  if (kind === "email") return { host: text("host"), port: Number(text("port") || "0"), tls: text("tls"), user: text("user"), from: text("from"), to: words(text("to")) }
  if (kind === "telegram") return { chats: words(text("chats")), api: text("api"), commands: given.get("commands") !== null }
  return {}
}

export function ChannelDialog(props: { channel: Channel | null; close: () => void; done: () => void }) {
  const { channel } = props
  const kind = useSignal<ChannelKind>(channel?.kind ?? "email")
  const submit = async (given: FormData) => {
    const name = channel?.name ?? fieldOf(given, "name")
    const secret = secretOf(given, "secret")
    const body = { kind: kind.value, options: optionsOf(kind.value, given), secret: secret || (channel ? null : ""), on: channel?.on ?? true }
    await ask("PUT", `channels/${part(name)}`, { body })
    say(channel ? `${name} is changed` : `${name} is there: test it`)
    props.done()
  }
  return (
    <Dialog title={channel ? `Change ${channel.name}` : "Add a channel"} close={props.close}>
      <Form submit={channel ? "Change" : "Add"} action={submit} class="fields upright">
        {!channel && <label>Name <input name="name" required maxLength={64} autoComplete="off" spellcheck={false} /></label>}
        {!channel && (
          <label>Kind
            <select value={kind.value} onChange={(event) => { kind.value = event.currentTarget.value as ChannelKind }}>
              {KINDS.map((each) => <option key={each.value} value={each.value}>{each.name}</option>)}
            </select>
          </label>
        )}
        {kind.value === "email" && <Email options={channel?.options ?? {}} />}
        {kind.value === "telegram" && <Telegram options={channel?.options ?? {}} />}
        <label>{SECRETS[kind.value]}
          <input key={kind.value} name="secret" type="password" autoComplete="new-password" required={!channel && kind.value !== "email"} placeholder={channel ? "empty: as it is" : ""} />
        </label>
      </Form>
    </Dialog>
  )
}

function textIn(options: Options, name: string): string {
  const value = options[name]
  return Array.isArray(value) ? value.join(", ") : value ? String(value) : ""
}

function Email(props: { options: Options }) {
  const { options } = props
  return (
    <>
      <label>Server <input name="host" required defaultValue={textIn(options, "host")} placeholder="smtp.example.org" autoComplete="off" spellcheck={false} /></label>
      <label>Port <input name="port" type="number" min={0} max={65535} defaultValue={textIn(options, "port")} placeholder="the usual one" /></label>
      <Choice name="tls" label="Encryption" value={textIn(options, "tls") || "starttls"} options={[{ value: "starttls", name: "STARTTLS" }, { value: "tls", name: "TLS from the start" }, { value: "none", name: "none" }]} />
      <label>Signs in as <input name="user" defaultValue={textIn(options, "user")} autoComplete="off" spellcheck={false} placeholder="empty: nobody" /></label>
      <label>From <input name="from" required defaultValue={textIn(options, "from")} placeholder="dvic@example.org" autoComplete="off" spellcheck={false} /></label>
      <label>To <input name="to" required defaultValue={textIn(options, "to")} placeholder="ada@example.org, otto@example.org" autoComplete="off" spellcheck={false} /></label>
    </>
  )
}

function Telegram(props: { options: Options }) {
  const { options } = props
  return (
    <>
      <label>Chats <input name="chats" required defaultValue={textIn(options, "chats")} placeholder="-1001234567890" autoComplete="off" spellcheck={false} /></label>
      <label>API <input name="api" defaultValue={textIn(options, "api")} placeholder="Telegram's own" autoComplete="off" spellcheck={false} /></label>
      <label><input name="commands" type="checkbox" defaultChecked={options["commands"] === true} /> answers commands from these chats</label>
    </>
  )
}

// How people are told of alarms: the channels, what goes to which, and what was sent lately. Operators look and test, admins
// change.

import { useSignal } from "@preact/signals"
import { ask, askAll, type List, part } from "../core/api.ts"
import { addressOf } from "../core/pages.ts"
import { textOf } from "../core/problems.ts"
import { may } from "../core/session.ts"
import type { Channel, Delivery } from "../core/told.ts"
import { useAnswer } from "../ui/answer.ts"
import { ChannelDialog } from "../ui/channel_dialog.tsx"
import { Deliveries, DeliveryBadge } from "../ui/deliveries.tsx"
import { confirmFirst, say } from "../ui/dialogs.tsx"
import { Empty, ErrorBox, Waiting } from "../ui/notices.tsx"
import { RoutesPart } from "../ui/routes_part.tsx"
import { type Column, Rows } from "../ui/rows.tsx"
import { useTitle } from "../ui/shell.tsx"
import "../styles/hub.css"

const RECENT = 50
const EVERY_MS = 5000

export function Channels() {
  useTitle("Channels")
  const list = useAnswer((signal) => askAll<Channel>("channels", {}, signal))
  const sent = useAnswer((signal) => ask<List<Delivery>>("GET", "deliveries", { query: { limit: RECENT }, signal }), [], EVERY_MS)
  const open = useSignal<Channel | "new" | null>(null)
  const testing = useSignal("")
  const result = useSignal<{ channel: string; delivery: Delivery | null; fault: string } | null>(null)

  const test = async (channel: Channel) => {
    if (testing.value) return
    testing.value = channel.name
    result.value = null
    try {
      result.value = { channel: channel.name, delivery: await ask<Delivery>("POST", `channels/${part(channel.name)}/test`), fault: "" }
    } catch (error) {
      result.value = { channel: channel.name, delivery: null, fault: textOf(error) }
    }
    testing.value = ""
    sent.again()
  }
  const turn = async (channel: Channel) => {
    try {
      const { kind, options, on } = channel
      await ask("PUT", `channels/${part(channel.name)}`, { body: { kind, options, secret: null, on: !on } })
      say(`${channel.name} is ${on ? "off" : "on"}`)
    } catch (error) {
      say(textOf(error))
    }
    list.again()
  }
  const remove = (channel: Channel) => confirmFirst(`Remove ${channel.name}?`, "What still waits to be sent by it is given up.", "Remove", async () => {
    await ask("DELETE", `channels/${part(channel.name)}`)
    list.again()
    say(`${channel.name} is removed`)
  }, true)

  const columns: Column<Channel>[] = [
    { name: "Name", cell: (channel) => channel.name },
    { name: "Kind", cell: (channel) => channel.kind },
    { name: "To", cell: (channel) => <code>{whereTo(channel)}</code> },
    { name: "On", cell: (channel) => channel.on ? "yes" : "no" },
    { name: "Actions", actions: true, cell: (channel) => (
      <>
        <button type="button" aria-label={`Test ${channel.name}`} aria-disabled={testing.value !== ""} onClick={() => void test(channel)}>{testing.value === channel.name ? "Testing ..." : "Test"}</button>
        {may("admin") && (
          <>
            <button type="button" aria-label={`Turn ${channel.name} ${channel.on ? "off" : "on"}`} onClick={() => void turn(channel)}>{channel.on ? "Off" : "On"}</button>
            <button type="button" aria-label={`Change ${channel.name}`} onClick={() => { open.value = channel }}>Change</button>
            <button type="button" aria-label={`Remove ${channel.name}`} onClick={() => remove(channel)}>Remove</button>
          </>
        )}
      </>
    ) },
  ]
  return (
    <>
      <div class="head">
        <h1>Channels</h1>
        <div class="buttons">
          <a class="button" href={addressOf("/alarms")}>Alarms</a>
          {may("admin") && <button type="button" class="primary" onClick={() => { open.value = "new" }}>Add a channel</button>}
        </div>
      </div>
      {list.fault && <ErrorBox text={list.fault} again={list.again} />}
      {result.value && <Result {...result.value} />}
      {list.value ? list.value.length ? <Rows label="Channels" items={list.value} columns={columns} keyOf={(channel) => channel.name} faint={(channel) => !channel.on} />
        : <Empty><p>Nobody is told of alarms yet: there is no channel.</p></Empty> : !list.fault && <Waiting />}
      {list.value && <RoutesPart channels={list.value.map((channel) => channel.name)} />}
      <section aria-label="Sent lately">
        <h2>Sent lately</h2>
        {sent.value?.items.length ? <Deliveries items={sent.value.items} /> : <p class="faint">Nothing yet.</p>}
      </section>
      {open.value && <ChannelDialog channel={open.value === "new" ? null : open.value} close={() => { open.value = null }} done={() => { open.value = null; list.again() }} />}
    </>
  )
}

/** As much of where it sends as may be shown. */
function whereTo(channel: Channel): string {
  const { options, secret } = channel
  const those = options[channel.kind === "email" ? "to" : "chats"]
  return Array.isArray(those) && those.length ? those.join(", ") : secret
}

function Result(props: { channel: string; delivery: Delivery | null; fault: string }) {
  const { channel, delivery, fault } = props
  const well = delivery?.state === "sent"
  return (
    <p class={`notice ${well ? "good" : "bad"}`} role={well ? "status" : "alert"}>
      <span>Test of {channel}: {delivery && <DeliveryBadge state={delivery.state} />} {fault || delivery?.error}</span>
    </p>
  )
}

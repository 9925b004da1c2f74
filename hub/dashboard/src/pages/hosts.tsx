// Hosts that send unsigned heartbeats: by their address, which nothing proves. Machines and devices that are proved stand in
// the fleet.

import type { Host } from "../core/admin_types.ts"
import { ask, askAll, part } from "../core/api.ts"
import { number } from "../core/format.ts"
import { addressOf } from "../core/pages.ts"
import { may } from "../core/session.ts"
import { useAnswer } from "../ui/answer.ts"
import { Ago } from "../ui/badges.tsx"
import { confirmFirst, say } from "../ui/dialogs.tsx"
import { Empty, ErrorBox, Waiting } from "../ui/notices.tsx"
import { type Column, Rows } from "../ui/rows.tsx"
import { useTitle } from "../ui/shell.tsx"

const EVERY_MS = 5000

export function Hosts() {
  useTitle("Hosts")
  const list = useAnswer((signal) => askAll<Host>("hosts", {}, signal), [], EVERY_MS)
  const forget = (host: Host) => confirmFirst(`Forget ${host.address}?`, <p>It leaves the list. A host that goes on sending comes back.</p>, "Forget", async () => {
    await ask("DELETE", `hosts/${part(host.address)}`)
    list.again()
    say(`${host.address} is forgotten`)
  })
  const columns: Column<Host>[] = [
    { name: "Address", cell: (host) => <code>{host.address}</code> },
    { name: "State", cell: (host) => <>{host.state === "alive"
      ? <span class="badge state-online"><span aria-hidden="true">●</span> alive</span>
      : <span class="badge state-silent"><span aria-hidden="true">○</span> silent</span>} <span class="faint">unverified</span></> },
    { name: "Last heard", cell: (host) => <Ago time={host.last_heard} /> },
    { name: "Since", cell: (host) => <Ago time={host.first_heard} /> },
    { name: "Heartbeats", cell: (host) => number(host.beats) },
    ...(may("operator") ? [{ name: "Actions", actions: true, cell: (host: Host) => <button type="button" aria-label={`Forget ${host.address}`} onClick={() => forget(host)}>Forget</button> }] : []),
  ]
  return (
    <>
      <h1>Hosts with unsigned heartbeats</h1>
      <p class="faint">Nothing proves who they are: whoever is on their network can speak for them. What is proved is in the <a href={addressOf("/fleet")}>fleet</a>.</p>
      {list.fault && <ErrorBox text={list.fault} again={list.again} />}
      {!list.value ? !list.fault && <Waiting /> : list.value.length
        ? <Rows label="Hosts" items={list.value} columns={columns} keyOf={(host) => host.address} faint={(host) => host.state === "silent"} />
        : <Empty><p>None was heard. The settings <code>heartbeat_listen</code> and <code>heartbeat_networks</code> in hub.toml say where the hub listens, and to whom.</p></Empty>}
    </>
  )
}

// What was sent, or is to be, with what became of it.

import { visible } from "../core/harmless.ts"
import { addressOf } from "../core/pages.ts"
import type { Delivery, DeliveryState } from "../core/told.ts"
import { Ago } from "./badges.tsx"
import { type Column, Rows } from "./rows.tsx"

const SIGNS: Record<DeliveryState, string> = { waiting: "…", sending: "▸", sent: "✓", "given-up": "✕", unknown: "?" }
const COLOURS: Record<DeliveryState, string> = { waiting: "state-late", sending: "level-notice", sent: "state-online", "given-up": "state-silent", unknown: "state-late" }

export function DeliveryBadge(props: { state: DeliveryState }) {
  return <span class={`badge ${COLOURS[props.state]}`}><span aria-hidden="true">{SIGNS[props.state]}</span> {props.state === "given-up" ? "given up" : props.state}</span>
}

const COLUMNS: readonly Column<Delivery>[] = [
  { name: "When", cell: (each) => <Ago time={each.created} /> },
  { name: "Channel", cell: (each) => <code>{each.channel}</code> },
  { name: "What", cell: (each) => (
    <>
      <span class="faint">{each.kind}:</span> {each.alarms.length === 1 ? <a href={addressOf("/alarms/{alarm}", { alarm: each.alarms[0] ?? "" })}>{visible(each.title)}</a> : visible(each.title)}
    </>
  ) },
  { name: "Result", cell: (each) => (
    <>
      <DeliveryBadge state={each.state} />{each.attempts > 1 && <span class="faint"> after {each.attempts} tries</span>}
      {each.state === "waiting" && each.attempts > 0 && <> again <Ago time={each.due} /></>}
      {each.error && each.state !== "sent" && <div class="fault">{visible(each.error)}</div>}
    </>
  ) },
]

export function Deliveries(props: { items: readonly Delivery[] }) {
  return <Rows label="Messages" items={props.items} columns={COLUMNS} keyOf={(each) => each.id} />
}

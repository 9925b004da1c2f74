// Small pieces of an alarm: how bad it is, how it stands, and where what it tells of is seen. Never by colour alone.

import { type Alarm, packageOf, type Severity } from "../core/alarms.ts"
import { visible } from "../core/harmless.ts"
import { addressOf } from "../core/pages.ts"
import { Ago } from "./badges.tsx"

const SIGNS: Record<Severity, string> = { critical: "✕", warning: "⚠", info: "ℹ" }
const COLOURS: Record<Severity, string> = { critical: "state-silent", warning: "state-late", info: "level-notice" }

export function SeverityBadge(props: { severity: Severity }) {
  return <span class={`badge ${COLOURS[props.severity]}`}><span aria-hidden="true">{SIGNS[props.severity]}</span> {props.severity}</span>
}

/** `raised 5 min ago`, `acknowledged by otto`, `cleared 2 h ago`. */
export function AlarmStateWords(props: { alarm: Alarm }) {
  const { alarm } = props
  return (
    <>
      {alarm.state === "cleared" ? <>cleared <Ago time={alarm.cleared} /></>
        : alarm.state === "acknowledged" ? <>acknowledged by <bdi>{visible(alarm.acknowledged_by)}</bdi></> : "raised"}
      {alarm.silenced && <span class="silenced"> ☾ silenced</span>}
    </>
  )
}

/** Its histogram package, node, or its service and step, as links; "hub" for what belongs to neither. */
export function AlarmPlace(props: { alarm: Alarm }) {
  const { node, service, component } = props.alarm
  const histograms = packageOf(props.alarm)
  return (
    <>
      {histograms && <><a href={addressOf("/histograms/{package}", { package: histograms })}>histograms</a> of </>}
      {node && <a href={addressOf("/nodes/{node}", { node })}>{node}</a>}
      {node && service && ", "}
      {service && <a href={addressOf("/services/{service}", { service })}>{service}</a>}
      {service && component && ` ${visible(component)}`}
      {!node && !service && <span class="faint">hub</span>}
    </>
  )
}

// Telling people: channels, what goes to which, and what was sent, as the hub answers. Pure.

import type { Severity } from "./alarms.ts"

export type ChannelKind = "email" | "telegram" | "webhook" | "url"
export type Options = Record<string, string | number | boolean | string[]>
export type Channel = {
  name: string
  kind: ChannelKind
  on: boolean
  options: Options
  /** As much as may be shown. */
  secret: string
  created: string | null
  created_by: string
  changed: string | null
}

export type Route = {
  name: string
  severity: Severity
  selector: string
  services: string[]
  rules: string[]
  channels: string[]
  /** Seconds; 0: never again. */
  repeat: number
  recovery: boolean
  on: boolean
  changed: string | null
  changed_by: string
}

export type DeliveryState = "waiting" | "sending" | "sent" | "given-up" | "unknown"
export type Delivery = {
  id: string
  channel: string
  kind: "raised" | "cleared" | "repeated" | "test"
  severity: string
  state: DeliveryState
  error: string
  title: string
  body: string
  alarms: string[]
  attempts: number
  created: string | null
  due: string | null
  ended: string | null
}

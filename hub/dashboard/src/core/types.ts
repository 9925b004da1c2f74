// What the hub answers, as far as the page reads it (docs: /api/v1/openapi.json). Times are RFC 3339 texts, null for never.

export type Role = "viewer" | "operator" | "admin"
export type Me = { user: string; role: Role; token: string; address: string }

export type NodeState = "online" | "late" | "silent" | "never" | "revoked"
export type Node = {
  id: string
  name: string
  state: NodeState
  last_seen: string | null
  tags: Record<string, string>
  os: string
  agent_version: string
  address: string
  facts: Record<string, string>
  enrolled: string | null
  period: number
  conflict: string
  status: string
  connected: boolean
  revoked: string | null
  /** Nobody is to be troubled about it until then; null where nothing silences it. */
  silenced: { id: string; until: string | null; by: string; reason: string } | null
}

export type Level = "debug" | "info" | "notice" | "warning" | "error" | "critical"
export const LEVELS: readonly Level[] = ["debug", "info", "notice", "warning", "error", "critical"]

export type HubStatus = {
  fingerprint: string
  version: string
  url: string
  started: string | null
  time: string | null
  nodes: Record<string, number>
  agents: number
  streams: number
  runs_active: number
  store: Record<string, number>
  trouble: string
}

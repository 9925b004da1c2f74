// What the hub answers about tokens, people, the audit log, its packages and settings (docs: /api/v1/openapi.json).

import type { Node, NodeState, Role } from "./types.ts"

export type EnrolToken = {
  id: string
  expires: string | null
  uses: number
  tags: Record<string, string>
  created: string | null
  created_by: string
  note: string
  revoked: string | null
}
export type NewEnrolToken = { id: string; token: string; install_command: string; expires: string | null; uses: number; tags: Record<string, string> }
export type TokenUse = { node_id: string; name: string; state: NodeState | ""; joined: string | null }
export type TokenDetail = { token: EnrolToken; nodes: TokenUse[] }

export type User = { name: string; role: Role; created: string | null; must_change: boolean; disabled: string | null }
export type UserAnswer = { user: User; password?: string }

export type ApiToken = {
  id: string
  user: string
  role: Role
  kind: "token" | "login"
  note: string
  created: string | null
  expires: string | null
  last_used: string | null
  current: boolean
}
export type NewApiToken = { id: string; token: string; role: Role; note: string; expires: string | null }

export type AuditEntry = {
  id: number
  time: string | null
  actor: string
  address: string
  action: string
  target: string
  detail: Record<string, unknown>
  outcome: string
}

export type Release = { name: string; package: string; version: string; architecture: string; size: number; sha256: string; added: string | null; signed_by: string; signed_until: string | null; minimum_hub: string }
/** A key whose manifests count; `own`: the hub's, `packages`: of those that the hub serves it has signed so many. */
export type SigningKey = { id: string; x: string; note: string; added: string | null; added_by: string; own: boolean; packages: number }
/** A device that was added; one of the keys where the hub made it. */
export type NewDevice = { node: Node; private_key?: string; shared_key?: string }
/** What sends unsigned heartbeats. */
export type Host = { address: string; state: "alive" | "silent"; first_heard: string | null; last_heard: string | null; beats: number }
export type Setting = { name: string; value: boolean | number | string | string[]; changed: boolean; unit: string; about: string }

// What the hub answers about tokens, people, the audit log, its packages and settings (docs: /api/v1/openapi.json).

import type { NodeState, Role } from "./types.ts"

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
export type Setting = { name: string; value: boolean | number | string | string[]; changed: boolean; unit: string; about: string }

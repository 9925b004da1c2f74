// Who is signed in, and what they may do. What may not be done is not offered; the hub refuses it all the same.

import { signal } from "@preact/signals"
import { ask, whenSignedOut } from "./api.ts"
import { browserName } from "./browser_name.ts"
import { Problem } from "./problems.ts"
import type { Me, Role } from "./types.ts"

const RANK: Record<Role, number> = { viewer: 1, operator: 2, admin: 3 }

/** undefined: not known yet; null: nobody. */
export const me = signal<Me | null | undefined>(undefined)

export function may(role: Role): boolean {
  return me.value ? RANK[me.value.role] >= RANK[role] : false
}

export async function findOut(signal?: AbortSignal): Promise<void> {
  whenSignedOut(() => { me.value = null })
  try {
    me.value = await ask<Me>("GET", "me", signal ? { signal } : {})
  } catch (error) {
    if (error instanceof Problem && error.status === 401) me.value = null
    else throw error
  }
}

/** Throws Problem; code `password-change-needed` asks for `newPassword`. */
export async function signIn(user: string, password: string, newPassword = ""): Promise<void> {
  me.value = await ask<Me>("POST", "session", { body: { user, password, note: browserName(navigator.userAgent), ...(newPassword ? { new_password: newPassword } : {}) } })
}

export async function signOut(everywhere = false): Promise<void> {
  await ask("DELETE", everywhere ? "logins" : "session")
  me.value = null
}

// Sign in; a password that is good for one sign-in is replaced here.

import { useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import { Problem, textOf } from "../core/problems.ts"
import { signIn } from "../core/session.ts"
import { useTitle } from "../ui/shell.tsx"

export function Login() {
  useTitle("Sign in")
  const fresh = useSignal(false)
  const fault = useSignal("")
  const busy = useSignal(false)
  const form = useRef<HTMLFormElement>(null)
  const focus = (name: string) => {
    const field = form.current?.querySelector<HTMLInputElement>(`input[name=${name}]`)
    field?.focus()
    field?.select()
  }
  useEffect(() => focus(fresh.value ? "new" : "user"), [fresh.value])
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    if (busy.value) return
    const given = new FormData(event.currentTarget as HTMLFormElement)
    const text = (name: string) => {
      const value = given.get(name)
      return typeof value === "string" ? value : ""
    }
    if (fresh.value && text("new") !== text("again")) {
      fault.value = "The two new passwords differ"
      focus("new")
      return
    }
    busy.value = true
    fault.value = ""
    try {
      await signIn(text("user"), text("password"), text("new"))
    } catch (error) {
      if (error instanceof Problem && error.code === "password-change-needed" && !fresh.value) fresh.value = true
      else {
        fault.value = textOf(error)
        focus(fresh.value ? "new" : "password")
      }
    } finally {
      busy.value = false
    }
  }
  return (
    <main class="alone">
      <form ref={form} class="login" onSubmit={submit}>
        <h1>DVIC</h1>
        <label>User <input name="user" autoComplete="username" required /></label>
        <label>Password <input name="password" type="password" autoComplete="current-password" required /></label>
        {fresh.value && (
          <>
            <p>That password is good for one sign-in. Choose your own:</p>
            <label>New password (10 characters or more) <input name="new" type="password" autoComplete="new-password" required minLength={10} /></label>
            <label>Once more <input name="again" type="password" autoComplete="new-password" required /></label>
          </>
        )}
        {fault.value && <p class="fault" role="alert">{fault.value}</p>}
        <button type="submit" class="primary" aria-disabled={busy.value}>Sign in</button>
      </form>
    </main>
  )
}

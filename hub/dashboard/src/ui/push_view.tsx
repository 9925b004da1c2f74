// One enrolment by ssh as it goes on: the host key and the secret that are asked for, what is said there, and its end.

import { useSignal } from "@preact/signals"
import { useEffect, useLayoutEffect, useRef } from "preact/hooks"
import { number } from "../core/format.ts"
import { oneLine, visible } from "../core/harmless.ts"
import { addressOf } from "../core/pages.ts"
import type { PushFeed } from "../core/push_feed.ts"
import { isAboutHostKey, isOver, MAX_SECRET_BYTES, placeText, type Push, type PushLine, type PushQuestion, targetText, TOO_LARGE } from "../core/pushing.ts"
import { textOf } from "../core/problems.ts"
import { fieldOf, Form, secretOf } from "./forms.tsx"

/** `back(kept)` leaves it; with `kept` what was typed of where and what stays. */
export function PushView(props: { feed: PushFeed; back: (kept: boolean) => void }) {
  const { feed, back } = props
  const push = feed.push.value
  const fault = useSignal("")
  const heading = useRef<HTMLHeadingElement>(null)
  // where the field or button was that had the focus there is none now
  useEffect(() => { if (document.activeElement === document.body) heading.current?.focus() }, [push.state])
  const cancel = async () => {
    fault.value = ""
    try {
      await feed.cancel()
    } catch (error) {
      fault.value = textOf(error)
    }
  }
  return (
    <div class="card push">
      <div class="head">
        <h3 ref={heading} tabIndex={-1}><bdi>{oneLine(push.target)}</bdi> <span class="faint">from {push.via ? <bdi>{push.via}</bdi> : "the hub"}</span></h3>
        {isOver(push.state)
          ? <button type="button" onClick={() => back(push.state !== "done")}>{push.state === "done" ? "Enrol another" : "Try again"}</button>
          : <button type="button" onClick={cancel}>Cancel</button>}
      </div>
      <p class="push-state" role="status">{!isOver(push.state) && <span class="pulse" aria-hidden="true" />}<Standing push={push} place={placeText(feed.target)} /></p>
      {push.state === "failed" && isAboutHostKey(push.reason) && <p>Forget the host key below only if you know why it is another one; then try again.</p>}
      {(fault.value || feed.trouble.value) && <p class="fault" role="alert">{fault.value || `${feed.trouble.value}. Trying again ...`}</p>}
      {push.state === "asking" && push.question && <Asked feed={feed} question={push.question} />}
      {feed.lines.value.length > 0 && <Said lines={feed.lines.value} left={feed.left.value} />}
    </div>
  )
}

function Standing(props: { push: Push; place: string }) {
  const { push, place } = props
  switch (push.state) {
    case "looking": return <>Asking {place} for its host key ...</>
    case "asking": return <>It waits for you.</>
    case "installing": return <>Signing in and installing ...</>
    case "joining": return <>Waiting until the new node is online ...</>
    case "done": return <><span class="state-online" aria-hidden="true">✓ </span><a href={addressOf("/nodes/{node}", { node: push.node })}>{push.node}</a> is online.</>
    case "failed": return <span class="fault">It is not enrolled: {visible(push.reason)}</span>
    case "cancelled": return <>It was cancelled{push.reason ? `: ${visible(push.reason)}` : ""}.</>
  }
}

function Asked(props: { feed: PushFeed; question: PushQuestion }) {
  const { feed, question } = props
  const byKey = useSignal(false)
  const place = placeText(feed.target)
  const send = async (given: FormData, form: HTMLFormElement) => {
    const file = given.get("key")
    if (byKey.value && file instanceof File && file.size > MAX_SECRET_BYTES) throw new Error(TOO_LARGE)
    const key = byKey.value && file instanceof File ? await file.text() : ""
    await feed.answer(question, question.known || fieldOf(given, "host-key"), { password: secretOf(given, "password"), key, passphrase: secretOf(given, "passphrase") }, () => forget(form))
  }
  return (
    <Form class="fields upright push-question" submit={question.known ? "Sign in and enrol" : "Accept the host key and enrol"} action={send}>
      {question.known
        ? <p>Its host key is the known one: <code>{question.known}</code></p>
        : (
          <fieldset>
            <legend>{place} shows its host key for the first time. Choose the one that you have compared:</legend>
            {question.keys.map((key) => (
              <label key={key.fingerprint} class="check"><input type="radio" name="host-key" value={key.fingerprint} required /> <span><code>{oneLine(key.fingerprint)}</code> {oneLine(key.kind)}</span></label>
            ))}
            <p class="faint">On the machine: <code>ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub</code></p>
          </fieldset>
        )}
      <fieldset>
        <legend>Sign in with</legend>
        <label class="check"><input type="radio" name="how" checked={!byKey.value} onChange={() => { byKey.value = false }} /> a password</label>
        <label class="check"><input type="radio" name="how" checked={byKey.value} onChange={() => { byKey.value = true }} /> a private key</label>
      </fieldset>
      {byKey.value && (
        <>
          <label>Private key file <input name="key" type="file" required /></label>
          <label>Its passphrase, if it has one <input name="passphrase" type="password" maxLength={1000} autoComplete="off" /></label>
        </>
      )}
      <label key={byKey.value ? "sudo" : "ssh"}>{byKey.value ? "Password for sudo there, if it asks" : `Password of ${targetText(feed.target)}`}
        <input name="password" type="password" maxLength={1000} required={!byKey.value} autoComplete="off" />
      </label>
      <p class="faint">It is sealed in this browser for {feed.push.value.via || "the program at the hub"} that signs in, and kept nowhere.</p>
    </Form>
  )
}

/** What is secret leaves the form; what was chosen stays. */
function forget(form: HTMLFormElement): void {
  for (const field of form.querySelectorAll<HTMLInputElement>("input[type=password], input[type=file]")) field.value = ""
}

/** At its end unless one scrolls up. */
function Said(props: { lines: PushLine[]; left: number }) {
  const text = useRef<HTMLPreElement>(null)
  const stick = useRef(true)
  useLayoutEffect(() => {
    if (stick.current && text.current) text.current.scrollTop = text.current.scrollHeight
  })
  const scrolled = () => {
    const element = text.current
    if (element) stick.current = element.scrollTop + element.clientHeight >= element.scrollHeight - 4
  }
  return (
    <pre ref={text} class="push-said" tabIndex={0} role="log" aria-live="off" aria-label="What is said there" onScroll={scrolled}>
      {props.left > 0 && <span class="faint">{number(props.left)} earlier lines are not shown{"\n"}</span>}
      {props.lines.map((line, at) => <span key={at + props.left} class={line.stream === "err" ? "err" : ""}>{visible(line.text)}{"\n"}</span>)}
    </pre>
  )
}

// One session on a terminal: while it goes on the terminal itself (look=1: only to look on), afterwards its recording. Who may
// not come in sees what it is and who is in it.

import { useSignal } from "@preact/signals"
import { ask, part } from "../core/api.ts"
import { bytes, clock, millis } from "../core/format.ts"
import { oneLine, visible } from "../core/harmless.ts"
import { useKeys } from "../core/keys.ts"
import { now } from "../core/now.ts"
import { addressOf } from "../core/pages.ts"
import { go, place } from "../core/router.ts"
import { joinWords } from "../core/shell_words.ts"
import { may, me } from "../core/session.ts"
import { endOf, lasted, mayEnd, type Session } from "../core/sessions.ts"
import { useAnswer } from "../ui/answer.ts"
import { Ago } from "../ui/badges.tsx"
import { CopyLine } from "../ui/copy.tsx"
import { confirmFirst, say } from "../ui/dialogs.tsx"
import { ErrorBox, Waiting } from "../ui/notices.tsx"
import { Replay } from "../ui/replay.tsx"
import { endForAll } from "../ui/session_end.tsx"
import { useTitle } from "../ui/shell.tsx"
import { People } from "../ui/terminal_parts.tsx"
import { TerminalView } from "../ui/terminal_view.tsx"
import "../styles/sessions.css"

const EVERY_MS = 5000

export function SessionPage(props: { params: Record<string, string> }) {
  const id = props.params["session"] ?? ""
  const found = useAnswer((signal) => ask<Session>("GET", `sessions/${part(id)}`, { signal }), [id], EVERY_MS)
  const looking = place.value?.query.get("look") === "1"
  const session = found.value
  useTitle(session ? `${session.title} · Session` : "Session")
  if (!session) return found.fault ? <><h1>Session</h1><ErrorBox text={found.fault} again={found.again} /></> : <Waiting />
  return (
    <>
      <Head session={session} looking={looking} again={found.again} />
      {may("operator") ? <Body key={String(looking)} session={session} looking={looking} again={found.again} /> : <Outside session={session} />}
    </>
  )
}

/** What it was when we came stays: a terminal that ends under our eyes keeps its last picture. */
function Body(props: { session: Session; looking: boolean; again: () => void }) {
  const { session } = props
  const live = useSignal(!session.ended)
  const label = `Terminal on ${session.node}`
  if (live.value) {
    return (
      <>
        {session.ended && session.recording > 0 && <p><button type="button" class="primary" onClick={() => { live.value = false }}>Replay</button></p>}
        <TerminalView id={session.id} label={label} readOnly={props.looking} over={props.again} />
      </>
    )
  }
  if (session.recording) return <Replay id={session.id} label={label} size={session.recording} />
  return <p class="empty">{session.recorded ? "Its recording is no longer kept." : "It was not recorded."}</p>
}

function Outside(props: { session: Session }) {
  const { session } = props
  return (
    <section class="card" aria-label="Who is in it">
      {!session.ended && <p><People people={session.people} /></p>}
      <p class="faint">What a terminal shows, and its recording, are for operators.</p>
    </section>
  )
}

function Head(props: { session: Session; looking: boolean; again: () => void }) {
  const { session, looking } = props
  const inviting = useSignal(false)
  const open = !session.ended
  const again = () => go(addressOf("/sessions", {}, { new: "1", node: session.node }))
  useKeys(may("operator") ? [{ key: "n", does: "new terminal on this node", action: again }] : [])
  const link = (look: string) => new URL(addressOf("/sessions/{session}", { session: session.id }, { look }), document.baseURI).href
  return (
    <header>
      <div class="page-head session-head">
        <h1>{visible(session.title)}</h1>
        <div class="session-actions">
          {open && may("operator") && <a class="button" href={addressOf("/sessions/{session}", { session: session.id }, { look: looking ? "" : "1" })}>{looking ? "Join with the keyboard" : "Only look on"}</a>}
          {open && may("operator") && <button type="button" aria-expanded={inviting.value} onClick={() => { inviting.value = !inviting.value }}>Invite</button>}
          {mayEnd(session, me.value) && <button type="button" class="danger" onClick={() => endForAll(session, props.again)}>End for all</button>}
          {!open && may("operator") && <button type="button" onClick={again}>New terminal there</button>}
          {!open && may("admin") && session.recording > 0 && <button type="button" onClick={() => removeRecording(session, props.again)}>Remove recording</button>}
        </div>
        {inviting.value && (
          <div class="session-invite">
            <p class="faint">Whoever may open terminals comes in by this link, to type:</p><CopyLine text={link("")} />
            <p class="faint after">or only to look on:</p><CopyLine text={link("1")} />
          </div>
        )}
      </div>
      <p class="session-line">
        On <a href={addressOf("/nodes/{node}", { node: session.node })}>{session.node}</a>{session.user && <> as <code>{visible(session.user)}</code></>}
        {session.argv.length > 0 && <>, <code class="command" title={oneLine(joinWords(session.argv))}>{oneLine(joinWords(session.argv))}</code></>}, begun by <bdi>{session.by}</bdi> <Ago time={session.created} />{!open && <>, over after <time title={clock(millis(session.ended))} dateTime={session.ended ?? ""}>{lasted(session, now.value)}</time></>}
        {open ? (session.recorded ? ", recorded" : ", not recorded") : session.recording > 0 && `, ${bytes(session.recording)} recorded`}
        {!open && <>. How it ended: {visible(endOf({ state: session.state, exit_code: session.exit_code, reason: session.why }))}.</>}
      </p>
    </header>
  )
}

function removeRecording(session: Session, done: () => void): void {
  confirmFirst("Remove the recording?", <p>What <strong>{visible(session.title)}</strong> has shown is gone for good. That it was there stays in the list and in the audit log.</p>, "Remove", async () => {
    await ask("DELETE", `sessions/${part(session.id)}/recording`)
    say("The recording is removed")
    done()
  }, true)
}

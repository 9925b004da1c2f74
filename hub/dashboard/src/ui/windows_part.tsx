// Maintenance windows: planned times in which nobody is to be troubled. Once, each week, or by cron, with what comes next of it
// shown before it is kept.

import { useSignal } from "@preact/signals"
import { ask, askAll, part } from "../core/api.ts"
import { clock, millis } from "../core/format.ts"
import { visible } from "../core/harmless.ts"
import { textOf } from "../core/problems.ts"
import { seconds, writeSeconds } from "../core/run_form.ts"
import { may } from "../core/session.ts"
import { useAnswer } from "./answer.ts"
import { confirmFirst, Dialog, say } from "./dialogs.tsx"
import { fieldOf, Form } from "./forms.tsx"
import { ErrorBox, Waiting } from "./notices.tsx"

type Span = { begin: string | null; end: string | null }
type Window = { name: string; selector: string; seconds: number; begin: string | null; cron: string; zone: string; reason: string; created_by: string; on: boolean; next: Span[] }
type Repeats = "once" | "weekly" | "cron"

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

export function WindowsPart() {
  const list = useAnswer((signal) => askAll<Window>("windows", {}, signal))
  const adding = useSignal(false)
  const remove = (window: Window) => confirmFirst(`Remove the window ${window.name}?`, "What happens in it is told of from now on.", "Remove", async () => {
    await ask("DELETE", `windows/${part(window.name)}`)
    list.again()
    say(`${window.name} is removed`)
  }, true)
  return (
    <section aria-label="Maintenance windows">
      <div class="head section">
        <h2>Maintenance windows</h2>
        {may("operator") && <button type="button" onClick={() => { adding.value = true }}>Add a window</button>}
      </div>
      {list.fault && <ErrorBox text={list.fault} again={list.again} />}
      {!list.value ? !list.fault && <Waiting /> : !list.value.length ? <p class="faint">None is planned.</p> : (
        <ul class="silences">
          {list.value.map((window) => (
            <li key={window.name}>
              <div>
                <strong>{window.name}</strong>{window.on && " (on now)"}: <code>{window.selector}</code>, {writeSeconds(window.seconds)} {window.cron ? <>at <code>{window.cron}</code> ({window.zone})</> : "once"}<br />
                <span class="faint">{window.next[0] ? `next ${spanWords(window.next[0])}` : "over"}, by {window.created_by}{window.reason && `: ${visible(window.reason)}`}</span>
              </div>
              {may("operator") && <button type="button" aria-label={`Remove the window ${window.name}`} onClick={() => remove(window)}>Remove</button>}
            </li>
          ))}
        </ul>
      )}
      {adding.value && <WindowDialog close={() => { adding.value = false }} done={() => { adding.value = false; list.again() }} />}
    </section>
  )
}

function spanWords(span: Span): string {
  return `${clock(millis(span.begin)).slice(0, 16)} to ${clock(millis(span.end)).slice(0, 16)}`
}

/** What a form says, as the hub takes it; throws what is wrong. */
function bodyOf(given: FormData, repeats: Repeats): Record<string, unknown> {
  const lasts = seconds(fieldOf(given, "lasts"))
  if (Number.isNaN(lasts)) throw new Error("For: must be a time such as 30m, 2h")
  const body = { selector: fieldOf(given, "selector"), seconds: lasts, zone: fieldOf(given, "zone"), reason: fieldOf(given, "reason") }
  if (repeats === "cron") return { ...body, cron: fieldOf(given, "cron") }
  if (repeats === "once") return { ...body, begin: new Date(fieldOf(given, "begin")).toISOString() }
  const [hour, minute] = fieldOf(given, "at").split(":")
  return { ...body, cron: `${Number(minute)} ${Number(hour)} * * ${fieldOf(given, "day")}` }
}

function WindowDialog(props: { close: () => void; done: () => void }) {
  const repeats = useSignal<Repeats>("once")
  const next = useSignal<Span[] | null>(null)
  const fault = useSignal("")
  const preview = async (form: HTMLFormElement | null) => {
    if (!form?.reportValidity()) return
    next.value = null
    fault.value = ""
    try {
      next.value = (await ask<Window>("POST", "windows/preview", { body: bodyOf(new FormData(form), repeats.value) })).next
    } catch (error) {
      fault.value = textOf(error)
    }
  }
  const submit = async (given: FormData) => {
    const name = fieldOf(given, "name")
    await ask("PUT", `windows/${part(name)}`, { body: bodyOf(given, repeats.value) })
    say(`${name} is planned`)
    props.done()
  }
  return (
    <Dialog title="Add a window" close={props.close}>
      <Form submit="Add" action={submit} class="fields upright">
        <label>Name <input name="name" required maxLength={64} autoComplete="off" spellcheck={false} /></label>
        <label>Of nodes <input name="selector" required defaultValue="all" autoComplete="off" spellcheck={false} /></label>
        <label>When
          <select value={repeats.value} onChange={(event) => { repeats.value = event.currentTarget.value as Repeats; next.value = null }}>
            <option value="once">once</option><option value="weekly">each week</option><option value="cron">by cron</option>
          </select>
        </label>
        {repeats.value === "once" && <label>Begins <input name="begin" type="datetime-local" required /></label>}
        {repeats.value === "weekly" && (
          <>
            <label>Day <select name="day">{DAYS.map((day, at) => <option key={day} value={at}>{day}</option>)}</select></label>
            <label>Begins <input name="at" type="time" required defaultValue="03:00" /></label>
          </>
        )}
        {repeats.value === "cron" && <label>Cron <input name="cron" required placeholder="0 3 * * 1-5" autoComplete="off" spellcheck={false} /></label>}
        {repeats.value !== "once" && <label>By the clocks of <input name="zone" required defaultValue={Intl.DateTimeFormat().resolvedOptions().timeZone} autoComplete="off" spellcheck={false} /></label>}
        {repeats.value === "once" && <input type="hidden" name="zone" value="UTC" />}
        <label>For <input name="lasts" required defaultValue="2h" autoComplete="off" /></label>
        <label>Why <input name="reason" maxLength={500} autoComplete="off" /></label>
        <button type="button" onClick={(event) => void preview(event.currentTarget.form)}>When is that?</button>
        {fault.value && <p class="fault" role="alert">{fault.value}</p>}
        {next.value && <ul aria-label="Next times">{next.value.map((span) => <li key={span.begin}>{spanWords(span)}</li>)}</ul>}
      </Form>
    </Dialog>
  )
}

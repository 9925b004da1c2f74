// Maintenance windows: all that are planned, and a form to plan one that shows when it would come.

import { useSignal } from "@preact/signals"
import { useEffect } from "preact/hooks"
import { ask, askAll, part } from "../core/api.ts"
import { visible } from "../core/harmless.ts"
import { textOf } from "../core/problems.ts"
import { may } from "../core/session.ts"
import { bodyOf, DAYS, LENGTHS, type MaintenanceWindow, spanWords, type When, type WindowForm, windowWords } from "../core/windows.ts"
import { useAnswer } from "./answer.ts"
import { Dialog, say } from "./dialogs.tsx"
import { fieldOf, Form } from "./forms.tsx"
import { ErrorBox, Waiting } from "./notices.tsx"
import "./windows.css"

/** Milliseconds that typing has to rest before the hub is asked when it would come. */
const REST_MS = 350

const USUAL = 4 * 3600

/** All that are planned; who may remove and plan sees how. */
export function WindowsDialog(props: { selector: string; close: () => void }) {
  const list = useAnswer((signal) => askAll<MaintenanceWindow>("windows", {}, signal))
  const fault = useSignal("")
  const planning = useSignal(false)
  const remove = async (window: MaintenanceWindow) => {
    fault.value = ""
    try {
      await ask("DELETE", `windows/${part(window.name)}`)
      say(`${window.name} is no longer planned`)
    } catch (error) {
      fault.value = textOf(error)
    }
    list.again()
  }
  if (planning.value) return <PlanDialog selector={props.selector} close={() => { planning.value = false; list.again() }} />
  return (
    <Dialog title="Maintenance" close={props.close}>
      <p>While a window is on, its nodes are silenced. What begins and ends within it is never told; what is still wrong after it is told then.</p>
      {(fault.value || list.fault) && <ErrorBox text={fault.value || list.fault} />}
      {!list.value ? !list.fault && <Waiting /> : !list.value.length ? <p>No maintenance is planned.</p> : (
        <ul class="silences">
          {list.value.map((window) => (
            <li key={window.name}>
              <div>
                <strong>{window.name}</strong> <code>{window.selector}</code><br />
                {windowWords(window)}{window.reason && <>: <q>{visible(window.reason)}</q></>}<br />
                <span class="faint">{window.next[0] ? `${window.on ? "on: " : "next: "}${spanWords(window.next[0])}` : "over"}, planned by {window.created_by}</span>
              </div>
              {may("operator") && <button type="button" aria-label={`Remove ${window.name}`} onClick={() => void remove(window)}>Remove</button>}
            </li>
          ))}
        </ul>
      )}
      <footer>
        {may("operator") && <button type="button" onClick={() => { planning.value = true }}>Plan maintenance</button>}
        <button type="button" class="primary" onClick={props.close}>Done</button>
      </footer>
    </Dialog>
  )
}

function PlanDialog(props: { selector: string; close: () => void }) {
  const form = useSignal<WindowForm>({
    selector: props.selector, when: "once", begin: "", days: [], at: "22:00", cron: "", zone: Intl.DateTimeFormat().resolvedOptions().timeZone, seconds: USUAL, reason: "",
  })
  const set = (change: Partial<WindowForm>) => { form.value = { ...form.value, ...change } }
  const { when, days } = form.value
  const submit = async (given: FormData) => {
    const body = bodyOf(form.value)
    if (typeof body === "string") throw new Error(body)
    const made = await ask<MaintenanceWindow>("PUT", `windows/${part(fieldOf(given, "name"))}`, { body })
    say(`${made.name} is planned`)
    props.close()
  }
  const flip = (day: number) => set({ days: days.includes(day) ? days.filter((each) => each !== day) : [...days, day] })
  return (
    <Dialog title="Plan maintenance" close={props.close}>
      <Form action={submit} submit="Plan">
        <label>Name <input name="name" required maxLength={64} pattern="[A-Za-z0-9._@\-]+" autoComplete="off" spellcheck={false} placeholder="backup" /></label>
        <label>Nodes <input value={form.value.selector} required maxLength={1000} autoComplete="off" spellcheck={false} placeholder="tag:room=lab" onInput={(event) => set({ selector: event.currentTarget.value })} /></label>
        <label>When
          <select value={when} onChange={(event) => set({ when: event.currentTarget.value as When })}>
            <option value="once">once</option>
            <option value="weekly">each week</option>
            <option value="cron">by cron</option>
          </select>
        </label>
        {when === "once" && <label>Begins <input type="datetime-local" required value={form.value.begin} onInput={(event) => set({ begin: event.currentTarget.value })} /></label>}
        {when === "weekly" && (
          <>
            <fieldset class="days">
              <legend>On</legend>
              {DAYS.map(([day, name]) => <label key={day}><input type="checkbox" checked={days.includes(day)} onChange={() => flip(day)} /> {name}</label>)}
            </fieldset>
            <label>At <input type="time" required value={form.value.at} onInput={(event) => set({ at: event.currentTarget.value })} /></label>
          </>
        )}
        {when === "cron" && <label>Cron <input required maxLength={100} autoComplete="off" spellcheck={false} placeholder="30 3 1 * *" value={form.value.cron} onInput={(event) => set({ cron: event.currentTarget.value })} /></label>}
        {when !== "once" && <label>By the clocks of <input required maxLength={64} autoComplete="off" spellcheck={false} value={form.value.zone} onInput={(event) => set({ zone: event.currentTarget.value })} /></label>}
        <label>For
          <select value={form.value.seconds} onChange={(event) => set({ seconds: Number(event.currentTarget.value) })}>
            {LENGTHS.map(([value, name]) => <option key={value} value={value}>{name}</option>)}
          </select>
        </label>
        <label>Why <input maxLength={500} autoComplete="off" placeholder="shown with the nodes" value={form.value.reason} onInput={(event) => set({ reason: event.currentTarget.value })} /></label>
        <Preview form={form.value} />
      </Form>
    </Dialog>
  )
}

/** When it would come, as the hub reckons it. */
function Preview(props: { form: WindowForm }) {
  const said = useSignal<{ lines: string[]; fault: string }>({ lines: [], fault: "" })
  const body = bodyOf(props.form)
  useEffect(() => {
    if (typeof body === "string") {
      said.value = { lines: [], fault: "" }
      return
    }
    const wanted = new AbortController()
    const timer = setTimeout(() => {
      ask<MaintenanceWindow>("POST", "windows/preview", { body, signal: wanted.signal }).then(
        (window) => { said.value = { lines: window.next.map(spanWords), fault: "" } },
        (error: unknown) => { if (!wanted.signal.aborted) said.value = { lines: [], fault: textOf(error) } },
      )
    }, REST_MS)
    return () => {
      clearTimeout(timer)
      wanted.abort()
    }
  }, [JSON.stringify(body)])
  return (
    <div class="coming" role="status">
      {typeof body === "string" ? <span class="faint">{body}</span> : said.value.fault ? <span class="fault">{said.value.fault}</span> : said.value.lines.length > 0 && (
        <>
          It comes:
          <ul>{said.value.lines.map((line) => <li key={line}>{line}</li>)}</ul>
        </>
      )}
    </div>
  )
}

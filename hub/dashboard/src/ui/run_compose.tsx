// The form for a run: on which nodes that is right now, what exactly is started, and how carefully. Nothing is sent before it
// has been said once more, what on which nodes.

import { useComputed, useSignal } from "@preact/signals"
import type { ComponentChildren } from "preact"
import { useEffect, useRef } from "preact/hooks"
import { ask, part } from "../core/api.ts"
import { nodes } from "../core/fleet.ts"
import { count } from "../core/format.ts"
import { visible } from "../core/harmless.ts"
import { addressOf } from "../core/pages.ts"
import { Problem, textOf } from "../core/problems.ts"
import { go } from "../core/router.ts"
import { EMPTY, formOf, orderOf, type RunForm } from "../core/run_form.ts"
import { batchText, type Run } from "../core/runs.ts"
import { parse } from "../core/selector.ts"
import { splitWords } from "../core/shell_words.ts"
import type { Node } from "../core/types.ts"
import { confirmFirst } from "./dialogs.tsx"
import { ErrorBox } from "./notices.tsx"
import { SelectorInput } from "./selector_input.tsx"

/** Names that are shown of the nodes that a selector means. */
const NAMED = 30

export function RunCompose(props: { selector: string; again: string; close: () => void }) {
  const form = useSignal<RunForm>({ ...EMPTY, selector: props.selector })
  const tried = useSignal(false)
  const fault = useSignal("")
  const meant = useComputed(() => meantBy(form.value.selector))
  const box = useRef<HTMLFormElement>(null)

  useEffect(() => {
    box.current?.querySelector<HTMLElement>("input")?.focus()
    if (!props.again) return
    ask<Run>("GET", `runs/${part(props.again)}`).then(
      (run) => { form.value = formOf(run) },
      (error: unknown) => { fault.value = `What was run before could not be read: ${textOf(error)}` },
    )
  }, [])

  const order = useComputed(() => orderOf(form.value))
  const set = (change: Partial<RunForm>) => { form.value = { ...form.value, ...change } }
  const faultOf = (field: keyof RunForm) => (tried.value || form.value[field] !== EMPTY[field] ? order.value.faults[field] : undefined)
  const told = (field: keyof RunForm) => ({ "aria-invalid": !!faultOf(field), "aria-describedby": `run-${field}` })
  const text = (field: keyof RunForm, label: string, hint = "") => (
    <Labelled label={label} id={`run-${field}`} fault={faultOf(field)}>
      <input aria-label={label} {...told(field)} value={form.value[field]} placeholder={hint} spellcheck={false} autoComplete="off" onInput={(event) => set({ [field]: event.currentTarget.value })} />
    </Labelled>
  )
  const area = (field: keyof RunForm, label: string, rows: number, hint = "") => (
    <Labelled label={label} id={`run-${field}`} fault={faultOf(field)}>
      <textarea aria-label={label} {...told(field)} rows={rows} value={form.value[field]} placeholder={hint} spellcheck={false} onInput={(event) => set({ [field]: event.currentTarget.value })} />
    </Labelled>
  )

  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    tried.value = true
    fault.value = ""
    const found = meant.value
    if (Object.keys(order.value.faults).length || !found?.length) {
      if (found && !found.length) fault.value = "This selector means no node right now."
      box.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus()
      return
    }
    const { body } = order.value
    confirmFirst(`Run it on ${count(found.length, "node")}?`, <Summary form={form.value} nodes={found} />, "Run", async () => {
      try {
        const run = await ask<Run>("POST", "runs", { body })
        go(addressOf("/runs/{run}", { run: run.id }))
      } catch (error) {
        if (error instanceof Problem && error.field) fault.value = textOf(error)
        throw error
      }
    })
  }

  const { kind } = form.value
  return (
    <form ref={box} class="card run-compose" aria-label="New run" onSubmit={submit} noValidate>
      <div class="page-head"><h2>New run</h2><button type="button" class="plain" aria-label="Close" onClick={props.close}>✕</button></div>
      {fault.value && <ErrorBox text={fault.value} />}
      <div>
        <span class="run-label">Nodes</span>
        <SelectorInput label="Nodes" value={form.value.selector} change={(selector) => set({ selector })} placeholder="web-1, tag:room=lab and state:online, all" />
        <span class="fault">{faultOf("selector")}</span>
      </div>
      <MeantNodes nodes={meant.value} selector={form.value.selector} />
      <fieldset class="run-kind">
        <legend>What</legend>
        <label class="check"><input type="radio" name="kind" checked={kind === "command"} onChange={() => set({ kind: "command" })} /> a command</label>
        <label class="check"><input type="radio" name="kind" checked={kind === "script"} onChange={() => set({ kind: "script" })} /> a script</label>
      </fieldset>
      {kind === "command"
        ? <>{text("command", "Command", "systemctl restart readout")}<SplitWords text={form.value.command} /></>
        : <>{area("script", "Script (its first line says by what it is run)", 8)}{text("args", "Its arguments")}<SplitWords text={form.value.args} args /></>}
      <div class="run-fields">
        {text("user", "As user", "as its policy says")}
        {text("timeout", "Timeout (each node)", "5m")}
        {text("batch", "Nodes at a time", "all; or 10, 25%")}
        {text("maxFailures", "Stop above so many failures", "never")}
        {text("queue", "Wait for offline nodes", "0, 10m, 1d")}
      </div>
      {text("reason", "Reason (in the history and the audit log)")}
      <details>
        <summary>More: folder, environment, input, limits</summary>
        <div class="run-fields">{text("cwd", "Folder")}{text("memory", "Memory at most", "no limit; 512M")}{text("cpu", "CPU percent of a core at most", "no limit")}</div>
        {area("env", "Environment (NAME=value, one a line)", 2)}
        {area("stdin", "Input (stdin)", 2)}
      </details>
      <footer><button type="button" onClick={props.close}>Close</button><button type="submit" class="primary">Run ...</button></footer>
    </form>
  )
}

function Labelled(props: { label: string; id: string; fault: string | undefined; children: ComponentChildren }) {
  return <label><span>{props.label}</span>{props.children}<span class="fault" id={props.id}>{props.fault}</span></label>
}

/** The nodes that a selector means in the fleet as it is now; null while it means nothing. */
function meantBy(selector: string): Node[] | null {
  if (!selector.trim()) return null
  try {
    return nodes.value.filter(parse(selector)).filter((node) => node.state !== "revoked")
  } catch {
    return null // the field says what is wrong with it
  }
}

function MeantNodes(props: { nodes: Node[] | null; selector: string }) {
  const { nodes } = props
  if (!props.selector.trim()) return <p class="faint run-meant">Names, globs and tags: <code>web-*</code>, <code>tag:room=lab</code>, <code>os:debian* and not state:silent</code>.</p>
  if (!nodes) return null
  const away = nodes.filter((node) => !node.connected).length
  return (
    <p class="run-meant" role="status">
      <strong>{count(nodes.length, "node")}</strong> right now{away > 0 && <>, {away} of them not connected</>}{nodes.length > 0 && ": "}<Names nodes={nodes} />
    </p>
  )
}

function Names(props: { nodes: Node[] }) {
  return (
    <>
      {props.nodes.slice(0, NAMED).map((node) => <span key={node.id} class={node.connected ? "tag" : "tag away"}><bdi>{node.name}</bdi></span>)}
      {props.nodes.length > NAMED && <span class="faint"> and {props.nodes.length - NAMED} more</span>}
    </>
  )
}

/** What is started, word by word: no shell is between. */
function SplitWords(props: { text: string; args?: boolean }) {
  const { words, plain } = splitWords(props.text)
  if (!words.length) return null
  return (
    <div class="run-words">
      <p aria-label={props.args ? "Arguments" : "What is started"}>{words.map((word, at) => <code key={at}>{visible(word) || "''"}</code>)}</p>
      {plain.length > 0 && !props.args && <p class="run-hint">No shell reads this: {plain.map((one) => <code key={one}>{one}</code>)} {plain.length > 1 ? "are" : "is"} passed on as {plain.length > 1 ? "they are" : "it is"}. Use a script where a shell is needed.</p>}
    </div>
  )
}

function Summary(props: { form: RunForm; nodes: Node[] }) {
  const { form } = props
  const { words } = splitWords(form.kind === "command" ? form.command : form.args)
  const lines = [
    form.user && `as ${form.user}`, `at most ${form.timeout} on each`, form.batch && batchText(form.batch),
    form.maxFailures && `stopping after more than ${count(Number(form.maxFailures), "failure")}`, form.queue !== "0" && form.queue && `waiting ${form.queue} for nodes that are offline`,
  ].filter((line) => line)
  return (
    <>
      {form.kind === "script" && <pre class="run-script" tabIndex={0}>{visible(form.script)}</pre>}
      {words.length > 0 && <p class="run-words"><span>{words.map((word, at) => <code key={at}>{visible(word) || "''"}</code>)}</span></p>}
      <p>on <Names nodes={props.nodes} /></p>
      <p class="faint">{lines.join("; ")}</p>
      {form.reason && <p>Reason: <q>{visible(form.reason)}</q></p>}
    </>
  )
}

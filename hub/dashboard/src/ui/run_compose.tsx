// The form for a run: on which nodes that is right now, what exactly is started, and how carefully. Nothing is sent before it
// has been said once more, what on which nodes.

import { useComputed, useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import { ask, part } from "../core/api.ts"
import { count } from "../core/format.ts"
import { visible } from "../core/harmless.ts"
import { addressOf } from "../core/pages.ts"
import { Problem, textOf } from "../core/problems.ts"
import { go } from "../core/router.ts"
import { EMPTY, formOf, orderOf, type RunForm } from "../core/run_form.ts"
import { batchText, type Run } from "../core/runs.ts"
import { splitWords } from "../core/shell_words.ts"
import type { Node } from "../core/types.ts"
import { confirmFirst } from "./dialogs.tsx"
import { meantBy, Names, NodesField } from "./meant_nodes.tsx"
import { ErrorBox } from "./notices.tsx"
import { orderFields } from "./order_fields.tsx"

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
  const { set, faultOf, text, area } = orderFields("run", form, EMPTY, order.value.faults, tried.value)

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
      <NodesField selector={form.value.selector} change={(selector) => set({ selector })} fault={faultOf("selector")} meant={meant.value} />
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

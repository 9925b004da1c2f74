// A layout, written while one sees what becomes of it: the hub checks it a moment after the last key, says each fault with its
// line, and what is good is shown at once, to this person only. Saving shows it to everyone.

import { type Signal, useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import { ask, part } from "../core/api.ts"
import { save } from "../core/log_download.ts"
import type { PackageFeed } from "../core/package_feed.ts"
import type { LayoutFault, LayoutNode } from "../core/package_types.ts"
import { textOf } from "../core/problems.ts"
import { confirmFirst, say } from "./dialogs.tsx"

const CHECK_MS = 400
const BEGIN = '<package>\n  <table>\n    <row>\n      <canvas><histo name="NAME"/></canvas>\n    </row>\n  </table>\n</package>\n'

type Check = { ok: boolean; problems: LayoutFault[]; tree: LayoutNode }

export function LayoutEditor(props: { feed: PackageFeed; preview: Signal<LayoutNode | null>; close: () => void }) {
  const { feed, preview } = props
  const text = useSignal(feed.layout.peek()?.text || BEGIN.replace("NAME", [...feed.names.peek()][0]?.replace(/[<>&"]/g, "") ?? "name"))
  const faults = useSignal<LayoutFault[]>([])
  const fault = useSignal("")
  const good = useSignal(false)
  const area = useRef<HTMLTextAreaElement>(null)

  useEffect(() => {
    const stop = new AbortController()
    const timer = setTimeout(() => {
      ask<Check>("POST", `packages/${part(feed.key)}/layout/check`, { body: { text: text.value }, signal: stop.signal }).then(
        (check) => {
          fault.value = ""
          faults.value = check.problems
          good.value = check.ok
          if (check.ok) preview.value = check.tree
        },
        (error: unknown) => { if (!stop.signal.aborted) fault.value = textOf(error) },
      )
    }, CHECK_MS)
    good.value = false
    return () => {
      clearTimeout(timer)
      stop.abort()
    }
  }, [text.value])
  useEffect(() => () => { preview.value = null }, [])

  const goTo = (line: number) => {
    const lines = text.value.split("\n")
    const from = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0)
    area.current?.focus()
    area.current?.setSelectionRange(from, from + (lines[line - 1]?.length ?? 0))
  }
  const put = async () => {
    try {
      feed.layout.value = await ask("PUT", `packages/${part(feed.key)}/layout`, { body: { text: text.value } })
      say("The layout is saved: everyone sees it")
      props.close()
    } catch (error) {
      fault.value = textOf(error)
    }
  }
  const reset = () => confirmFirst("Go back to the program's layout?", <p>The uploaded layout is thrown away. What the program publishes with the package is shown again, or an automatic one.</p>, "Go back", async () => {
    await ask("DELETE", `packages/${part(feed.key)}/layout`)
    await feed.loadLayout()
    props.close()
  })
  return (
    <section class="layout-editor" aria-label="Layout">
      <label>Layout (XML)
        <textarea ref={area} rows={14} spellcheck={false} value={text.value} aria-invalid={faults.value.length > 0} onInput={(event) => { text.value = event.currentTarget.value }} />
      </label>
      <div role="status">
        {faults.value.length > 0 && <ul class="wrong">{faults.value.map((each, at) => <li key={at}><button type="button" class="linkish" onClick={() => goTo(each.line)}>line {each.line}</button>: {each.reason}</li>)}</ul>}
        {good.value && <p class="well">Good: this is how it looks</p>}
      </div>
      {fault.value && <p class="fault" role="alert">{fault.value}</p>}
      <div class="buttons">
        <button type="button" class="primary" disabled={!good.value} onClick={put}>Save for everyone</button>
        <button type="button" onClick={() => save(new Blob([text.value], { type: "application/xml" }), `${feed.about.peek()?.name ?? "layout"}.xml`)}>Download</button>
        {feed.layout.value?.origin === "uploaded" && <button type="button" onClick={reset}>Back to the program's</button>}
        <button type="button" class="plain" onClick={props.close}>Close</button>
      </div>
    </section>
  )
}

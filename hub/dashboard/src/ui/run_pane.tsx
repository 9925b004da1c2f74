// What one node wrote in a run, live: at its end unless one scrolls up.

import { useSignal } from "@preact/signals"
import { useLayoutEffect, useRef } from "preact/hooks"
import { bytes, millis, number, span } from "../core/format.ts"
import { visible } from "../core/harmless.ts"
import { save } from "../core/log_download.ts"
import { now } from "../core/now.ts"
import { addressOf } from "../core/pages.ts"
import { textOf } from "../core/problems.ts"
import { outputFile, type Pane } from "../core/run_feed.ts"
import { segments } from "../core/run_output.ts"
import { type RunNode, STATES } from "../core/runs.ts"
import { say } from "./dialogs.tsx"
import { RunBadge } from "./run_parts.tsx"

/** Lines that are drawn, side by side and alone. */
const FEW = 400
const MANY = 3000

type Props = { run: string; node: RunNode; pane: Pane; alone: boolean; cancel?: () => void; only: () => void }

export function RunPane(props: Props) {
  const { node, pane } = props
  const text = useRef<HTMLPreElement>(null)
  const stick = useRef(true)
  const busy = useSignal(false)
  /** It had ended when one came: no higher than what it wrote. Later no pane changes its height. */
  const still = useRef(STATES[node.state].over).current
  pane.version.value
  useLayoutEffect(() => {
    if (stick.current && text.current) text.current.scrollTop = text.current.scrollHeight
  })
  const scrolled = () => {
    const element = text.current
    if (element) stick.current = element.scrollTop + element.clientHeight >= element.scrollHeight - 4
  }
  const download = async () => {
    if (busy.value) return
    busy.value = true
    try {
      save(await outputFile(props.run, node.node_id), `${props.run}-${node.node}.log`)
    } catch (error) {
      say(`The download failed: ${textOf(error)}`)
    } finally {
      busy.value = false
    }
  }
  const most = props.alone ? MANY : FEW
  const { lines, dropped } = pane.output
  const left = dropped + Math.max(0, lines.length - most)
  return (
    <section class={still ? "run-pane still" : "run-pane"} aria-label={`Output of ${node.node}`}>
      <header>
        <h2><a href={addressOf("/nodes/{node}", { node: node.node })}><bdi>{node.node}</bdi></a></h2>
        <RunBadge state={node.state} />
        <span class="faint">{ending(node)}</span>
        <span class="spring" />
        {props.cancel && !STATES[node.state].over && <button type="button" class="small" onClick={props.cancel}>Cancel</button>}
        <button type="button" class="small" aria-disabled={busy.value} onClick={download}>Download</button>
        <button type="button" class="small" onClick={props.only}>{props.alone ? "Side by side" : "Alone"}</button>
      </header>
      {node.reason && node.reason !== `exit code ${node.exit_code}` && <p class="run-reason">{visible(node.reason)}</p>}
      {pane.fault.value && <p class="fault" role="alert">{pane.fault.value}</p>}
      <pre ref={text} tabIndex={0} role="log" aria-live="off" aria-label={`What ${node.node} wrote`} onScroll={scrolled}>
        {left > 0 && <span class="note">{number(left)} earlier lines are not shown: download them{"\n"}</span>}
        {segments(lines, most).map((each, at) => <span key={at} class={each.stream}>{each.stream === "note" ? `[${each.text}]` : each.text}{"\n"}</span>)}
        {pane.loaded.value && !lines.length && <span class="note">{STATES[node.state].over ? "It wrote nothing." : "Nothing yet."}</span>}
      </pre>
      {node.cut > 0 && <p class="faint">{bytes(node.cut)} of output were left out at the node: more than the run may keep.</p>}
    </section>
  )
}

/** `exit 3, 5 s`: how it ended, or how long it has been going on. */
function ending(node: RunNode): string {
  const began = millis(node.started)
  const ended = millis(node.ended)
  const parts = [node.exit_code >= 0 ? `exit ${node.exit_code}` : "", began ? span(Math.max(0, (ended || now.value) - began)) : ""]
  return parts.filter((part) => part).join(", ")
}

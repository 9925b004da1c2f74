// A node's log of the last hour, going on as it is written.

import { useSignal } from "@preact/signals"
import { EVERYTHING } from "../core/log_filter.ts"
import { placeOfLine } from "../core/log_lines.ts"
import { rfc3339 } from "../core/moments.ts"
import type { Node } from "../core/types.ts"
import { LogDialog } from "../ui/log_dialog.tsx"
import { LogPanel } from "../ui/log_panel.tsx"

type Name = Parameters<typeof LogDialog>[0]["name"]

export function NodeLog(props: { node: Node }) {
  const { node } = props
  const wrap = useSignal(false)
  const opened = useSignal<Name | null>(null)
  return (
    <section aria-labelledby="log">
      <h2 id="log">Log</h2>
      <div class="node-log">
        <LogPanel
          key={node.id} filter={{ ...EVERYTHING, q: `id:${node.id}`, since: "1h" }} wrap={wrap.value} setWrap={(on) => { wrap.value = on }} name={node.name}
          open={(line) => { opened.value = { node: line.nodeId, time: rfc3339(line.time), place: placeOfLine(line) } }} showNode={false}
          empty="No lines in the last hour. New ones appear here by themselves."
        />
      </div>
      {opened.value && <LogDialog name={opened.value} close={() => { opened.value = null }} go={(name) => { opened.value = name }} />}
    </section>
  )
}

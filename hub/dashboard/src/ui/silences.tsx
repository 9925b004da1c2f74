// Silences: made for some nodes, and all that are on, to be looked at and ended. Nobody is troubled about a silenced node.

import { useSignal } from "@preact/signals"
import { ask, askAll, part } from "../core/api.ts"
import { count } from "../core/format.ts"
import { visible } from "../core/harmless.ts"
import { now } from "../core/now.ts"
import { textOf } from "../core/problems.ts"
import { may } from "../core/session.ts"
import { type Silence, silenceWords, SPANS } from "../core/silences.ts"
import type { Node } from "../core/types.ts"
import { windowOf } from "../core/windows.ts"
import { useAnswer } from "./answer.ts"
import { Ago } from "./badges.tsx"
import { Dialog, say } from "./dialogs.tsx"
import { Choice, fieldOf, Form } from "./forms.tsx"
import { ErrorBox, Waiting } from "./notices.tsx"

const USUAL = 2 * 3600

/** Beside a node's state: that it is silenced, and, where there is room, until when and by whom. */
export function Silenced(props: { node: Node; brief?: boolean }) {
  const { silenced } = props.node
  if (!silenced || Date.parse(silenced.until ?? "") <= now.value) return null
  const words = silenceWords(silenced, now.value)
  const all = `silenced ${words}${silenced.reason && `: ${visible(silenced.reason)}`}`
  return props.brief ? <span class="silenced" title={all}><span aria-hidden="true">☾</span><span class="hidden">{all}</span></span> : <span class="silenced">{all}</span>
}

/** Silence the nodes that a selector names now; if so wanted, those too that it comes to name. */
export function SilenceDialog(props: { selector: string; nodes: readonly Node[]; close: () => void }) {
  const [first] = props.nodes
  const whom = props.nodes.length === 1 && first ? first.name : count(props.nodes.length, "node")
  const submit = async (given: FormData) => {
    const made = await ask<Silence>("POST", "silences", {
      body: { selector: props.selector, fixed: fieldOf(given, "whom") !== "ever", seconds: Number(fieldOf(given, "seconds")), reason: fieldOf(given, "reason") },
    })
    say(`${count(made.nodes, "node is", "nodes are")} silenced ${silenceWords({ id: made.id, until: made.until, by: made.created_by, reason: "" }, now.value)}`)
    props.close()
  }
  return (
    <Dialog title={`Silence ${whom}`} close={props.close}>
      <p>Whatever becomes of {props.nodes.length === 1 ? "it" : "them"}, nobody is troubled about it until then: it is shown as silenced. What is reported is kept as ever. It ends by itself.</p>
      <Form action={submit} submit="Silence">
        {props.nodes.length > 1 && (
          <label>Whom
            <select name="whom">
              <option value="now">these {count(props.nodes.length, "node")}</option>
              <option value="ever">whatever {props.selector.length > 40 ? "the selector" : props.selector} names, later too</option>
            </select>
          </label>
        )}
        <Choice name="seconds" label="For" value={USUAL} options={SPANS.map(([value, name]) => ({ value, name }))} />
        <label>Why <input name="reason" maxLength={500} autoComplete="off" placeholder="shown with the nodes" /></label>
      </Form>
    </Dialog>
  )
}

/** All that are on; who may end one sees how. */
export function SilencesDialog(props: { close: () => void }) {
  const list = useAnswer((signal) => askAll<Silence>("silences", {}, signal))
  const fault = useSignal("")
  const end = async (silence: Silence) => {
    fault.value = ""
    try {
      await ask("DELETE", `silences/${part(silence.id)}`)
      say("The silence is ended")
    } catch (error) {
      fault.value = textOf(error)
    }
    list.again()
  }
  return (
    <Dialog title="What is silenced" close={props.close}>
      {(fault.value || list.fault) && <ErrorBox text={fault.value || list.fault} />}
      {!list.value ? !list.fault && <Waiting /> : !list.value.length ? <p>Nothing is silenced.</p> : (
        <ul class="silences">
          {list.value.map((silence) => (
            <li key={silence.id}>
              <div>
                <code>{silence.selector}</code> <span class="faint">({count(silence.nodes, "node")}{silence.fixed && ", those of then"})</span><br />
                {silenceWords({ id: "", until: silence.until, by: silence.created_by, reason: "" }, now.value)}, since <Ago time={silence.created} />
                {silence.reason && <>: <q>{visible(silence.reason)}</q></>}
              </div>
              {windowOf(silence.id) && <span class="faint">by the window {windowOf(silence.id)}</span>}
              {may("operator") && !windowOf(silence.id) && <button type="button" aria-label={`End the silence of ${silence.selector}`} onClick={() => void end(silence)}>End</button>}
            </li>
          ))}
        </ul>
      )}
      <footer><button type="button" class="primary" onClick={props.close}>Done</button></footer>
    </Dialog>
  )
}

// The containers of a node: what runs, what has ended and with which code, and the way to what each has logged.

import { useSignal } from "@preact/signals"
import { askAll, part } from "../core/api.ts"
import { visible } from "../core/harmless.ts"
import { addressOf } from "../core/pages.ts"
import { nameTerm } from "../core/selector.ts"
import type { Node } from "../core/types.ts"
import { useAnswer } from "../ui/answer.ts"
import { Ago } from "../ui/badges.tsx"
import { ErrorBox } from "../ui/notices.tsx"

type Container = { id: string; engine: string; state: string; name?: string; image?: string; unit?: string; exit_code?: number; since?: string }

const AT_FIRST = 30
const SHORT = 12
const LONG_ID = 64
const SIGNS: Record<string, string> = { running: "●", restarting: "↻", paused: "‖", ended: "○" }
const ORDER = ["running", "restarting", "paused", "ended"]

/** `turn` grows when something was heard of them. */
export function Containers(props: { node: Node; turn: number }) {
  const list = useAnswer((signal) => askAll<Container>(`nodes/${part(props.node.id)}/containers`, {}, signal), [props.node.id, props.turn])
  const all = useSignal(false)
  if (list.fault) return <ErrorBox text={list.fault} again={list.again} />
  if (!list.value?.length) return null
  const found = [...list.value].sort((one, other) => ORDER.indexOf(one.state) - ORDER.indexOf(other.state) || (other.since ?? "").localeCompare(one.since ?? ""))
  const some = all.value ? found : found.slice(0, AT_FIRST)
  return (
    <section aria-labelledby="containers">
      <h2 id="containers">Containers</h2>
      <div class="wide-box" role="group" aria-labelledby="containers" tabIndex={0}>
        <table class="plain-table">
          <thead><tr><th scope="col">Name</th><th scope="col">State</th><th scope="col">Since</th><th scope="col">Image</th><th scope="col">Engine</th><th scope="col">Unit</th><th scope="col">Log</th></tr></thead>
          <tbody>
            {some.map((one) => (
              <tr key={`${one.engine}/${one.id}`}>
                <td title={one.id}>{visible(nameOf(one))}</td>
                <td><span class={`badge container-${one.state}${one.exit_code ? " container-failed" : ""}`}><span aria-hidden="true">{SIGNS[one.state] ?? "·"}</span> {visible(stateOf(one))}</span></td>
                <td>{one.since ? <Ago time={one.since} /> : "-"}</td>
                <td>{visible(one.image ?? "") || "-"}</td>
                <td>{visible(one.engine)}</td>
                <td title={one.unit}>{one.unit ? <code>{visible(one.unit.replace(one.id, short(one.id)))}</code> : "-"}</td>
                <td><a href={addressOf("/logs", {}, { q: nameTerm(props.node.name), unit: literally(nameOf(one)) })} aria-label={`What ${visible(nameOf(one))} has logged`}>log</a></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {some.length < found.length && <p class="more"><button type="button" onClick={() => { all.value = true }}>Show all {found.length}</button></p>}
    </section>
  )
}

const short = (id: string) => (id.length === LONG_ID ? id.slice(0, SHORT) : id)

/** As its lines name it. */
const nameOf = (one: Container) => one.name || short(one.id)

const stateOf = (one: Container) => (one.exit_code === undefined ? one.state : `${one.state} (${one.exit_code})`)

/** A glob that means this text. */
const literally = (text: string) => text.replace(/[*?[]/g, "[$&]")

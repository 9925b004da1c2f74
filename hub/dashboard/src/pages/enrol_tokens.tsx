// Every enrolment token: what it still lets in, who made it, and its end.

import { useSignal } from "@preact/signals"
import { useEffect } from "preact/hooks"
import type { EnrolToken } from "../core/admin_types.ts"
import { ask, askAll, part } from "../core/api.ts"
import { nodes } from "../core/fleet.ts"
import { number } from "../core/format.ts"
import { now } from "../core/now.ts"
import { keepInAddress, place } from "../core/router.ts"
import { inOrder, stateOf, usesText } from "../core/tokens.ts"
import { useAnswer } from "../ui/answer.ts"
import { Ago, Tags } from "../ui/badges.tsx"
import { confirmFirst, say } from "../ui/dialogs.tsx"
import { Empty, ErrorBox, Waiting } from "../ui/notices.tsx"
import { type Column, Rows } from "../ui/rows.tsx"

/** `turn` moves when one was made. */
export function EnrolTokens(props: { turn: number }) {
  const list = useAnswer((signal) => askAll<EnrolToken>("tokens", {}, signal), [props.turn])
  const known = nodes.value.length
  useEffect(() => { list.again() }, [known])
  const all = useSignal(place.value?.query.get("all") === "1")
  const moment = now.value
  const sorted = inOrder(list.value ?? [], moment)
  const open = sorted.filter((token) => stateOf(token, moment) === "open")
  const shown = all.value ? sorted : open
  const revoke = (token: EnrolToken) => {
    confirmFirst("Revoke this token?", `Nobody can join with it any more. Machines that have joined stay.`, "Revoke", async () => {
      await ask("DELETE", `tokens/${part(token.id)}`)
      list.again()
      say("The token is revoked")
    }, true)
  }
  const columns: Column<EnrolToken>[] = [
    { name: "Note", cell: (token) => token.note || <span class="faint">none</span> },
    { name: "Lets in", cell: (token) => stateOf(token, moment) === "open" ? usesText(token.uses) : stateOf(token, moment) },
    { name: "Expires", cell: (token) => <Ago time={token.expires} /> },
    { name: "Tags", cell: (token) => <Tags tags={token.tags} /> },
    { name: "Made", cell: (token) => <>{token.created_by} <Ago time={token.created} /></> },
    { name: "Token", cell: (token) => <code title={token.id}>{token.id.slice(0, 8)}</code> },
    { name: "Actions", actions: true, cell: (token) => stateOf(token, moment) === "open" && <button type="button" aria-label={`Revoke ${token.note || token.id.slice(0, 8)}`} onClick={() => revoke(token)}>Revoke</button> },
  ]
  return (
    <section>
      <div class="head">
        <h2>Tokens</h2>
        {list.value && sorted.length > open.length && (
          <label class="check">
            <input type="checkbox" checked={all.value} onChange={(event) => {
              all.value = event.currentTarget.checked
              keepInAddress({ all: all.value ? "1" : "" })
            }} /> also {number(sorted.length - open.length)} that let nobody in any more
          </label>
        )}
      </div>
      {list.fault && <ErrorBox text={list.fault} again={list.again} />}
      {!list.value ? !list.fault && <Waiting /> : shown.length
        ? <Rows label="Enrolment tokens" items={shown} columns={columns} keyOf={(token) => token.id} faint={(token) => stateOf(token, moment) !== "open"} />
        : <Empty>No token lets anybody in at the moment.</Empty>}
    </section>
  )
}

// What was done, by whom, to what, from where, and how it ended. The filters are in the address.

import { useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import type { AuditEntry } from "../core/admin_types.ts"
import { ask, type List } from "../core/api.ts"
import { clock, millis } from "../core/format.ts"
import { addressOf } from "../core/pages.ts"
import { textOf } from "../core/problems.ts"
import { go, keepInAddress, place } from "../core/router.ts"
import { useAnswer } from "../ui/answer.ts"
import { Ago } from "../ui/badges.tsx"
import { Empty, ErrorBox, Waiting } from "../ui/notices.tsx"
import { type Column, Rows } from "../ui/rows.tsx"
import { useTitle } from "../ui/shell.tsx"
import "../styles/audit.css"

const PAGE = 100
const FILTERS = ["actor", "action", "target"] as const
type Name = (typeof FILTERS)[number]

export function Audit() {
  useTitle("Audit")
  const query = place.value?.query
  const wanted = { actor: query?.get("actor") ?? "", action: query?.get("action") ?? "", target: query?.get("target") ?? "" }
  const older = useSignal<AuditEntry[]>([])
  const cursor = useSignal<string | null>(null)
  const busy = useSignal(false)
  const fault = useSignal("")
  const first = useAnswer((signal) => ask<List<AuditEntry>>("GET", "audit", { query: { ...wanted, limit: PAGE }, signal }), [wanted.actor, wanted.action, wanted.target])
  useEffect(() => {
    older.value = []
    cursor.value = null
  }, [first.value])
  const following = cursor.value ?? first.value?.next ?? ""
  const entries = [...(first.value?.items ?? []), ...older.value]
  const more = async () => {
    if (busy.value) return
    busy.value = true
    fault.value = ""
    try {
      const page = await ask<List<AuditEntry>>("GET", "audit", { query: { ...wanted, limit: PAGE, cursor: following } })
      older.value = [...older.value, ...page.items]
      cursor.value = page.next
    } catch (error) {
      fault.value = textOf(error)
    } finally {
      busy.value = false
    }
  }
  const only = (name: Name, value: string) => value && (
    <a href={addressOf("/audit", {}, { ...wanted, [name]: value })} title={`only ${name} ${value}`}>{value}</a>
  )
  const columns: Column<AuditEntry>[] = [
    { name: "When", cell: (entry) => <Ago time={entry.time} /> },
    { name: "Who", cell: (entry) => only("actor", entry.actor) },
    { name: "What", cell: (entry) => only("action", entry.action) },
    { name: "To", cell: (entry) => only("target", entry.target) },
    { name: "Outcome", cell: (entry) => <span class={/^ok(:|$)/.test(entry.outcome) ? "" : "bad-outcome"}>{entry.outcome || "not ended"}</span> },
    { name: "More", cell: (entry) => <Detail entry={entry} /> },
  ]
  return (
    <>
      <h1>Audit</h1>
      <Filters wanted={wanted} seen={entries} />
      {(first.fault || fault.value) && <ErrorBox text={first.fault || fault.value} again={first.again} />}
      {!first.value ? !first.fault && <Waiting /> : entries.length
        ? <Rows label="Audit log" items={entries} columns={columns} keyOf={(entry) => entry.id} />
        : <Empty>Nothing was done that fits.</Empty>}
      <div class="head after">
        {following ? <button type="button" aria-disabled={busy.value} onClick={() => void more()}>Older</button> : <span class="faint">{first.value && "That is all."}</span>}
        <button type="button" onClick={first.again}>Newest</button>
      </div>
    </>
  )
}

function Detail(props: { entry: AuditEntry }) {
  const { entry } = props
  return (
    <details class="audit-detail">
      <summary aria-label={`Detail of entry ${entry.id}`}>detail</summary>
      <dl class="facts">
        <dt>Exactly</dt><dd>{clock(millis(entry.time), true)}</dd>
        <dt>From</dt><dd>{entry.address || "the hub itself"}</dd>
        {Object.entries(entry.detail).map(([name, value]) => <><dt>{name}</dt><dd><code>{typeof value === "string" ? value : JSON.stringify(value)}</code></dd></>)}
      </dl>
    </details>
  )
}

const HINTS: Record<Name, string> = { actor: "a user, token or hub", action: "run.create, sign-in", target: "a node, selector or user" }

/** A field each: what is chosen or typed whole counts; what was seen is offered. */
function Filters(props: { wanted: Record<Name, string>; seen: readonly AuditEntry[] }) {
  const form = useRef<HTMLFormElement>(null)
  const apply = () => {
    const given = new FormData(form.current ?? undefined)
    keepInAddress(Object.fromEntries(FILTERS.map((name) => {
      const value = given.get(name)
      return [name, typeof value === "string" ? value.trim() : ""]
    })))
  }
  const filtered = FILTERS.some((name) => props.wanted[name])
  return (
    <form ref={form} class="fields" role="search" onSubmit={(event) => {
      event.preventDefault()
      apply()
    }}>
      {FILTERS.map((name, at) => (
        <label key={name} class="wide">{{ actor: "Who", action: "What", target: "To" }[name]}
          <input name={name} list={`seen-${name}`} maxLength={200} value={props.wanted[name]} placeholder={HINTS[name]} onChange={apply} spellcheck={false} autoComplete="off" {...(at === 0 ? { "data-search": "" } : {})} />
          <datalist id={`seen-${name}`}>{[...new Set(props.seen.map((entry) => entry[name]))].filter(Boolean).sort().map((value) => <option key={value} value={value} />)}</datalist>
        </label>
      ))}
      <div class="submit">
        <button type="submit">Show</button>
        {filtered && <button type="button" class="plain" onClick={() => go(addressOf("/audit"))}>Everything</button>}
      </div>
    </form>
  )
}

// Every node: found by a selector, sorted, as a table or as tiles, and chosen for what is done with many at once.

import { useComputed, useSignal, useSignalEffect } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import type { Host } from "../core/admin_types.ts"
import { ask, type List } from "../core/api.ts"
import { loaded, nodeNamed, nodes } from "../core/fleet.ts"
import { type ColumnId, COLUMNS, isLive, ordered, readColumns, readSort, writeSort } from "../core/fleet_order.ts"
import { count, number } from "../core/format.ts"
import { glances, watchGlances } from "../core/glances.ts"
import { recall, remember } from "../core/memory.ts"
import { now } from "../core/now.ts"
import { addressOf } from "../core/pages.ts"
import { keepInAddress, place } from "../core/router.ts"
import { meant, parse, STATES } from "../core/selector.ts"
import { may } from "../core/session.ts"
import { isSilenced } from "../core/silences.ts"
import type { Node } from "../core/types.ts"
import { useAnswer } from "../ui/answer.ts"
import { Empty, Waiting } from "../ui/notices.tsx"
import { SelectorInput } from "../ui/selector_input.tsx"
import { useTitle } from "../ui/shell.tsx"
import { SilencesDialog } from "../ui/silences.tsx"
import { WindowsDialog } from "../ui/windows.tsx"
import { VirtualTable } from "../ui/table.tsx"
import { columnsOf, titleOf } from "./fleet_columns.tsx"
import { Bulk } from "./fleet_actions.tsx"
import { Tiles } from "./fleet_tiles.tsx"
import "./fleet.css"

const MEMORY = "dvic.fleet.columns"
const ROW = 38
const ADDRESS_MS = 300
const NARROW = "(max-width: 640px)"

/** The nodes that a text finds, and the selector that finds them; what can't be understood finds what was found before. */
function useFound() {
  const typed = useSignal(place.value?.query.get("q") ?? "")
  const query = useSignal("all")
  useSignalEffect(() => {
    nodes.value
    const wanted = meant(typed.value, (name) => nodeNamed(name)?.name.toLowerCase() === name.toLowerCase())
    try {
      parse(wanted)
      query.value = wanted
    } catch {
      // the field says what is wrong with it
    }
  })
  const found = useComputed(() => (query.value === "all" ? nodes.value : nodes.value.filter(parse(query.value))))
  return { typed, query, found }
}

/** The found nodes in order. What changes all the time moves no row while somebody points at the table. */
function useOrder(found: { readonly value: readonly Node[] }, busy: { readonly value: boolean }) {
  const sort = useSignal(readSort(place.value?.query.get("sort") ?? ""))
  const rows = useSignal<readonly Node[]>([])
  const sorted = useRef("")
  useSignalEffect(() => {
    const { by, down } = sort.value
    const key = writeSort(sort.value)
    if (isLive(by) && busy.value && sorted.current === key) {
      const places = new Map(rows.peek().map((node, at) => [node.id, at]))
      rows.value = found.value.toSorted((one, other) => (places.get(one.id) ?? places.size) - (places.get(other.id) ?? places.size))
    } else rows.value = ordered(found.value, by, down, isLive(by) ? glances.value : glances.peek())
    sorted.current = key
  })
  return { sort, rows }
}

/** Which nodes are chosen: one by one, with Shift up to here, or all. */
function useChoice(rows: { readonly value: readonly Node[] }) {
  const ids = useSignal<ReadonlySet<string>>(new Set())
  const anchor = useRef("")
  const nodesChosen = useComputed(() => (ids.value.size ? rows.value.filter((node) => ids.value.has(node.id)) : []))
  const choose = (node: Node, at: number, event: Event) => {
    const next = new Set(ids.value)
    const from = rows.value.findIndex((each) => each.id === anchor.current)
    const [low, high] = event instanceof MouseEvent && event.shiftKey && from >= 0 ? [Math.min(from, at), Math.max(from, at)] : [at, at]
    const add = !ids.value.has(node.id)
    for (const each of rows.value.slice(low, high + 1)) {
      if (add) next.add(each.id)
      else next.delete(each.id)
    }
    anchor.current = node.id
    ids.value = next
  }
  const all = () => { ids.value = nodesChosen.value.length === rows.value.length ? new Set() : new Set(rows.value.map((node) => node.id)) }
  return { ids, nodes: nodesChosen, choose, all, none: () => { ids.value = new Set() } }
}

function ColumnMenu(props: { columns: readonly ColumnId[]; change: (columns: ColumnId[]) => void }) {
  const flip = (id: ColumnId) => props.change(COLUMNS.filter((each) => (each === id) !== props.columns.includes(each)))
  const box = useRef<HTMLDetailsElement>(null)
  useEffect(() => {
    const shut = (event: Event) => {
      const at = box.current
      if (!at?.open) return
      if (event instanceof KeyboardEvent ? event.key !== "Escape" : event.target instanceof Element && at.contains(event.target)) return
      at.open = false
      if (event instanceof KeyboardEvent) at.querySelector("summary")?.focus()
    }
    document.addEventListener("pointerdown", shut)
    document.addEventListener("keydown", shut)
    return () => {
      document.removeEventListener("pointerdown", shut)
      document.removeEventListener("keydown", shut)
    }
  }, [])
  return (
    <details ref={box} class="menu-box">
      <summary class="button">Columns</summary>
      <div class="menu-list">
        {COLUMNS.map((id) => (
          <label key={id}><input type="checkbox" checked={props.columns.includes(id)} disabled={id === "name"} onChange={() => flip(id)} /> {titleOf(id)}</label>
        ))}
      </div>
    </details>
  )
}

/** How many are in each state, each a way to see only those; where nobody is to be troubled about any of them, in quiet. */
function States(props: { found: readonly Node[]; pick: (text: string) => void; silences: () => void }) {
  const counts = new Map<string, { all: number; quiet: number }>()
  let silenced = 0
  for (const node of props.found) {
    const counted = counts.get(node.state) ?? { all: 0, quiet: 0 }
    counted.all++
    if (isSilenced(node, now.value)) {
      counted.quiet++
      silenced++
    }
    counts.set(node.state, counted)
  }
  return (
    <span class="states">
      {STATES.map((state) => [state, counts.get(state)] as const).map(([state, counted]) => counted && (
        <button key={state} type="button" class={`plain ${counted.quiet === counted.all ? "faint" : `state-${state}`}`} title={`show only ${state} nodes`} onClick={() => props.pick(`state:${state}`)}>
          {number(counted.all)} {state}
        </button>
      ))}
      {silenced > 0 && <button type="button" class="plain faint" title="what is silenced, until when and by whom" onClick={props.silences}>{number(silenced)} silenced</button>}
    </span>
  )
}

export function Fleet() {
  useTitle("Fleet")
  const { typed, query, found } = useFound()
  const busy = useSignal(false)
  const silences = useSignal(false)
  const windows = useSignal(false)
  const { sort, rows } = useOrder(found, busy)
  const choice = useChoice(rows)
  const columns = useSignal(readColumns(recall(MEMORY)))
  const tiles = useSignal((place.value?.query.get("view") ?? (matchMedia(NARROW).matches ? "tiles" : "table")) === "tiles")
  useEffect(watchGlances, [])
  const unproved = useAnswer((signal) => ask<List<Host>>("GET", "hosts", { query: { limit: 1 }, signal }))
  useEffect(() => {
    const timer = setTimeout(() => keepInAddress({ q: typed.value, sort: writeSort(sort.value) }), ADDRESS_MS)
    return () => clearTimeout(timer)
  }, [typed.value, sort.value])
  if (!loaded.value) return <Waiting />
  if (!nodes.value.length) {
    return (
      <Empty>
        <h1>No machine has joined yet</h1>
        {may("operator") ? <p><a class="button primary" href={addressOf("/enrol")}>Enrol the first one</a></p> : <p>An operator can enrol one.</p>}
      </Empty>
    )
  }
  const show = (asTiles: boolean) => {
    tiles.value = asTiles
    keepInAddress({ view: asTiles ? "tiles" : "table" })
  }
  const change = (next: ColumnId[]) => {
    columns.value = next
    remember(MEMORY, next.join(","))
  }
  const chosen = choice.ids.value
  const all = rows.value.length > 0 && choice.nodes.value.length === rows.value.length
  const everyone = (
    <input
      type="checkbox" aria-label={`Choose all ${count(rows.value.length, "node")}`} checked={all} onChange={choice.all}
      ref={(box: HTMLInputElement | null) => { if (box) box.indeterminate = !all && choice.nodes.value.length > 0 }}
    />
  )
  return (
    <div class="fleet">
      {silences.value && <SilencesDialog close={() => { silences.value = false }} />}
      {windows.value && <WindowsDialog selector={query.value === "all" || /\bstate:/.test(query.value) ? "" : query.value} close={() => { windows.value = false }} />}
      <div class="bar">
        <h1>Fleet</h1>
        <SelectorInput label="Search nodes" search value={typed.value} change={(text) => { typed.value = text }} placeholder="name, tag:room=lab, state:silent, not ..." />
        {tiles.value && (
          <select aria-label="Sort by" value={writeSort(sort.value)} onChange={(event) => { sort.value = readSort(event.currentTarget.value) }}>
            {[["", "by name"], ["state", "by state"], ["cpu-", "by CPU"], ["memory-", "by memory"], ["disk-", "by disk"], ["seen", "longest unheard"]].map(([key, name]) => <option key={key} value={key}>{name}</option>)}
          </select>
        )}
        <span class="either" role="group" aria-label="View">
          <button type="button" aria-pressed={!tiles.value} onClick={() => show(false)}>Table</button>
          <button type="button" aria-pressed={tiles.value} onClick={() => show(true)}>Tiles</button>
        </span>
        {!tiles.value && <ColumnMenu columns={columns.value} change={change} />}
      </div>
      <div class="line under">
        {choice.nodes.value.length
          ? <Bulk chosen={choice.nodes.value} shown={found.value} query={query.value} clear={choice.none} />
          : (
            <>
              <span role="status">{found.value.length === nodes.value.length ? count(nodes.value.length, "node") : `${number(found.value.length)} of ${count(nodes.value.length, "node")}`}</span>
              {query.value !== typed.value.trim() && query.value !== "all" && <span> as <code>{query.value}</code></span>}
              <States found={found.value} pick={(text) => { typed.value = text }} silences={() => { silences.value = true }} />
              <button type="button" class="plain faint" title="planned times in which nobody is troubled about nodes" onClick={() => { windows.value = true }}>Maintenance</button>
              {(unproved.value?.items.length ?? 0) > 0 && <a href={addressOf("/hosts")}>hosts with unsigned heartbeats</a>}
            </>
          )}
      </div>
      {!rows.value.length
        ? <Empty><p>No node is meant by that. <button type="button" onClick={() => { typed.value = "" }}>Show all</button></p></Empty>
        : tiles.value
          ? <Tiles rows={rows.value} chosen={chosen} choose={choice.choose} />
          : (
            <VirtualTable
              label="Nodes" rows={rows.value} keyOf={(node) => node.id} columns={columnsOf(columns.value)} rowHeight={ROW} sort={sort.value}
              onSort={(next) => { sort.value = next }} chosen={(node) => chosen.has(node.id)} onBusy={(is) => { busy.value = is }}
              lead={{ title: everyone, cell: (node, at) => <input type="checkbox" aria-label={`Choose ${node.name}`} checked={chosen.has(node.id)} onClick={(event) => choice.choose(node, at, event)} /> }}
            />
          )}
    </div>
  )
}

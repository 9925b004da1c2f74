// A table of any length: only the rows that are looked at are made, so that thousands scroll as a few do.
// Every row is as high as the others; widths of columns stand, so that nothing jumps while values change.

import { useSignal } from "@preact/signals"
import type { ComponentChildren, JSX } from "preact"
import { useLayoutEffect, useRef } from "preact/hooks"
import { windowOf } from "../core/window.ts"
import "./table.css"

export type Column<T> = {
  id: string
  title: string
  /** Width in rem; the columns share what is left over by it. */
  width: number
  cell: (row: T) => ComponentChildren
  number?: boolean
  sortable?: boolean
}

export type Sort = { by: string; down: boolean }

type Props<T> = {
  label: string
  rows: readonly T[]
  keyOf: (row: T) => string
  columns: readonly Column<T>[]
  rowHeight: number
  sort: Sort
  onSort: (sort: Sort) => void
  /** In front of each row, such as a box to choose it. */
  lead?: { title: ComponentChildren; cell: (row: T, at: number) => ComponentChildren }
  chosen?: (row: T) => boolean
  /** True while the pointer is in the table, or the keyboard in its rows. */
  onBusy?: (busy: boolean) => void
}

export function VirtualTable<T>(props: Props<T>) {
  const box = useRef<HTMLDivElement>(null)
  const scrolled = useSignal(0)
  const room = useSignal(600)
  useLayoutEffect(() => {
    const at = box.current
    if (!at) return
    const look = () => { room.value = at.clientHeight }
    const watch = new ResizeObserver(look)
    watch.observe(at)
    look()
    return () => watch.disconnect()
  }, [])
  const { first, last, above, below } = windowOf(scrolled.value, room.value, props.rowHeight, props.rows.length)
  const width = props.columns.reduce((sum, column) => sum + column.width, props.lead ? 2.5 : 0)
  const span = props.columns.length + (props.lead ? 1 : 0)
  const inside = useRef({ pointer: false, keyboard: false }).current
  const busy = (change: Partial<typeof inside>) => {
    Object.assign(inside, change)
    props.onBusy?.(inside.pointer || inside.keyboard)
  }
  // A click leaves the focus behind, too: only one that is shown is a person's at the keyboard.
  const focused = (event: FocusEvent) => busy({ keyboard: event.target instanceof Element && event.target.closest("tbody") !== null && event.target.matches(":focus-visible") })
  return (
    <div
      ref={box} class="table-box" role="region" aria-label={props.label} tabIndex={0} onScroll={(event) => { scrolled.value = event.currentTarget.scrollTop }}
      onPointerEnter={() => busy({ pointer: true })} onPointerLeave={() => busy({ pointer: false })} onFocusIn={focused} onFocusOut={() => busy({ keyboard: false })}
    >
      <table aria-rowcount={props.rows.length + 1} style={{ minWidth: `${width}rem` }}>
        <colgroup>
          {props.lead && <col style={{ width: "2.5rem" }} />}
          {props.columns.map((column) => <col key={column.id} style={{ width: `${100 * column.width / width}%` }} />)}
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            {props.lead && <th scope="col">{props.lead.title}</th>}
            {props.columns.map((column) => <Head key={column.id} column={column} sort={props.sort} onSort={props.onSort} />)}
          </tr>
        </thead>
        <tbody>
          {above > 0 && <Room height={above} span={span} />}
          {props.rows.slice(first, last).map((row, at) => (
            <tr
              key={props.keyOf(row)} aria-rowindex={first + at + 2} class={props.chosen?.(row) ? "chosen" : ""}
              style={{ height: `${props.rowHeight}px` }}
            >
              {props.lead && <td>{props.lead.cell(row, first + at)}</td>}
              {props.columns.map((column) => <td key={column.id} class={column.number ? "number" : ""}>{column.cell(row)}</td>)}
            </tr>
          ))}
          {below > 0 && <Room height={below} span={span} />}
        </tbody>
      </table>
    </div>
  )
}

function Head<T>(props: { column: Column<T>; sort: Sort; onSort: (sort: Sort) => void }): JSX.Element {
  const { id, title, sortable, number } = props.column
  const mine = props.sort.by === id
  const kind = number ? "number" : ""
  if (!sortable) return <th scope="col" class={kind}>{title}</th>
  return (
    <th scope="col" class={kind} aria-sort={mine ? (props.sort.down ? "descending" : "ascending") : "none"}>
      <button type="button" class="plain" onClick={() => props.onSort({ by: id, down: mine ? !props.sort.down : number === true })}>
        {title}<span aria-hidden="true" class="arrow">{mine ? (props.sort.down ? "▾" : "▴") : ""}</span>
      </button>
    </th>
  )
}

/** The room of rows that are not made. */
function Room(props: { height: number; span: number }) {
  return <tr aria-hidden="true" class="room"><td colSpan={props.span} style={{ height: `${props.height}px` }} /></tr>
}

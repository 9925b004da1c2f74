// A plain list as a table; on a narrow screen each row stands as a card of its own, each cell with its column's name.

import type { ComponentChildren } from "preact"
import "../styles/rows.css"

export type Column<T> = {
  /** The heading; also what the cell is called on a card. */
  name: string
  cell: (item: T) => ComponentChildren
  /** Buttons: at the end of the row, below on a card. */
  actions?: boolean
}

export function Rows<T>(props: {
  label: string
  items: readonly T[]
  columns: readonly Column<T>[]
  keyOf: (item: T) => string | number
  faint?: (item: T) => boolean
}) {
  const { columns, items } = props
  return (
    <table class="rows" role="table" aria-label={props.label}>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map((column) => (
            <th key={column.name} role="columnheader" scope="col">{column.actions ? <span class="hidden">{column.name}</span> : column.name}</th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {items.map((item) => (
          <tr key={props.keyOf(item)} role="row" class={props.faint?.(item) ? "faint" : ""}>
            {columns.map((column) => (
              <td key={column.name} role="cell" class={column.actions ? "actions" : ""} data-name={column.actions ? "" : column.name}>{column.actions ? column.cell(item) : <div>{column.cell(item)}</div>}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

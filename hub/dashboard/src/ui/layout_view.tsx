// A layout as it is looked at: tabs in tabs, tables in tables, canvases. Of tabs only the one in front is drawn.

import { useSignal } from "@preact/signals"
import { useId } from "preact/hooks"
import { visible } from "../core/harmless.ts"
import type { PackageFeed } from "../core/package_feed.ts"
import type { LayoutNode } from "../core/package_types.ts"
import { type Compared, PlotCanvas } from "./plot_canvas.tsx"

export type View = { feed: PackageFeed; compared: Compared; statistics: boolean | undefined }
type Part = View & { node: LayoutNode }

export function LayoutView(props: Part) {
  return <div class="layout">{(props.node.children ?? []).map((child, at) => <Piece key={keyOf(child, at)} {...props} node={child} />)}</div>
}

/** What stays the same keeps its drawing when the layout changes around it. */
function keyOf(node: LayoutNode, at: number): string {
  return `${at} ${node.element} ${textIn(node, "name")} ${textIn(node, "title")}`
}

function textIn(node: LayoutNode, key: string): string {
  const value = node[key]
  return typeof value === "string" ? value : ""
}

function Piece(props: Part) {
  const { node } = props
  if (node.element === "tabbedPanel") return <Tabs {...props} />
  if (node.element === "table") return <Table {...props} />
  if (node.element === "canvas") return <PlotCanvas {...props} />
  if (node.element === "text") return <p class="layout-text">{visible(node.text ?? "")}</p>
  return <Stack {...props} />
}

function weightOf(node: LayoutNode): number {
  return typeof node["weight"] === "number" ? node["weight"] : 1
}

/** A row or a column of pieces; its own pieces may be rows and columns again. */
function Stack(props: Part) {
  const across = props.node.element === "row"
  return (
    <div class={across ? "layout-row" : "layout-col"}>
      {(props.node.children ?? []).map((child, at) => (
        <div key={keyOf(child, at)} class="layout-cell" style={{ flexGrow: weightOf(child) }}><Piece {...props} node={child} /></div>
      ))}
    </div>
  )
}

function Table(props: Part) {
  const title = textIn(props.node, "title")
  const columns = props.node.children?.[0]?.element === "col"
  const parts = (props.node.children ?? []).map((child, at) => (
    <div key={keyOf(child, at)} class="layout-cell" style={{ flexGrow: weightOf(child) }}><Stack {...props} node={child} /></div>
  ))
  return (
    <section class="layout-table" {...(title ? { "aria-label": title } : {})}>
      {title && <h3>{visible(title)}</h3>}
      <div class={columns ? "layout-row" : "layout-col"}>{parts}</div>
    </section>
  )
}

function Tabs(props: Part) {
  const tabs = props.node.children ?? []
  const front = useSignal(0)
  const id = useId()
  const at = Math.min(front.value, tabs.length - 1)
  const shown = tabs[at]
  const keys = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0
    if (!step) return
    front.value = (at + step + tabs.length) % tabs.length
    const list = (event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>(":scope > [role=tab]")
    list[front.value]?.focus()
    event.preventDefault()
  }
  return (
    <div class="layout-tabs">
      <div class="tab-list" role="tablist" onKeyDown={keys}>
        {tabs.map((tab, number) => (
          <button key={keyOf(tab, number)} type="button" role="tab" id={`${id}-${number}`} aria-selected={number === at} aria-controls={`${id}-panel`} tabIndex={number === at ? 0 : -1} onClick={() => { front.value = number }}>
            {visible(textIn(tab, "title") || textIn(tab, "name") || String(number + 1))}
          </button>
        ))}
      </div>
      {shown && (
        <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${at}`} key={keyOf(shown, at)}>
          {(shown.children ?? []).map((child, number) => <Piece key={keyOf(child, number)} {...props} node={child} />)}
        </div>
      )}
    </div>
  )
}

// One canvas of a package's page: its drawing, which is made only while it is in sight, and what one can do with it.

import { useSignal } from "@preact/signals"
import { useEffect, useMemo, useRef } from "preact/hooks"
import { type Bins, factsOf } from "../core/bins.ts"
import { number } from "../core/format.ts"
import { visible } from "../core/harmless.ts"
import { save } from "../core/log_download.ts"
import type { PackageFeed } from "../core/package_feed.ts"
import type { LayoutNode, PackageObject } from "../core/package_types.ts"
import { csvOf, figuresOf } from "../core/plot_files.ts"
import { isMap, namesIn, type Plan, planOf, type Wishes } from "../core/plot_plan.ts"
import { PlotDrawing } from "./plot_drawing.ts"
import { pictureFile } from "./plot_picture.ts"
import { drawNoMore, drawSoon } from "./plot_turns.ts"

const MOST_FIGURES = 260

export type Compared = { objects: ReadonlyMap<string, PackageObject>; scale: boolean } | null

export function PlotCanvas(props: { node: LayoutNode; feed: PackageFeed; compared: Compared; statistics: boolean | undefined }) {
  const { node, feed } = props
  const names = useMemo(() => namesIn(node), [node])
  const wishes = useSignal<Wishes>({})
  const large = useSignal(false)
  const seen = useSignal(false)
  const box = useRef<HTMLDivElement>(null)
  const drawing = useRef<PlotDrawing | null>(null)
  const all: Wishes = { ...(props.statistics === undefined ? {} : { statistics: props.statistics }), ...wishes.value, scaleReference: props.compared?.scale ?? false }
  // reading them here is what makes news of one of them draw this canvas
  const objects = new Map(names.map((name) => [name, feed.object(name).value]))
  const plan = planOf(node, (name) => objects.get(name) ?? null, (name) => props.compared?.objects.get(name) ?? null, all)
  const latest = useRef(plan)
  latest.current = plan

  useEffect(() => {
    const inside = box.current
    if (!inside) return
    const made = drawing.current = new PlotDrawing(inside)
    const show = () => drawSoon(made, () => made.show(latest.current))
    const sight = new IntersectionObserver((list) => { seen.value = list.at(-1)?.isIntersecting ?? false }, { rootMargin: "200px" })
    let width = inside.clientWidth
    let height = inside.clientHeight
    const size = new ResizeObserver(() => {
      if (Math.abs(inside.clientWidth - width) < 2 && Math.abs(inside.clientHeight - height) < 2) return
      width = inside.clientWidth
      height = inside.clientHeight
      drawSoon(made, () => made.picture ? made.resize() : made.show(latest.current))
    })
    const scheme = matchMedia("(prefers-color-scheme: dark)")
    sight.observe(inside)
    size.observe(inside)
    scheme.addEventListener("change", show)
    return () => {
      sight.disconnect()
      size.disconnect()
      scheme.removeEventListener("change", show)
      drawNoMore(made)
      made.clear()
      drawing.current = null
    }
  }, [])

  useEffect(() => {
    const made = drawing.current
    if (made && seen.value) drawSoon(made, () => made.show(latest.current))
  }, [...objects.values(), plan.shape, seen.value, props.compared, node])

  const first = plan.curves[0]
  const change = (more: Wishes) => { wishes.value = { ...wishes.value, ...more } }
  const height = typeof node["height"] === "number" ? node["height"] : undefined
  return (
    <figure class={`plot ${large.value ? "large" : ""}`} style={height && !large.value ? { "--plot-height": `${height}px` } : {}}>
      <figcaption><span class="plot-title">{visible(plan.title)}</span> <Facts plan={plan} /></figcaption>
      <div class="plot-box" ref={box} role="img" aria-label={`${plan.title}: ${factsText(plan)}`} onDblClick={() => { if (drawing.current) drawSoon(drawing.current, () => drawing.current?.unzoom() ?? Promise.resolve()) }} />
      {plan.missing.length > 0 && <p class="faint plot-missing">Not in this package: {plan.missing.map(visible).join(", ")}</p>}
      {plan.newer.length > 0 && <p class="plot-missing" role="alert">Newer than this page understands: {plan.newer.map(visible).join(", ")}. Load the page again.</p>}
      <details class="plot-more">
        <summary>More</summary>
        <div class="plot-actions">
          <label><input type="checkbox" checked={plan.logX} onChange={(event) => change({ logX: event.currentTarget.checked })} /> log x</label>
          <label><input type="checkbox" checked={plan.logY} onChange={(event) => change({ logY: event.currentTarget.checked })} /> log y</label>
          {first && (isMap(first.plot) || wishes.value.project) && <>
            {isMap(first.plot) && !plan.colours && <label><input type="checkbox" checked={plan.logZ} onChange={(event) => change({ logZ: event.currentTarget.checked })} /> log z</label>}
            <label>Projection <select value={wishes.value.project ?? ""} onChange={(event) => change({ project: event.currentTarget.value as "x" | "y" | "" })}>
              <option value="">none</option><option value="x">onto x</option><option value="y">onto y</option>
            </select></label>
          </>}
          <label><input type="checkbox" checked={plan.statistics} onChange={(event) => change({ statistics: event.currentTarget.checked })} /> statistics</label>
          <button type="button" onClick={() => { large.value = !large.value }}>{large.value ? "Smaller" : "Larger"}</button>
          <Exports plan={plan} objects={objects} picture={() => drawing.current?.picture ?? null} />
        </div>
        {first && <Figures plan={plan} />}
      </details>
    </figure>
  )
}

function factsText(plan: Plan): string {
  const first = plan.curves[0]
  if (!first) return "nothing to draw yet"
  if (first.plot.kind === "points") return `${first.plot.x.length} points`
  if (first.plot.counts) return "profile"
  const facts = factsOf(first.plot)
  return first.plot.axes.length === 2 ? `${number(facts.entries)} entries` : `${number(facts.entries)} entries, mean ${number(facts.mean)}, deviation ${number(facts.deviation)}`
}

function Facts(props: { plan: Plan }) {
  return <span class="faint plot-facts">{factsText(props.plan)}{flow(props.plan.curves[0]?.plot)}</span>
}

function flow(plot: Plan["curves"][number]["plot"] | undefined): string {
  if (plot?.kind !== "bins" || plot.axes.length !== 1 || plot.counts) return ""
  const { under, over } = factsOf(plot)
  return [under ? `, ${number(under)} below` : "", over ? `, ${number(over)} above` : ""].join("")
}

function Exports(props: { plan: Plan; objects: ReadonlyMap<string, PackageObject | null>; picture: () => SVGSVGElement | null }) {
  const name = (props.plan.title || "canvas").replace(/[^A-Za-z0-9._-]+/g, "-").slice(0, 80)
  const held = () => [...props.objects].flatMap(([key, object]) => object ? [[key, object.data] as const] : [])
  const json = () => save(new Blob([JSON.stringify(Object.fromEntries(held()), null, 1)], { type: "application/json" }), `${name}.json`)
  const csv = () => {
    for (const curve of props.plan.curves) save(new Blob([csvOf(curve.plot)], { type: "text/csv" }), `${name}${props.plan.curves.length > 1 ? `-${curve.key.replace(/[^A-Za-z0-9._-]+/g, "-")}` : ""}.csv`)
  }
  const picture = async (kind: "svg" | "png") => {
    const drawn = props.picture()
    if (drawn) save(await pictureFile(drawn, kind), `${name}.${kind}`)
  }
  return (
    <span class="buttons" role="group" aria-label="Save as">
      <button type="button" onClick={() => picture("png")}>PNG</button>
      <button type="button" onClick={() => picture("svg")}>SVG</button>
      <button type="button" onClick={json}>JSON</button>
      <button type="button" onClick={csv}>CSV</button>
    </span>
  )
}

function Figures(props: { plan: Plan }) {
  const open = useSignal(false)
  return (
    <details onToggle={(event) => { open.value = event.currentTarget.open }}>
      <summary>Figures</summary>
      {open.value && props.plan.curves.map((curve) => <CurveFigures key={curve.key} name={curve.key} plot={curve.plot} />)}
    </details>
  )
}

function CurveFigures(props: { name: string; plot: Bins | Plan["curves"][number]["plot"] }) {
  const { head, rows, left } = figuresOf(props.plot, MOST_FIGURES)
  return (
    <div class="plot-figures" tabIndex={0} role="group" aria-label={`Figures of ${props.name}`}>
      <table>
        <caption>{visible(props.name)}</caption>
        <thead><tr>{head.map((each, at) => <th key={at} scope="col">{visible(each)}</th>)}</tr></thead>
        <tbody>{rows.map((row, at) => <tr key={at}>{row.map((each, column) => <td key={column}>{typeof each === "number" ? String(Number(each.toPrecision(6))) : visible(each)}</td>)}</tr>)}</tbody>
      </table>
      {left > 0 && <p class="faint">and {number(left)} more: save them as CSV</p>}
    </div>
  )
}

// Packages of histograms that programs publish: which there are, whether they still move.

import { useSignal } from "@preact/signals"
import { askAll } from "../core/api.ts"
import { number } from "../core/format.ts"
import { visible } from "../core/harmless.ts"
import type { PackageAbout } from "../core/package_types.ts"
import { addressOf } from "../core/pages.ts"
import { useTurns } from "../core/polled.ts"
import { useAnswer } from "../ui/answer.ts"
import { Ago } from "../ui/badges.tsx"
import { Empty, ErrorBox, Waiting } from "../ui/notices.tsx"
import { type Column, Rows } from "../ui/rows.tsx"
import { useTitle } from "../ui/shell.tsx"
import "../styles/package.css"

/** Updates come many times a second; the list need not. */
const EVERY_MS = 2000

const COLUMNS: Column<PackageAbout>[] = [
  { name: "Package", cell: (each) => <a href={addressOf("/histograms/{package}", { package: each.id })}>{visible(each.name)}</a> },
  { name: "Title", cell: (each) => visible(each.title) },
  { name: "Node", cell: (each) => <><a href={addressOf("/nodes/{node}", { node: each.node })}>{each.node}</a>{each.container && <> in <bdi>{visible(each.container)}</bdi></>}</> },
  { name: "By", cell: (each) => <bdi>{visible(each.owner)}</bdi> },
  { name: "Objects", cell: (each) => number(each.object_count) },
  { name: "Update", cell: (each) => <>{number(each.serial)}, <Ago time={each.received} /></> },
  { name: "State", cell: (each) => each.problem ? <span class="state-silent">refused: {visible(each.problem)}</span> : each.state === "gone" ? <span class="faint">its file is gone</span> : <span class="state-online">● live</span> },
]

export function Histograms() {
  useTitle("Histograms")
  const turns = useTurns(["package"], EVERY_MS)
  const wanted = useSignal("")
  const { value, fault, again } = useAnswer((signal) => askAll<PackageAbout>("packages", {}, signal), [turns.value])
  const found = value?.filter((each) => `${each.name} ${each.title} ${each.node} ${each.container}`.toLowerCase().includes(wanted.value.toLowerCase()))
  return (
    <>
      <div class="page-head package-head"><h1>Histograms</h1>
        <label class="find">Find <input type="search" data-search value={wanted.value} onInput={(event) => { wanted.value = event.currentTarget.value }} /></label>
      </div>
      {fault && <ErrorBox text={fault} again={again} />}
      {!found ? (fault ? null : <Waiting />) : found.length ? <Rows label="Packages" items={found} columns={COLUMNS} keyOf={(each) => each.id} faint={(each) => each.state === "gone"} />
        : <Empty><p>{value?.length ? "No package of that name." : <>No program publishes histograms yet. In Python: <code>dvic_log.Package("readout").publish({"{"}"adc": histogram{"}"})</code></>}</p></Empty>}
    </>
  )
}

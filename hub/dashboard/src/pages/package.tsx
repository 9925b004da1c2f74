// A package as it is watched: its layout, drawn and moving; pause, back in time, a reference laid over, the layout edited.
// The address holds the reference (ref).

import { useSignal } from "@preact/signals"
import { useEffect, useMemo } from "preact/hooks"
import { ask, part } from "../core/api.ts"
import { count } from "../core/format.ts"
import { visible } from "../core/harmless.ts"
import { useKeys } from "../core/keys.ts"
import { PackageFeed } from "../core/package_feed.ts"
import type { LayoutNode, PackageObject } from "../core/package_types.ts"
import { textOf } from "../core/problems.ts"
import { addressOf } from "../core/pages.ts"
import { keepInAddress, place } from "../core/router.ts"
import { may } from "../core/session.ts"
import { useAnswer } from "../ui/answer.ts"
import { Ago } from "../ui/badges.tsx"
import { Dialog, say } from "../ui/dialogs.tsx"
import { fieldOf, Form } from "../ui/forms.tsx"
import { LayoutEditor } from "../ui/layout_editor.tsx"
import { LayoutView } from "../ui/layout_view.tsx"
import { Empty, ErrorBox, Waiting } from "../ui/notices.tsx"
import { PackageTime } from "../ui/package_time.tsx"
import type { Compared } from "../ui/plot_canvas.tsx"
import { useTitle } from "../ui/shell.tsx"
import "../styles/package.css"

export function PackagePage(props: { params: Record<string, string> }) {
  const key = props.params["package"] ?? ""
  const feed = useMemo(() => new PackageFeed(key), [key])
  const editing = useSignal(false)
  const preview = useSignal<LayoutNode | null>(null)
  const statistics = useSignal<boolean | undefined>(undefined)
  const scale = useSignal(false)
  useEffect(() => {
    feed.start()
    return () => feed.close()
  }, [feed])
  useKeys([{ key: "p", does: "pause or go on", action: () => feed.pause(!feed.paused.peek()) }])
  const about = feed.about.value
  const reference = place.value?.query.get("ref") ?? ""
  const objects = useReference(feed, reference)
  const compared = useMemo<Compared>(() => objects ? { objects, scale: scale.value } : null, [objects, scale.value])
  useTitle(about ? `${about.title || about.name} · Histograms` : "Histograms")
  if (!about) return feed.fault.value ? <><h1>Histograms</h1><ErrorBox text={feed.fault.value} again={() => feed.load()} /></> : <Waiting />
  const tree = preview.value ?? feed.layout.value?.tree
  return (
    <>
      <Head feed={feed} />
      {feed.fault.value && <ErrorBox text={feed.fault.value} again={() => feed.load()} />}
      <div class="package-tools" role="toolbar" aria-label="How it is shown">
        <button type="button" aria-pressed={feed.paused.value} onClick={() => feed.pause(!feed.paused.value)}>{feed.paused.value ? `Go on${feed.missed.value ? ` (${count(feed.missed.value, "update")})` : ""}` : "Pause"}</button>
        <label title="until it is clicked each canvas has what its layout says"><input type="checkbox" checked={statistics.value ?? false} indeterminate={statistics.value === undefined} onChange={(event) => { statistics.value = event.currentTarget.checked }} /> statistics</label>
        <References feed={feed} chosen={reference} />
        {objects && <label><input type="checkbox" checked={scale.value} onChange={(event) => { scale.value = event.currentTarget.checked }} /> same area</label>}
        {may("operator") && <button type="button" aria-pressed={editing.value} onClick={() => { editing.value = !editing.value }}>Layout</button>}
      </div>
      <PackageTime feed={feed} />
      {editing.value && <LayoutEditor feed={feed} preview={preview} close={() => { editing.value = false }} />}
      {!tree ? <Waiting /> : feed.names.value.size || feed.layout.value?.text ? <LayoutView node={tree} feed={feed} compared={compared} statistics={statistics.value} /> : <Empty><p>Nothing is published in this package yet.</p></Empty>}
    </>
  )
}

function Head(props: { feed: PackageFeed }) {
  const { feed } = props
  const about = feed.about.value
  const layout = feed.layout.value
  if (!about) return null
  return (
    <header>
      <div class="page-head package-head"><h1>{visible(about.title || about.name)}</h1></div>
      <p class="line">
        {visible(about.name)} on <a href={addressOf("/nodes/{node}", { node: about.node })}>{about.node}</a>{about.container && <> in <bdi>{visible(about.container)}</bdi></>} by <bdi>{visible(about.owner)}</bdi>, {count(about.object_count, "object")},
        {" "}update <span class="package-serial">{about.serial}</span>, <Ago time={about.received} />{about.state === "gone" && ": its file is gone"}
      </p>
      {about.problem && <div class="notice warn" role="alert"><span>The newest update could not be taken: {visible(about.problem)}</span></div>}
      {layout?.problem && <div class="notice warn" role="alert"><span>A newer layout was refused, line {layout.line}: {visible(layout.problem)}. The last good one is shown.</span></div>}
    </header>
  )
}

/** The objects of a reference; null for none, or while they are on their way. */
function useReference(feed: PackageFeed, name: string): ReadonlyMap<string, PackageObject> | null {
  const { value } = useAnswer(async (signal) => {
    if (!name) return null
    const answer = await ask<{ objects: PackageObject[] }>("GET", `packages/${part(feed.key)}/objects`, { query: { at: `reference:${name}` }, signal })
    return new Map(answer.objects.map((each) => [each.name, each]))
  }, [feed, name])
  return value ?? null
}

function References(props: { feed: PackageFeed; chosen: string }) {
  const { feed, chosen } = props
  const asking = useSignal(false)
  const list = feed.references.value
  const keep = async (form: FormData) => {
    const name = fieldOf(form, "name")
    await ask("POST", `packages/${part(feed.key)}/references`, { body: { name, snapshot: feed.at.value || feed.about.value?.snapshot || 0, note: fieldOf(form, "note") } })
    await feed.loadReferences()
    say(`Kept as ${name}`)
    asking.value = false
  }
  const drop = async () => {
    try {
      await ask("DELETE", `packages/${part(feed.key)}/references/${part(chosen)}`)
      keepInAddress({ ref: "" })
      await feed.loadReferences()
    } catch (error) {
      say(textOf(error))
    }
  }
  return (
    <>
      <label>Reference <select value={chosen} onChange={(event) => keepInAddress({ ref: event.currentTarget.value })}>
        <option value="">none</option>
        {list.map((each) => <option key={each.name} value={each.name} selected={each.name === chosen}>{each.name}</option>)}
      </select></label>
      {may("operator") && <button type="button" onClick={() => { asking.value = true }}>Keep as reference</button>}
      {may("operator") && chosen && <button type="button" class="plain" onClick={drop}>Forget {chosen}</button>}
      {asking.value && (
        <Dialog title="Keep what is shown as a reference" close={() => { asking.value = false }}>
          <Form action={keep} submit="Keep">
            <label>Name <input name="name" required pattern="[A-Za-z0-9._@\-]{1,64}" title="letters, digits and . _ @ -" /></label>
            <label class="wide">Note <input name="note" maxLength={200} /></label>
          </Form>
        </Dialog>
      )}
    </>
  )
}

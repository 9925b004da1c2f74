// Back in time: one handle over all that is kept of a package, by time; its right end is now.

import { useSignal } from "@preact/signals"
import { askAll, part } from "../core/api.ts"
import { hubTime } from "../core/clock.ts"
import { ago, clock, millis } from "../core/format.ts"
import { now } from "../core/now.ts"
import type { PackageFeed } from "../core/package_feed.ts"
import type { Snapshot } from "../core/package_types.ts"
import { nearest } from "../core/snapshots.ts"
import { useAnswer } from "./answer.ts"

const AGAIN_MS = 60_000

export function PackageTime(props: { feed: PackageFeed }) {
  const { feed } = props
  const history = useAnswer((signal) => askAll<Snapshot>(`packages/${part(feed.key)}/history`, {}, signal), [feed], AGAIN_MS)
  const held = useSignal(0)
  const kept = history.value ?? []
  const oldest = millis(kept.at(-1)?.received)
  const at = feed.at.value
  const shown = kept.find((each) => each.snapshot === at)
  if (!oldest) return null
  const back = Math.ceil(Math.max(1000, now.value - oldest) / 1000)
  const moment = shown ? millis(shown.received) : 0
  const move = (seconds: number) => {
    held.value = seconds
    // the last hundredth is now: nobody hits an end exactly
    if (-seconds <= back / 100) feed.goTo(0)
    else feed.goTo(nearest(kept, hubTime() + seconds * 1000)?.snapshot ?? 0)
  }
  return (
    <div class="package-time">
      <label class="package-slider">Time
        <input type="range" min={-back} max={0} step={1} value={at ? held.value || Math.round((moment - now.value) / 1000) : 0} aria-valuetext={at ? `${clock(moment)}, ${ago(moment, now.value)}` : "now"}
          onInput={(event) => move(Number(event.currentTarget.value))} />
      </label>
      <output class="package-moment">{at ? moment ? `${clock(moment)} (${ago(moment, hubTime())})` : `snapshot ${at}` : "now"}</output>
      {at !== 0 && <button type="button" onClick={() => feed.goTo(0)}>Back to now</button>}
    </div>
  )
}

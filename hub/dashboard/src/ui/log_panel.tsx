// A log list with what one does to it: pause, follow, wrap, copy, download; and what it has to say about itself.
//
//   <LogPanel filter={{ ...EVERYTHING, q: "name:web-1", since: "1h" }} wrap={wrap} setWrap={...} name="web-1" />
//
// It asks and listens for itself; another filter is another `key`.

import { useSignal } from "@preact/signals"
import { useEffect, useMemo } from "preact/hooks"
import { count, number } from "../core/format.ts"
import { useKeys } from "../core/keys.ts"
import { downloadAll, type Form, MOST_LINES, save } from "../core/log_download.ts"
import { LogFeed } from "../core/log_feed.ts"
import { isLive, type LogFilter } from "../core/log_filter.ts"
import { type LogLine, plainText } from "../core/log_lines.ts"
import { textOf } from "../core/problems.ts"
import { copyText } from "./copy.tsx"
import { say } from "./dialogs.tsx"
import { LogList } from "./log_list.tsx"
import { ErrorBox, Waiting } from "./notices.tsx"
import "../styles/log_panel.css"

/** Lines that are copied at most, the newest. */
const MOST_COPIED = 10_000

type Props = {
  filter: LogFilter
  wrap: boolean
  setWrap: (wrap: boolean) => void
  open: (line: LogLine) => void
  /** Of the file that is downloaded, without its ending. */
  name: string
  showNode?: boolean
  /** What to say when nothing was found. */
  empty?: string
  /** Told at each change. */
  changed?: (feed: LogFeed) => void
}

export function LogPanel(props: Props) {
  const { filter } = props
  const feed = useMemo(() => new LogFeed(filter), [])
  const sending = useSignal("")
  const stop = useSignal<AbortController | null>(null)
  const live = isLive(filter)

  useEffect(() => {
    feed.start()
    return () => {
      feed.close()
      stop.peek()?.abort()
    }
  }, [])
  feed.version.value
  useEffect(() => props.changed?.(feed), [feed.version.value])

  const pause = () => (feed.paused.value ? feed.resume() : feed.pause())
  useKeys([
    ...(live ? [{ key: "p", does: "pause or go on", action: pause }, { key: "e", does: "go to the newest line", action: () => feed.setFollow(true) }] : []),
    { key: "w", does: "wrap long lines or not", action: () => props.setWrap(!document.querySelector(".log-list.wrap")) },
  ])

  const copy = async () => {
    const lines = feed.lines.items.filter((line) => !line.hole).slice(-MOST_COPIED)
    const done = await copyText(lines.map((line) => plainText(line)).join("\n"))
    say(done ? `Copied ${count(lines.length, "line")}` : "The browser gives no clipboard here: download instead")
  }

  const download = async (form: Form) => {
    const controller = new AbortController()
    stop.value = controller
    sending.value = "0 lines"
    try {
      const found = await downloadAll(filter, form, (lines) => { sending.value = `${number(lines)} lines` }, controller.signal)
      save(found.blob, `${props.name}.${form === "text" ? "log" : "jsonl"}`)
      say(found.complete ? `Downloaded ${number(found.lines)} lines` : `Downloaded the newest ${number(found.lines)} lines; at most ${number(MOST_LINES)} at a time`)
    } catch (error) {
      if (!controller.signal.aborted) say(`The download failed: ${textOf(error)}`)
    } finally {
      stop.value = null
    }
  }

  const { items, dropped } = feed.lines
  return (
    <section class="log-panel" aria-label="Lines">
      <div class="log-bar">
        <span class="log-count" role="status">
          {count(items.length, "line")}
          {feed.loadingOlder.value && ", loading older ones ..."}
          {feed.waiting.value > 0 && `, ${number(feed.waiting.value)} new ones wait`}
        </span>
        {dropped > 0 && <span class="faint">{number(dropped)} older ones were let go, to stay quick</span>}
        {feed.more.value && feed.lines.full && <span class="faint">no more fit: narrow the time to see older ones</span>}
        <span class="spring" />
        {live && <button type="button" aria-pressed={feed.paused.value} onClick={pause}>{feed.paused.value ? "Go on" : "Pause"}</button>}
        {live && <button type="button" aria-pressed={feed.follow.value} onClick={() => feed.setFollow(!feed.follow.value)}>Follow</button>}
        <button type="button" aria-pressed={props.wrap} onClick={() => props.setWrap(!props.wrap)}>Wrap</button>
        <button type="button" onClick={copy}>Copy</button>
        {stop.value
          ? <button type="button" onClick={() => stop.value?.abort()}>Stop ({sending.value})</button>
          : (
            <>
              <button type="button" title="All that is found, as text" onClick={() => void download("text")}>Download</button>
              <button type="button" title="All that is found, a JSON object a line" onClick={() => void download("jsonl")}>JSONL</button>
            </>
          )}
      </div>
      {feed.fault.value && <ErrorBox text={feed.fault.value} again={() => feed.again()} />}
      <div class="log-frame">
        <LogList feed={feed} wrap={props.wrap} text={filter.text} open={props.open} {...(props.showNode === undefined ? {} : { showNode: props.showNode })} />
        {!feed.loaded.value && !feed.fault.value && <div class="log-over"><Waiting /></div>}
        {feed.loaded.value && !items.length && <div class="log-over"><p class="empty">{props.empty ?? "No lines"}</p></div>}
        {!feed.follow.value && feed.unseen.value + feed.waiting.value > 0 && !feed.paused.value && (
          <button type="button" class="primary log-new" onClick={() => feed.setFollow(true)}>↓ {number(feed.unseen.value + feed.waiting.value)} new</button>
        )}
      </div>
    </section>
  )
}

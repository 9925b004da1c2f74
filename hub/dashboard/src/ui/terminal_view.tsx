// A terminal that goes on: its screen, what is to be known about its connection, and what can be done with it.

import { useComputed, useSignal } from "@preact/signals"
import { useEffect, useMemo, useRef } from "preact/hooks"
import { visible } from "../core/harmless.ts"
import { useKeys } from "../core/keys.ts"
import { answers, endOf } from "../core/sessions.ts"
import { type End, TerminalLink } from "../core/terminal_link.ts"
import { copyText } from "./copy.tsx"
import { say } from "./dialogs.tsx"
import { KeyBar, People } from "./terminal_parts.tsx"
import { Screen } from "./xterm.ts"
import "../styles/terminal.css"

const REST_MS = 80

const encoder = new TextEncoder()

/** `over` is called once, when the session has ended; what was shown stays. */
export function TerminalView(props: { id: string; label: string; readOnly: boolean; over: (end: End) => void }) {
  const { readOnly } = props
  const box = useRef<HTMLDivElement>(null)
  const tools = useRef<HTMLDivElement>(null)
  const screen = useRef<Screen | null>(null)
  const large = useSignal(false)
  const link = useMemo(() => makeLink(props.id, readOnly, screen), [])
  const type = (text: string) => {
    link.type(encoder.encode(text))
    screen.current?.terminal.focus()
  }
  const leave = () => tools.current?.querySelector("button")?.focus()
  useKeys([
    { key: "t", does: "type in the terminal", action: () => screen.current?.terminal.focus() },
    { key: "Ctrl+Shift+L", does: "leave the terminal by the keyboard", action: leave },
    { key: "Ctrl+Shift+C", does: "copy what is selected in the terminal", action: () => { /* the terminal does */ } },
    { key: "Ctrl+Shift+V", does: "paste into the terminal", action: () => { /* the browser does */ } },
  ])

  useEffect(() => {
    const place = box.current
    if (!place) return
    const made = new Screen(place, link.size.peek(), {
      label: props.label, keyboard: !readOnly, leave, answering: () => !readOnly && !link.old && answers(link.people.peek(), link.you.peek()),
    })
    screen.current = made
    made.terminal.onData((text) => link.type(encoder.encode(text)))
    made.terminal.onBinary((text) => link.type(Uint8Array.from(text, (one) => one.charCodeAt(0))))
    const measure = () => {
      const size = made.fitting()
      if (size) link.resize(...size)
      if (readOnly) made.shrink()
    }
    let timer = 0
    const watch = new ResizeObserver(() => {
      clearTimeout(timer)
      timer = window.setTimeout(measure, REST_MS)
    })
    watch.observe(place)
    measure()
    const sized = link.size.subscribe(([cols, rows]) => {
      made.terminal.resize(cols, rows)
      if (readOnly) made.shrink()
    })
    link.start()
    if (place.getBoundingClientRect().bottom > innerHeight) place.parentElement?.scrollIntoView({ block: "start" }) // a phone
    if (!readOnly) made.terminal.focus()
    return () => {
      clearTimeout(timer)
      watch.disconnect()
      sized()
      link.close()
      made.dispose()
      screen.current = null
    }
  }, [])
  useEffect(() => link.end.subscribe((end) => {
    if (!end) return
    if (screen.current) screen.current.terminal.options.disableStdin = true
    props.over(end)
  }), [])
  useEffect(() => {
    if (readOnly) return
    // Ctrl-W deletes a word in a shell, and closes the window in a browser
    const stay = (event: BeforeUnloadEvent) => { if (link.state.peek() === "open") event.preventDefault() }
    addEventListener("beforeunload", stay)
    return () => removeEventListener("beforeunload", stay)
  }, [])

  const copy = async () => {
    const text = screen.current?.terminal.getSelection() ?? ""
    say(!text ? "Select something in the terminal first" : await copyText(text) ? "Copied" : "The browser does not let us copy: press Ctrl+Shift+C in the terminal")
  }
  const paste = async () => {
    try {
      screen.current?.terminal.paste(await navigator.clipboard.readText())
      screen.current?.terminal.focus()
    } catch {
      say("The browser does not let us read its clipboard: press Ctrl+Shift+V in the terminal")
    }
  }
  const over = useComputed(() => link.end.value !== null)
  return (
    <div class={large.value ? "session-live large" : "session-live"}>
      <div class="session-tools" ref={tools} role="toolbar" aria-label="Terminal">
        <button type="button" onClick={copy}>Copy</button>
        {!readOnly && !over.value && <button type="button" onClick={paste}>Paste</button>}
        <button type="button" aria-pressed={large.value} onClick={() => { large.value = !large.value }}>{large.value ? "Smaller" : "Fill the window"}</button>
        <span class="spring" />
        <People people={link.people.value} you={link.you.value} />
      </div>
      <Standing link={link} />
      <div class="terminal-box" ref={box} role="group" aria-label={`${props.label}${readOnly ? ", which you look on" : ""}`} />
      {!readOnly && !over.value && <KeyBar type={type} application={() => screen.current?.terminal.modes.applicationCursorKeysMode ?? false} />}
    </div>
  )
}

type Linked = TerminalLink & { old: number }

/** The link of a screen; `old` counts what is being drawn of what was shown before we came. */
function makeLink(id: string, readOnly: boolean, screen: { current: Screen | null }): Linked {
  const link = Object.assign(new TerminalLink(id, readOnly, {
    began: (fresh) => { if (fresh) screen.current?.terminal.reset() },
    output: (data, old, drawn) => {
      if (old) link.old++
      screen.current?.write(data, () => {
        if (old) link.old--
        drawn()
      })
    },
  }), { old: 0 })
  return link
}

/** How the connection stands, said plainly; nothing while all is well. */
function Standing(props: { link: TerminalLink }) {
  const { link } = props
  const end = link.end.value
  const state = link.state.value
  return (
    <>
      {state === "connecting" && <p class="session-standing" role="status">Connecting to the terminal ...</p>}
      {state === "lost" && <p class="session-standing warn" role="alert">Connection lost, reconnecting ... The terminal waits a minute; what you type meanwhile is sent then.</p>}
      {state === "open" && link.nodeAway.value && <p class="session-standing warn" role="alert">The machine has lost its connection to the hub. The terminal waits for it.</p>}
      {end && <p class="session-standing" role="status">The session is over: {visible(endOf(end))}.</p>}
      {link.note.value && <p class={state === "refused" ? "session-standing bad" : "session-standing warn"} role="alert">{visible(link.note.value)}</p>}
    </>
  )
}

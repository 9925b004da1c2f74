// Questions and messages above the page. `<dialog>` keeps focus inside, closes by Escape, and is read out.

import { signal, useSignal } from "@preact/signals"
import type { ComponentChildren } from "preact"
import { useEffect, useRef } from "preact/hooks"
import { textOf } from "../core/problems.ts"

/** A dialog that is open as long as it is shown. */
export function Dialog(props: { title: string; close: () => void; wide?: boolean; children: ComponentChildren }) {
  const box = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const back = document.activeElement
    box.current?.showModal()
    return () => { if (back instanceof HTMLElement) back.focus() }
  }, [])
  return (
    <dialog ref={box} class={props.wide ? "wide" : ""} aria-label={props.title} onCancel={(event) => { event.preventDefault(); props.close() }}>
      <header>
        <h2>{props.title}</h2>
        <button type="button" class="plain" aria-label="Close" onClick={props.close}>✕</button>
      </header>
      {props.children}
    </dialog>
  )
}

type Question = { title: string; text: ComponentChildren; yes: string; danger: boolean; action: () => Promise<void> }

const question = signal<Question | null>(null)

/** Ask before something is done; what goes wrong is shown in the dialog, which stays. */
export function confirmFirst(title: string, text: ComponentChildren, yes: string, action: () => Promise<void>, danger = false): void {
  question.value = { title, text, yes, danger, action }
}

const message = signal("")
let timer = 0

/** Tell in passing that something was done. */
export function say(text: string): void {
  message.value = text
  clearTimeout(timer)
  timer = window.setTimeout(() => { message.value = "" }, 6000)
}

function Asked(props: { question: Question }) {
  const busy = useSignal(false)
  const fault = useSignal("")
  const close = () => { question.value = null }
  const go = async () => {
    if (busy.value) return
    busy.value = true
    try {
      await props.question.action()
      close()
    } catch (error) {
      fault.value = textOf(error)
      busy.value = false
    }
  }
  return (
    <Dialog title={props.question.title} close={close}>
      <div class="body">{props.question.text}</div>
      {fault.value && <p class="fault" role="alert">{fault.value}</p>}
      <footer>
        <button type="button" onClick={close}>Cancel</button>
        <button type="button" class={props.question.danger ? "danger" : "primary"} aria-disabled={busy.value} onClick={go}>{props.question.yes}</button>
      </footer>
    </Dialog>
  )
}

/** Where questions and messages appear; stands once in the shell. */
export function Overlay() {
  return (
    <>
      {question.value && <Asked question={question.value} />}
      <div class={message.value ? "toast shown" : "toast"} role="status">{message.value}</div>
    </>
  )
}

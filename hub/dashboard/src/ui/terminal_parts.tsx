// Small pieces around a terminal: who is in it, the keys that a phone has not, where a link in it leads.

import { visible } from "../core/harmless.ts"
import type { Person } from "../core/sessions.ts"
import { confirmFirst } from "./dialogs.tsx"

/** A program's link may lead elsewhere than it says. */
export function confirmAddress(address: string): void {
  confirmFirst("Open this address?", <p><code>{visible(address)}</code></p>, "Open", () => {
    window.open(address, "_blank", "noopener,noreferrer")
    return Promise.resolve()
  })
}

export function People(props: { people: readonly Person[]; you?: number }) {
  return (
    <ul class="session-people" aria-label="Who is in it" aria-live="polite">
      {props.people.map((person, at) => (
        <li key={person.n ?? at} class="tag"><bdi>{person.name}</bdi>{person.n !== undefined && person.n === props.you && " (you)"}{person.read_only && <span class="faint"> looks on</span>}</li>
      ))}
      {!props.people.length && <li class="faint">nobody</li>}
    </ul>
  )
}

const ARROWS = [["←", "D", "Left"], ["↓", "B", "Down"], ["↑", "A", "Up"], ["→", "C", "Right"]] as const
const KEYS = [["Esc", "\x1b"], ["Tab", "\t"], ["Ctrl-C", "\x03"], ["Ctrl-D", "\x04"], ["Ctrl-Z", "\x1a"]] as const

/** `application`: the program wants arrows in their other form. */
export function KeyBar(props: { type: (text: string) => void; application: () => boolean }) {
  const hold = (event: Event) => event.preventDefault() // the keyboard stays with the terminal
  return (
    <div class="session-keys" role="toolbar" aria-label="Keys">
      {KEYS.map(([name, text]) => <button key={name} type="button" onPointerDown={hold} onClick={() => props.type(text)}>{name}</button>)}
      {ARROWS.map(([name, letter, says]) => <button key={name} type="button" aria-label={says} onPointerDown={hold} onClick={() => props.type(`\x1b${props.application() ? "O" : "["}${letter}`)}>{name}</button>)}
    </div>
  )
}

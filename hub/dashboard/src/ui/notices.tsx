// Waiting, nothing there, something wrong: each says what to do next.

import type { ComponentChildren } from "preact"

export function Waiting() {
  return <p class="waiting" role="status">Loading ...</p>
}

export function Empty(props: { children: ComponentChildren }) {
  return <div class="empty">{props.children}</div>
}

export function ErrorBox(props: { text: string; again?: () => void }) {
  return (
    <div class="notice bad" role="alert">
      <span>{props.text}</span>
      {props.again && <button type="button" onClick={props.again}>Try again</button>}
    </div>
  )
}

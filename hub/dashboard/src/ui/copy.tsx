// A text to take along: shown whole, copied by a click.

import { useSignal } from "@preact/signals"

export function CopyButton(props: { text: string; label?: string }) {
  const said = useSignal("")
  const copy = async () => {
    said.value = await copyText(props.text) ? "Copied" : "Select it and copy by hand"
    setTimeout(() => { said.value = "" }, 2500)
  }
  return <button type="button" onClick={copy} aria-live="polite">{said.value || props.label || "Copy"}</button>
}

export function CopyLine(props: { text: string }) {
  return <div class="copy-line"><code>{props.text}</code><CopyButton text={props.text} /></div>
}

/** Put a text into the clipboard; false where the browser does not let us. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return copyBySelection(text)
  }
}

/** Without TLS a browser gives no clipboard; the old way still works. */
function copyBySelection(text: string): boolean {
  const field = document.createElement("textarea")
  field.value = text
  field.style.position = "fixed"
  field.style.opacity = "0"
  ;(document.querySelector("dialog[open]") ?? document.body).append(field)
  field.select()
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- there is nothing else without TLS
  const done = document.execCommand("copy")
  field.remove()
  return done
}

// A field for selectors: completes keys, tags, states, systems and names, says what is wrong, and how many nodes are meant.

import { useSignal } from "@preact/signals"
import { useEffect, useId, useMemo, useRef } from "preact/hooks"
import { complete, taken, vocabularyOf } from "../core/completion.ts"
import { nodes } from "../core/fleet.ts"
import { parse } from "../core/selector.ts"
import "./selector_input.css"

type Props = {
  value: string
  change: (text: string) => void
  label: string
  placeholder?: string
  /** `/` puts the cursor here. */
  search?: boolean
  /** Enter, with no option picked. */
  enter?: () => void
}

/** What is wrong with a selector, "" when nothing is; nothing typed is no fault. */
export function faultOf(text: string): string {
  if (!text.trim()) return ""
  try {
    parse(text)
    return ""
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

export function SelectorInput(props: Props) {
  const field = useRef<HTMLInputElement>(null)
  const id = useId()
  const open = useSignal(false)
  const caret = useSignal(0)
  const picked = useSignal(-1)
  const touched = useSignal(false)
  const wanted = open.value ? nodes.value : null
  const known = useMemo(() => (wanted ? vocabularyOf(wanted) : null), [wanted])
  const found = known ? complete(props.value, Math.min(caret.value, props.value.length), known) : null
  const options = found?.options ?? []
  const fault = faultOf(props.value)
  useEffect(() => {
    const list = document.getElementById(`${id}-list`)
    list?.children[picked.value]?.scrollIntoView({ block: "nearest" })
  }, [picked.value])

  const look = () => {
    caret.value = field.current?.selectionStart ?? 0
    picked.value = -1
  }
  const take = (at: number) => {
    const option = options[at]
    if (!option || !found) return
    const next = taken(props.value, found, option)
    props.change(next.text)
    picked.value = -1
    caret.value = next.caret
    requestAnimationFrame(() => {
      field.current?.focus()
      field.current?.setSelectionRange(next.caret, next.caret)
    })
  }
  const press = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0
    if (step && options.length) {
      event.preventDefault()
      open.value = true
      picked.value = (picked.value + step + options.length + (picked.value < 0 && step < 0 ? 1 : 0)) % options.length
    } else if ((event.key === "Enter" || event.key === "Tab") && open.value && picked.value >= 0) {
      event.preventDefault()
      take(picked.value)
    } else if (event.key === "Enter") {
      open.value = false
      props.enter?.()
    } else if (event.key === "Escape" && open.value) {
      event.preventDefault()
      open.value = false
    }
  }
  const shown = open.value && options.length > 0
  return (
    <div class="selector">
      <input
        ref={field} type="text" role="combobox" aria-label={props.label} aria-autocomplete="list" aria-expanded={shown}
        aria-controls={`${id}-list`} aria-invalid={fault !== "" && touched.value} aria-describedby={`${id}-fault`}
        {...(shown && picked.value >= 0 ? { "aria-activedescendant": `${id}-${picked.value}` } : {})}
        {...(props.search ? { "data-search": true } : {})} placeholder={props.placeholder ?? "tag:room=lab and not state:silent"}
        autoComplete="off" autoCapitalize="off" spellcheck={false} value={props.value}
        onInput={(event) => { props.change(event.currentTarget.value); open.value = true; touched.value = false; look() }}
        onFocus={() => { open.value = true; look() }} onClick={() => { open.value = true; look() }} onKeyUp={(event) => { if (/^(Arrow(Left|Right)|Home|End)$/.test(event.key)) look() }}
        onBlur={() => { open.value = false; touched.value = true }} onKeyDown={press}
      />
      <ul id={`${id}-list`} role="listbox" aria-label="Completions" hidden={!shown}>
        {options.map((option, at) => (
          <li
            key={option.text} id={`${id}-${at}`} role="option" aria-selected={at === picked.value}
            onPointerDown={(event) => { event.preventDefault(); take(at) }}
          >
            <span>{option.text}</span> <span class="faint">{option.hint}</span>
          </li>
        ))}
      </ul>
      <p id={`${id}-fault`} class="fault" role="status">{touched.value || !open.value ? fault : ""}</p>
    </div>
  )
}

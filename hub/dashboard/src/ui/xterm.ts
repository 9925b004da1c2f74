// A screen as terminals have them: xterm.js, set up as this page needs it. Loaded by the views of sessions only.
//
// Nothing that a program writes leaves the screen: its title, links and questions are not obeyed. A question (what the terminal
// can do, where the cursor is) is answered only where `answering` says so: old output is drawn again for who joins, and of all
// windows in a session one alone answers, or the answers would be typed twice.

import { FitAddon } from "@xterm/addon-fit"
import { type IDisposable, type ITheme, Terminal } from "@xterm/xterm"
import "@xterm/xterm/css/xterm.css"
import { copyText } from "./copy.tsx"
import { confirmAddress } from "./terminal_parts.tsx"

const FONT = 'ui-monospace, "SFMono-Regular", "DejaVu Sans Mono", Menlo, Consolas, monospace'
const FONT_SIZE = 14
const SMALLEST_FONT = 5
const SCROLLBACK = 5000
const SCROLLBAR = 14
/** Pixels of a box that can be taken for a window: all who are in a session have the smallest one. */
const LEAST = 60

/** The same in light and dark: programs choose their colours for a dark ground. */
const THEME: ITheme = {
  background: "#11151b", foreground: "#e4e8ee", cursor: "#e4e8ee", cursorAccent: "#11151b", selectionBackground: "#3b5780",
  black: "#1b2129", red: "#ff7b72", green: "#4cc47c", yellow: "#e5ae45", blue: "#6ea8ff", magenta: "#d2a8ff", cyan: "#56d4dd", white: "#c9d1d9",
  brightBlack: "#8b949e", brightRed: "#ffa198", brightGreen: "#7ee2a8", brightYellow: "#f2cc60", brightBlue: "#a5c8ff", brightMagenta: "#e2c5ff", brightCyan: "#8be9f0", brightWhite: "#ffffff",
}

export type ScreenOptions = {
  label: string
  /** Keys are typed; else it only shows. */
  keyboard: boolean
  answering: () => boolean
  /** The keyboard leaves the terminal. */
  leave?: () => void
}

export class Screen {
  readonly terminal: Terminal
  readonly #fit = new FitAddon()
  readonly #box: HTMLElement
  readonly #asked: IDisposable[]

  constructor(box: HTMLElement, size: [number, number], options: ScreenOptions) {
    this.#box = box
    this.terminal = new Terminal({
      cols: size[0], rows: size[1], fontFamily: FONT, fontSize: FONT_SIZE, scrollback: SCROLLBACK, theme: THEME, minimumContrastRatio: 4.5,
      cursorBlink: false, disableStdin: !options.keyboard, cursorInactiveStyle: options.keyboard ? "outline" : "none",
      linkHandler: { activate: (_, address) => confirmAddress(address) },
    })
    this.terminal.loadAddon(this.#fit)
    this.#asked = silence(this.terminal, options.answering)
    this.terminal.open(box)
    this.terminal.textarea?.setAttribute("aria-label", options.label)
    if (!options.keyboard) this.terminal.textarea?.setAttribute("tabindex", "-1")
    this.terminal.attachCustomKeyEventHandler((event) => this.#key(event, options))
  }

  /** Columns and rows that fit into the box as it is now; null while it is not shown. */
  fitting(): [number, number] | null {
    if (this.#box.clientWidth < LEAST || this.#box.clientHeight < LEAST) return null
    const found = this.#fit.proposeDimensions()
    return found && Number.isFinite(found.cols) && Number.isFinite(found.rows) ? [Math.min(1000, found.cols), Math.min(1000, found.rows)] : null
  }

  /** Take the smaller letters that make a size which is not ours fit into the box's width. */
  shrink(): void {
    const pen = document.createElement("canvas").getContext("2d")
    if (!pen || !this.#box.clientWidth) return
    pen.font = `100px ${FONT}`
    const size = (this.#box.clientWidth - SCROLLBAR) / (this.terminal.cols * (pen.measureText("W".repeat(10)).width / 1000))
    this.terminal.options.fontSize = Math.max(SMALLEST_FONT, Math.min(FONT_SIZE, Math.floor(size * 2) / 2))
  }

  /** `drawn` is called when it is on the screen, before anything behind it. */
  write(data: Uint8Array | string, drawn: () => void): void {
    this.terminal.write(data, drawn)
  }

  dispose(): void {
    for (const each of this.#asked) each.dispose()
    this.terminal.dispose()
  }

  /** Of the keys only those that a terminal leaves to its window: copy, and the way out. False: they are dealt with. */
  #key(event: KeyboardEvent, options: ScreenOptions): boolean {
    if (!event.ctrlKey || !event.shiftKey || event.altKey || event.metaKey) return true
    const key = event.key.toLowerCase()
    if (key === "c" && this.terminal.hasSelection()) {
      if (event.type === "keydown") void copyText(this.terminal.getSelection())
    } else if (key === "l" && options.leave) {
      if (event.type === "keydown") options.leave()
    } else return true
    event.preventDefault()
    return false
  }
}

/** Let the terminal answer what programs ask of it only while `answering`. */
function silence(terminal: Terminal, answering: () => boolean): IDisposable[] {
  const { parser } = terminal
  const mute = () => !answering()
  const colour = (data: string) => data.includes("?") && mute()
  return [
    ...[{ final: "c" }, { prefix: ">", final: "c" }, { prefix: "=", final: "c" }, { final: "n" }, { prefix: "?", final: "n" },
      { intermediates: "$", final: "p" }, { prefix: "?", intermediates: "$", final: "p" }].map((id) => parser.registerCsiHandler(id, mute)),
    ...[4, 10, 11, 12].map((id) => parser.registerOscHandler(id, colour)),
    parser.registerDcsHandler({ intermediates: "$", final: "q" }, mute),
  ]
}

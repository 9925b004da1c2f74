// What a run wrote on one node, as text that is harmless to look at: in order, without doubles, the newest lines. Pure.
//
// Pieces come by the search, by the live stream, or by both; their `place` tells them apart. Colours are taken out, other
// terminal sequences are shown as text, a carriage return begins the line anew as it does in a terminal.

import { visible } from "./harmless.ts"

/** Lines of one node that are kept, and characters of one line. */
export const KEPT_LINES = 3000
const LINE_MOST = 4000

export type Piece = { batch: number; position: number; stream: "out" | "err"; text: string; binary: number }
export type OutputLine = { stream: "out" | "err" | "note"; text: string }

/** A piece as GET /runs/{run}/output tells it, or a live event of the kind `output`; null for what is no output. */
export function readPiece(from: Record<string, unknown>): Piece | null {
  const [batch = "", position = ""] = (typeof from["place"] === "string" ? from["place"] : "").split(".")
  const stream = from["stream"] ?? ("out" in from ? "out" : "err" in from ? "err" : "")
  if (stream !== "out" && stream !== "err") return null
  const given = from["text"] ?? from[stream] ?? ""
  const place = { batch: parseInt(batch, 16) || 0, position: parseInt(position, 16) || 0, stream } as const
  if (typeof from["binary"] !== "string") return { ...place, text: typeof given === "string" ? given : "", binary: 0 }
  const { text, odd, size } = readable(from["binary"])
  return odd > 64 && odd > size / 10 ? { ...place, text: "", binary: size } : { ...place, text, binary: 0 }
}

export function placeOfPiece(piece: Pick<Piece, "batch" | "position">): string {
  return `${piece.batch.toString(16)}.${piece.position.toString(16)}`
}

export function isBehind(piece: Pick<Piece, "batch" | "position">, other: Pick<Piece, "batch" | "position">): boolean {
  return piece.batch > other.batch || (piece.batch === other.batch && piece.position > other.position)
}

export class Output {
  lines: OutputLine[] = []
  /** Lines before these that were let go. */
  dropped = 0
  /** The last piece that was taken in. */
  last = { batch: 0, position: -1 }
  #open = false
  /** The beginning of an escape sequence whose end is in the next piece. */
  #carry = { out: "", err: "" }
  /** A carriage return came: what follows replaces the line, unless it is a newline. */
  #returned = false
  readonly #most: number

  constructor(most = KEPT_LINES) {
    this.#most = most
  }

  /** Take pieces in; those that are not behind the last one were there before. Returns whether anything was new. */
  add(pieces: Piece[]): boolean {
    let changed = false
    for (const piece of pieces) {
      if (!isBehind(piece, this.last)) continue
      this.last = { batch: piece.batch, position: piece.position }
      if (piece.binary) this.note(`${piece.binary} bytes that are no text`)
      else this.#write(piece.stream, piece.text)
      changed = true
    }
    if (this.lines.length > this.#most * 1.1) {
      const over = this.lines.length - this.#most
      this.lines.splice(0, over)
      this.dropped += over
    }
    return changed
  }

  /** A line of our own among what was written. */
  note(text: string): void {
    this.lines.push({ stream: "note", text })
    this.#open = false
  }

  #write(stream: "out" | "err", given: string): void {
    let text = this.#carry[stream] + given
    const cut = /\x1b(?:\[[0-9;:]{0,40})?$/.exec(text)
    this.#carry[stream] = cut ? cut[0] : ""
    if (cut) text = text.slice(0, cut.index)
    text = text.replace(/\x1b\[[0-9;:]*[mK]/g, "")
    for (let from = 0; from < text.length;) {
      const end = /[\r\n]/.exec(text.slice(from))
      const till = end ? from + end.index : text.length
      if (till > from) this.#put(stream, text.slice(from, till))
      from = till + 1
      if (end?.[0] === "\r") this.#returned = true
      else if (end) this.#newline(stream)
    }
  }

  #put(stream: "out" | "err", text: string): void {
    const last = this.lines.at(-1)
    const shown = visible(text)
    if (!last || !this.#open || last.stream !== stream) {
      this.lines.push({ stream, text: shown.slice(0, LINE_MOST) })
      this.#open = true
    } else if (this.#returned) last.text = shown.slice(0, LINE_MOST)
    else if (last.text.length < LINE_MOST) {
      last.text += shown
      if (last.text.length > LINE_MOST) last.text = `${last.text.slice(0, LINE_MOST)} ...`
    }
    this.#returned = false
  }

  #newline(stream: "out" | "err"): void {
    const last = this.lines.at(-1)
    if (!this.#open || last?.stream !== stream) this.lines.push({ stream, text: "" })
    this.#open = false
    this.#returned = false
  }
}

/** Neighbouring lines of one stream as one text: few elements to draw. */
export function segments(lines: readonly OutputLine[], most: number): OutputLine[] {
  const found: { stream: OutputLine["stream"]; texts: string[] }[] = []
  for (const line of lines.slice(-most)) {
    const last = found.at(-1)
    if (last?.stream === line.stream) last.texts.push(line.text)
    else found.push({ stream: line.stream, texts: [line.text] })
  }
  return found.map(({ stream, texts }) => ({ stream, text: texts.join("\n") }))
}

/** Bytes as text: what is no UTF-8 as \xff; how many bytes that are, and how many there are at all. */
export function readable(base64: string): { text: string; odd: number; size: number } {
  let bytes: Uint8Array
  try {
    bytes = Uint8Array.from(atob(base64), (one) => one.charCodeAt(0))
  } catch {
    return { text: "", odd: 0, size: 0 }
  }
  const whole = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
  const parts: string[] = []
  let odd = 0
  for (let at = 0; at < bytes.length;) {
    const lead = bytes[at] ?? 0
    const length = lead < 0x80 ? 1 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2
    try {
      parts.push(whole.decode(bytes.subarray(at, at + length)))
      at += length
    } catch {
      parts.push(`\\x${lead.toString(16).padStart(2, "0")}`)
      odd++
      at++
    }
  }
  return { text: parts.join(""), odd, size: bytes.length }
}

// Text from outside, made harmless to look at: what would move the cursor, change the direction or hide itself is shown. Pure.

const ODD = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g

/** Control characters as \x1b, marks of direction and what takes no room as \u202e; newlines and tabs stay. */
export function visible(text: string): string {
  return text.replace(ODD, (odd) => {
    const code = odd.charCodeAt(0)
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`
  })
}

/** The same on one line. */
export function oneLine(text: string): string {
  return visible(text.replace(/\r?\n/g, " \u23ce "))
}

export type Piece = { text: string; hit: boolean }

/** A text in pieces, those that are `needle` (in capitals or not) marked. */
export function marked(text: string, needle: string): Piece[] {
  if (!needle) return [{ text, hit: false }]
  const pieces: Piece[] = []
  const low = text.toLowerCase()
  const wanted = needle.toLowerCase()
  let from = 0
  // lower case of few characters has another length: then positions would lie, and nothing is marked
  while (low.length === text.length) {
    const at = low.indexOf(wanted, from)
    if (at < 0) break
    if (at > from) pieces.push({ text: text.slice(from, at), hit: false })
    pieces.push({ text: text.slice(at, at + wanted.length), hit: true })
    from = at + wanted.length
  }
  if (from < text.length || !pieces.length) pieces.push({ text: text.slice(from), hit: false })
  return pieces
}

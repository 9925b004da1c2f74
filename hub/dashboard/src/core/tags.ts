// Tags as people type them: `room=lab beamline web`, apart by spaces or commas. Pure.

const KEY = /^[A-Za-z0-9][A-Za-z0-9._/-]*$/
const VALUE = /^[\w.:@+/-]*$/

/** The tags that a text names; throws Error that says what is wrong, in words for the person who typed it. */
export function tagsOf(text: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const each of text.split(/[\s,]+/).filter((part) => part)) {
    const at = each.indexOf("=")
    const key = at < 0 ? each : each.slice(0, at)
    const value = at < 0 ? "" : each.slice(at + 1)
    if (!KEY.test(key)) throw new Error(`${key || each} can't be a tag's key: letters, digits and . _ / -`)
    if (!VALUE.test(value)) throw new Error(`${value} can't be a tag's value: letters, digits and . _ : @ + / -`)
    if (key in found) throw new Error(`${key} stands twice`)
    found[key] = value
  }
  return found
}

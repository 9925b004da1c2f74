// The language that names nodes, as the hub understands it (wire/dvic_wire/selectors.py; the same test vectors): here it
// narrows what is already on the page, at every key. Pure.

import type { Node } from "./types.ts"

export const MAX_SELECTOR = 1000
export const MAX_TERMS = 100
export const STATES = ["online", "late", "silent", "never", "revoked"] as const
const KEYWORDS = new Set(["all", "and", "or", "not"])

/** What a selector looks at. */
export type Named = Pick<Node, "id" | "name" | "tags" | "os"> & { state: string }
export type Test = (node: Named) => boolean

/** A selector that can't be understood; `position` counts characters from 0. */
export class SelectorError extends Error {
  readonly position: number

  constructor(text: string, position: number) {
    super(text)
    this.position = position
  }
}

export type Word = { text: string; at: number }

export function wordsOf(text: string): Word[] {
  return [...text.matchAll(/[()]|[^\s()]+/g)].map((found) => ({ text: found[0], at: found.index }))
}

/** What a selector means; throws SelectorError. */
export function parse(text: string): Test {
  if (text.length > MAX_SELECTOR) throw new SelectorError(`a selector has at most ${MAX_SELECTOR} characters`, MAX_SELECTOR)
  const words = wordsOf(text)
  if (words.length > MAX_TERMS) throw new SelectorError(`a selector has at most ${MAX_TERMS} words`, words[MAX_TERMS]?.at ?? 0)
  const parser = new Parser(words, text.length)
  const test = parser.either()
  const rest = parser.peek()
  if (rest.text) throw new SelectorError(`expected and, or, or the end before "${rest.text}"`, rest.at)
  return test
}

class Parser {
  #words: Word[]
  #end: number
  #at = 0

  constructor(words: Word[], end: number) {
    this.#words = words
    this.#end = end
  }

  peek(): Word {
    return this.#words[this.#at] ?? { text: "", at: this.#end }
  }

  either(): Test {
    const parts = [this.#both()]
    while (this.#take("or")) parts.push(this.#both())
    return parts.length === 1 && parts[0] ? parts[0] : (node) => parts.some((part) => part(node))
  }

  #both(): Test {
    const parts = [this.#one()]
    while (this.#take("and")) parts.push(this.#one())
    return parts.length === 1 && parts[0] ? parts[0] : (node) => parts.every((part) => part(node))
  }

  #one(): Test {
    if (this.#take("not")) {
      const inner = this.#one()
      return (node) => !inner(node)
    }
    if (this.#take("(")) {
      const inner = this.either()
      if (!this.#take(")")) throw new SelectorError("a parenthesis is not closed", this.peek().at)
      return inner
    }
    const word = this.peek()
    if (!word.text || word.text === ")" || /^(and|or)$/i.test(word.text)) {
      throw new SelectorError("a node name, tag:, id:, os: or state: is missing", word.at)
    }
    this.#at++
    return term(word)
  }

  #take(text: string): boolean {
    if (this.peek().text.toLowerCase() !== text) return false
    this.#at++
    return true
  }
}

function term({ text, at }: Word): Test {
  if (!/^[\p{L}\p{N}\p{M}_.:@*?[\]!+/=-]+$/u.test(text)) throw new SelectorError(`"${text}" has a character that no name can have`, at)
  if (text.toLowerCase() === "all") return () => true
  const colon = text.indexOf(":")
  if (colon < 0) return field("name", text)
  const kind = text.slice(0, colon)
  const rest = text.slice(colon + 1)
  if (!rest) throw new SelectorError(`nothing stands after ${kind}:`, at)
  if (kind === "tag") return tag(rest, at)
  if (kind === "state" && !STATES.some((state) => state === rest.toLowerCase())) {
    throw new SelectorError(`there is no state "${rest}" (there are ${STATES.join(", ")})`, at)
  }
  if (kind === "name" || kind === "id" || kind === "os" || kind === "state") return field(kind, rest)
  throw new SelectorError(`there is no ${kind}: (there are name:, id:, tag:, os:, state:)`, at)
}

function field(name: "name" | "id" | "os" | "state", pattern: string): Test {
  const fits = glob(pattern)
  return (node) => fits(node[name])
}

function tag(rest: string, at: number): Test {
  const equals = rest.indexOf("=")
  const key = equals < 0 ? rest : rest.slice(0, equals)
  if (!key) throw new SelectorError("a tag has no key", at)
  const fits = equals < 0 ? () => true : glob(rest.slice(equals + 1))
  return (node) => {
    const value = Object.hasOwn(node.tags, key) ? node.tags[key] : undefined
    return value !== undefined && fits(value)
  }
}

/** A shell glob as the hub matches it: capitals don't count, `[!x]` is not x, an unclosed `[` is itself. */
export function glob(pattern: string): (value: string) => boolean {
  const wanted = pattern.toLowerCase()
  if (!/[*?[]/.test(wanted)) return (value) => value.toLowerCase() === wanted
  let source = ""
  for (let at = 0; at < wanted.length; at++) {
    const sign = wanted[at] ?? ""
    const end = sign === "[" ? wanted.indexOf("]", at + (wanted[at + 1] === "!" ? 3 : 2)) : -1
    if (sign === "*") source += source.endsWith("[^]*") ? "" : "[^]*"
    else if (sign === "?") source += "[^]"
    else if (end > 0) {
      source += setOf(wanted.slice(at + 1, end))
      at = end
    } else source += escaped(sign)
  }
  const expression = new RegExp(`^(?:${source})$`)
  return (value) => expression.test(value.toLowerCase())
}

/** The inside of `[ ]`: single characters and ranges; a range that is backwards holds nothing. */
function setOf(inside: string): string {
  const not = inside.startsWith("!")
  const text = not ? inside.slice(1) : inside
  let found = ""
  for (let at = 0; at < text.length; at++) {
    const low = text[at] ?? ""
    const high = text[at + 2]
    if (text[at + 1] === "-" && high !== undefined) {
      if (low <= high) found += `${escaped(low)}-${escaped(high)}`
      at += 2
    } else found += escaped(low)
  }
  if (!found) return not ? "[^]" : "[]"
  return `[${not ? "^" : ""}${found}]`
}

const escaped = (sign: string) => sign.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")

/** A node's name where a selector stands: two names could pass for a word of the language. */
export function nameTerm(name: string): string {
  return KEYWORDS.has(name.toLowerCase()) ? `name:${name}` : name
}

/** What somebody who types a single word means: that name, or, where there is none, whatever has the word in its name. */
export function meant(text: string, exists: (name: string) => boolean): string {
  const word = text.trim()
  if (!word) return "all"
  if (/^[\w.-]+$/.test(word) && !KEYWORDS.has(word.toLowerCase()) && !exists(word)) return `*${word}*`
  return word
}

/** A selector that names exactly these of the nodes that `query` shows; null when they are too many for one. */
export function selectorFor(chosen: readonly Named[], shown: readonly Named[], query: string): string | null {
  if (!chosen.length) return null
  const ids = new Set(chosen.map((node) => node.id))
  const left = shown.filter((node) => !ids.has(node.id))
  if (!left.length && chosen.length === shown.length) return query
  const some = chosen.map((node) => nameTerm(node.name)).join(" or ")
  const but = query === "all" ? "" : `(${query}) and `
  const others = `${but}not (${left.map((node) => nameTerm(node.name)).join(" or ")})`
  const fitting = (text: string) => text.length <= MAX_SELECTOR && wordsOf(text).length <= MAX_TERMS
  if (fitting(some)) return some
  return left.length + chosen.length === shown.length && fitting(others) ? others : null
}

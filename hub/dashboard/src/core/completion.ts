// What could stand next in a selector: keys, tags, states, systems, names, and the words between them. Pure.

import { nameTerm, STATES, wordsOf } from "./selector.ts"
import type { Node } from "./types.ts"

export const MOST = 12
const VALUES_KEPT = 500

/** What the fleet has that a selector can name. */
export type Vocabulary = { names: string[]; tags: Map<string, string[]>; systems: string[] }

/** `text` takes the place of what was typed; `hint` says what it is. */
export type Option = { text: string; hint: string }

/** Options for the word that ends at the caret; they take the place of `from` to `to`. */
export type Completion = { from: number; to: number; options: Option[] }

export function vocabularyOf(nodes: readonly Node[]): Vocabulary {
  const tags = new Map<string, Set<string>>()
  const systems = new Set<string>()
  for (const node of nodes) {
    if (node.os) systems.add(node.os)
    for (const [key, value] of Object.entries(node.tags)) {
      const values = tags.get(key) ?? new Set()
      if (values.size < VALUES_KEPT) values.add(value)
      tags.set(key, values)
    }
  }
  return {
    names: nodes.map((node) => node.name),
    tags: new Map([...tags].sort().map(([key, values]) => [key, [...values].sort()])),
    systems: [...systems].sort(),
  }
}

const KEYS: readonly Option[] = [
  { text: "tag:", hint: "by tag" },
  { text: "state:", hint: "online, late, silent ..." },
  { text: "os:", hint: "by operating system" },
  { text: "name:", hint: "by name" },
  { text: "id:", hint: "by id" },
  { text: "not ", hint: "all but" },
  { text: "all ", hint: "every node" },
]

export function complete(text: string, caret: number, known: Vocabulary): Completion {
  const word = /[^\s()]*$/.exec(text.slice(0, caret))?.[0] ?? ""
  const from = caret - word.length
  const to = caret + (/^[^\s()]*/.exec(text.slice(caret))?.[0].length ?? 0)
  const before = wordsOf(text.slice(0, from)).at(-1)?.text.toLowerCase() ?? ""
  const afterTerm = before !== "" && !["(", "and", "or", "not"].includes(before)
  const options = afterTerm ? between(word) : terms(word, known)
  return { from, to, options: options.filter((option) => option.text.trim() !== word).slice(0, MOST) }
}

/** The text with an option taken, and where the caret stands then. */
export function taken(text: string, { from, to }: Completion, option: Option): { text: string; caret: number } {
  const rest = text.slice(to)
  const put = option.text.endsWith(" ") && rest.startsWith(" ") ? option.text.trimEnd() : option.text
  return { text: text.slice(0, from) + put + rest, caret: from + option.text.length }
}

function between(word: string): Option[] {
  const options = [{ text: "and ", hint: "both" }, { text: "or ", hint: "either" }, { text: "and not ", hint: "but not" }]
  return options.filter((option) => option.text.startsWith(word.toLowerCase()))
}

function terms(word: string, known: Vocabulary): Option[] {
  const [kind = "", rest = ""] = word.includes(":") ? [word.slice(0, word.indexOf(":")), word.slice(word.indexOf(":") + 1)] : []
  if (kind === "tag") return tagTerms(rest, known)
  if (kind === "state") return ranked(STATES, rest).map((state) => ({ text: `state:${state} `, hint: "" }))
  if (kind === "os") return systemTerms(rest, known)
  if (kind === "name") return ranked(known.names, rest).map((name) => ({ text: `name:${name} `, hint: "" }))
  if (kind) return []
  if (!word) return [...(known.names.length <= MOST - KEYS.length ? known.names.map(nodeOption) : []), ...KEYS]
  const keys = KEYS.filter((key) => key.text.startsWith(word.toLowerCase()))
  const tags = ranked([...known.tags.keys()], word).slice(0, 3).map((key) => ({ text: `tag:${key}=`, hint: "tag" }))
  const states = ranked(STATES, word).filter((state) => state.startsWith(word.toLowerCase())).map((state) => ({ text: `state:${state} `, hint: "state" }))
  const names = ranked(known.names, word).map(nodeOption)
  return [...keys, ...states, ...names.slice(0, MOST - Math.min(4, keys.length + states.length + tags.length)), ...tags]
}

function nodeOption(name: string): Option {
  return { text: `${nameTerm(name)} `, hint: "node" }
}

function tagTerms(rest: string, known: Vocabulary): Option[] {
  const equals = rest.indexOf("=")
  if (equals < 0) {
    return ranked([...known.tags.keys()], rest).flatMap((key) => {
      const values = known.tags.get(key) ?? []
      const bare = { text: `tag:${key} `, hint: "whatever its value" }
      return values.some((value) => value !== "") ? [{ text: `tag:${key}=`, hint: values.slice(0, 3).join(", ") }, bare] : [bare]
    })
  }
  const key = rest.slice(0, equals)
  const values = (known.tags.get(key) ?? []).filter((value) => value !== "")
  return ranked(values, rest.slice(equals + 1)).map((value) => ({ text: `tag:${key}=${value} `, hint: "" }))
}

/** Systems have blanks in their names, selectors have not: `?` stands for one. */
function systemTerms(rest: string, known: Vocabulary): Option[] {
  const families = new Set(known.systems.map((system) => `${system.split(" ")[0] ?? ""}*`))
  return ranked([...families, ...known.systems.map((system) => system.replace(/[^\p{L}\p{N}_.:@+/=-]/gu, "?"))], rest)
    .map((system) => ({ text: `os:${system} `, hint: "" }))
}

/** Those that hold the text, first those that begin with it; in their own order otherwise. */
function ranked(texts: readonly string[], wanted: string): string[] {
  const small = wanted.toLowerCase()
  const first: string[] = []
  const second: string[] = []
  for (const text of texts) {
    const at = text.toLowerCase().indexOf(small)
    if (at === 0) first.push(text)
    else if (at > 0 && second.length < MOST) second.push(text)
    if (first.length >= MOST) break
  }
  return [...first, ...second].slice(0, MOST)
}

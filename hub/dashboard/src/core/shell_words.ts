// A command line into its words, as a shell would split it, though no shell runs it: what is shown is what is started. Pure.

export type Words = {
  words: string[]
  /** Why it can't be split, "" when it can. */
  fault: string
  /** Characters that a shell would act on and that are passed on as they are here. */
  plain: string[]
}

const SHELLS_OWN = "|&;<>()$`*?[]~#!{}"

export function splitWords(text: string): Words {
  const words: string[] = []
  const plain = new Set<string>()
  let word: string | null = null
  let quote = ""
  for (let at = 0; at < text.length; at++) {
    const one = text[at] ?? ""
    const next = text[at + 1] ?? ""
    if (quote === "'") {
      if (one === "'") quote = ""
      else word = (word ?? "") + one
    } else if (quote === '"') {
      if (one === '"') quote = ""
      else if (one === "\\" && '"\\$`\n'.includes(next) && next) {
        if (next !== "\n") word = (word ?? "") + next
        at++
      } else {
        if (one === "$" || one === "`") plain.add(one)
        word = (word ?? "") + one
      }
    } else if (one === "'" || one === '"') {
      quote = one
      word ??= ""
    } else if (one === "\\") {
      if (!next) return { words, fault: "there is nothing behind the last \\", plain: [...plain] }
      if (next !== "\n") word = (word ?? "") + next
      at++
    } else if (/\s/.test(one)) {
      if (word !== null) words.push(word)
      word = null
    } else {
      if (SHELLS_OWN.includes(one)) plain.add(one)
      word = (word ?? "") + one
    }
  }
  if (word !== null) words.push(word)
  return { words, fault: quote ? `a ${quote} is not closed` : "", plain: [...plain] }
}

/** Words as one would write them so that splitWords gives them back. */
export function joinWords(words: readonly string[]): string {
  return words.map((word) => (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(" ")
}

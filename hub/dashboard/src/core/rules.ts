// Rules that raise alarms, and the form that each kind of rule has. Pure.

import type { Severity } from "./alarms.ts"

export type Value = number | string
export type Rule = {
  name: string
  kind: string
  on: boolean
  severity: Severity
  title: string
  selector: string
  settings: Record<string, Value>
  origin: "default" | "changed" | "own"
  changed: string | null
  changed_by: string
  open: number
  /** Histograms of which it can say nothing, each with why. */
  unjudged: string[]
}

export type RuleSetting = {
  name: string
  form: "number" | "whole" | "glob" | "pattern" | "level"
  unit: string
  about: string
  default: Value | null
  needed: boolean
  least: number | null
  most: number | null
}
export type RuleKind = { kind: string; about: string; selects_nodes: boolean; settings: RuleSetting[] }
export type RulesAnswer = { items: Rule[]; next: string; kinds: RuleKind[] }

/** A rule's settings as one reads them: `above 90, clear 85, seconds 60 s`. */
export function settingsWords(rule: Pick<Rule, "settings">, kind: RuleKind | undefined): string {
  const units = new Map(kind?.settings.map((each) => [each.name, each.unit]))
  return Object.entries(rule.settings).filter(([, value]) => value !== "" && value !== "*")
    .map(([name, value]) => `${name} ${value}${units.get(name) ? ` ${units.get(name)}` : ""}`).join(", ")
}

/** What was typed in, as the hub takes it; null takes a setting back to its default. Throws what is wrong. */
export function settingsOf(kind: RuleKind, typed: (name: string) => string): Record<string, Value | null> {
  const found: Record<string, Value | null> = {}
  for (const { name, form } of kind.settings) {
    const text = typed(name)
    if (text === "") found[name] = null
    else if (form === "number" || form === "whole") {
      const value = Number(text)
      if (!Number.isFinite(value) || (form === "whole" && !Number.isInteger(value))) throw new Error(`${name}: must be a ${form === "whole" ? "whole " : ""}number`)
      found[name] = value
    } else found[name] = text
  }
  return found
}

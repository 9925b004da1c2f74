// Which metric belongs into which chart, by its name (agent: sources/hardware.py). What nobody knows gets one of its own. Pure.

import { bytes, number, span } from "./format.ts"

export type Unit = "percent" | "bytes" | "bytes a second" | "a second" | "celsius" | "seconds" | "number"

/** A chart: `patterns` are globs of the names in it; `low` and `high` are what its axis shows at least. */
export type Chart = { id: string; title: string; group: string; unit: Unit; patterns: string[]; low?: number; high?: number; aside?: boolean }

type Rule = Chart & { fits: RegExp; label: (found: RegExpExecArray) => string }

const first = (found: RegExpExecArray) => found[1] ?? ""
const both = (words: Record<string, string>) => (found: RegExpExecArray) => `${found[1] ?? ""} ${words[found[2] ?? ""] ?? found[2] ?? ""}`

const RULES: readonly Rule[] = [
  { id: "cpu", title: "CPU", group: "CPU", unit: "percent", patterns: ["cpu.total"], low: 0, high: 100, fits: /^cpu\.(total)$/, label: () => "all cores" },
  { id: "cores", title: "CPU, core by core", group: "CPU", unit: "percent", patterns: ["cpu.[0-9]*"], low: 0, high: 100, fits: /^cpu\.(\d+)$/, label: (found) => `core ${first(found)}` },
  { id: "load", title: "Load", group: "CPU", unit: "number", patterns: ["load.*"], low: 0, fits: /^load\.(\d+)$/, label: (found) => `${first(found)} min` },
  { id: "memory", title: "Memory", group: "Memory", unit: "bytes", patterns: ["memory.used", "memory.available", "memory.total"], low: 0, fits: /^memory\.(used|available|total)$/, label: first },
  { id: "memory-percent", title: "Memory in use", group: "Memory", unit: "percent", patterns: ["memory.percent", "swap.percent"], low: 0, high: 100, fits: /^(memory|swap)\.percent$/, label: first },
  { id: "swap", title: "Swap", group: "Memory", unit: "bytes", patterns: ["swap.used", "swap.total"], low: 0, aside: true, fits: /^swap\.(used|total)$/, label: first },
  { id: "disk", title: "Disk space in use", group: "Disks", unit: "percent", patterns: ["disk.*.percent"], low: 0, high: 100, fits: /^disk\.(.+)\.percent$/, label: first },
  { id: "disk-bytes", title: "Disk space", group: "Disks", unit: "bytes", patterns: ["disk.*.used", "disk.*.total"], low: 0, aside: true, fits: /^disk\.(.+)\.(used|total)$/, label: both({}) },
  { id: "io", title: "Disk reads and writes", group: "Disks", unit: "bytes a second", patterns: ["io.*_bytes"], low: 0, fits: /^io\.(.+)\.(read_bytes|write_bytes)$/, label: both({ read_bytes: "read", write_bytes: "written" }) },
  { id: "io-busy", title: "Disks busy", group: "Disks", unit: "percent", patterns: ["io.*.busy"], low: 0, high: 100, aside: true, fits: /^io\.(.+)\.busy$/, label: first },
  { id: "io-ops", title: "Disk operations", group: "Disks", unit: "a second", patterns: ["io.*.reads", "io.*.writes"], low: 0, aside: true, fits: /^io\.(.+)\.(reads|writes)$/, label: both({}) },
  { id: "net", title: "Network", group: "Network", unit: "bytes a second", patterns: ["net.*_bytes"], low: 0, fits: /^net\.(.+)\.(rx_bytes|tx_bytes)$/, label: both({ rx_bytes: "in", tx_bytes: "out" }) },
  { id: "net-errors", title: "Network errors and drops", group: "Network", unit: "a second", patterns: ["net.*_errors", "net.*_drops"], low: 0, aside: true, fits: /^net\.(.+)\.([rt]x_(?:errors|drops))$/, label: both({ rx_errors: "errors in", tx_errors: "errors out", rx_drops: "drops in", tx_drops: "drops out" }) },
  { id: "temp", title: "Temperatures", group: "Temperatures", unit: "celsius", patterns: ["temp.*"], fits: /^temp\.(.+)$/, label: (found) => first(found).replaceAll("_", " ") },
  { id: "processes", title: "Processes", group: "System", unit: "number", patterns: ["processes"], low: 0, aside: true, fits: /^processes$/, label: () => "processes" },
  { id: "uptime", title: "Uptime", group: "System", unit: "seconds", patterns: ["uptime"], low: 0, aside: true, fits: /^uptime$/, label: () => "uptime" },
]

/** The chart's id and the metric's name in it. */
export function chartOf(name: string): { id: string; label: string } {
  for (const rule of RULES) {
    const found = rule.fits.exec(name)
    if (found) return { id: rule.id, label: rule.label(found) }
  }
  return { id: `=${name}`, label: name }
}

const natural = new Intl.Collator("en", { numeric: true })

/** Metrics of one chart in its own order, and core 2 before core 10. */
export function compareIn(chart: Chart): (one: string, other: string) => number {
  const place = (name: string) => (chart.patterns.indexOf(name) + 1) || chart.patterns.length + 1
  return (one, other) => place(one) - place(other) || natural.compare(one, other)
}

/** The charts for these metrics, each once: known ones in their order, then the others by name. */
export function chartsFor(names: Iterable<string>): Chart[] {
  const ids = new Set<string>()
  for (const name of names) ids.add(chartOf(name).id)
  const known = RULES.filter((rule) => ids.has(rule.id))
  const others = [...ids].filter((id) => id.startsWith("=")).sort()
  return [...known, ...others.map((id): Chart => ({ id, title: id.slice(1), group: "Other", unit: "number", patterns: [literal(id.slice(1))] }))]
}

/** A glob that a name fits; a comma parts globs and can't stand in one. */
export function literal(name: string): string {
  return name.replace(/[[*?]/g, "[$&]").replaceAll(",", "?")
}

/** A value with its unit, as short as it can be. */
export function shown(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "-"
  switch (unit) {
    case "percent": return `${value >= 10 || value === 0 ? Math.round(value) : value.toFixed(1)} %`
    case "bytes": return bytes(value)
    case "bytes a second": return `${bytes(value)}/s`
    case "a second": return `${number(value)}/s`
    case "celsius": return `${Math.round(value)} °C`
    case "seconds": return value >= 0 ? span(value * 1000) : number(value)
    case "number": return number(value)
  }
}

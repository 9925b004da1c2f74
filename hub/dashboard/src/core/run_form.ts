// An order to run something, as a person fills it in and as the hub is told. Pure.

import { joinWords, splitWords } from "./shell_words.ts"
import type { Run } from "./runs.ts"

export type RunForm = {
  selector: string
  kind: "command" | "script"
  command: string
  script: string
  /** Arguments of the script. */
  args: string
  user: string
  timeout: string
  batch: string
  maxFailures: string
  queue: string
  reason: string
  cwd: string
  env: string
  stdin: string
  memory: string
  cpu: string
}

export const EMPTY: RunForm = {
  selector: "", kind: "command", command: "", script: "#!/bin/sh\nset -eu\n", args: "", user: "", timeout: "5m", batch: "", maxFailures: "",
  queue: "0", reason: "", cwd: "", env: "", stdin: "", memory: "", cpu: "",
}

export type Order = { body: Record<string, unknown>; faults: Partial<Record<keyof RunForm, string>> }

const UNITS: Record<string, number> = { "": 1, s: 1, m: 60, h: 3600, d: 86_400 }

/** Seconds of `90`, `90s`, `5m`, `1h`, `2d`; NaN for anything else. */
export function seconds(text: string): number {
  const found = /^\s*(\d{1,9})\s*([smhd]?)\s*$/.exec(text)
  return found ? Number(found[1]) * (UNITS[found[2] ?? ""] ?? NaN) : NaN
}

/** Seconds as one would write them. */
export function writeSeconds(value: number): string {
  for (const [unit, size] of Object.entries(UNITS).reverse()) if (unit && value >= size && value % size === 0) return `${value / size}${unit}`
  return String(value)
}

/** Bytes of `512M`, `2G`; 0 for an empty text, NaN for anything else. */
export function memoryBytes(text: string): number {
  if (!text.trim()) return 0
  const found = /^\s*(\d{1,9})\s*([KMGT]?)(?:i?B)?\s*$/i.exec(text)
  return found ? Number(found[1]) * 1024 ** ["", "K", "M", "G", "T"].indexOf((found[2] ?? "").toUpperCase()) : NaN
}

/** What is sent to the hub, and what is wrong with it by field. */
export function orderOf(form: RunForm): Order {
  const faults: Order["faults"] = {}
  const body: Record<string, unknown> = { selector: form.selector.trim() }
  if (!form.selector.trim()) faults.selector = "say on which nodes"
  if (form.kind === "command") {
    const { words, fault } = splitWords(form.command)
    if (fault) faults.command = fault
    else if (!words.length) faults.command = "say what to run"
    body["argv"] = words
  } else {
    const { words, fault } = splitWords(form.args)
    if (fault) faults.args = fault
    if (!form.script.replace(/^#!.*$/m, "").trim() || form.script.trim() === EMPTY.script.trim()) faults.script = "the script is empty"
    body["script"] = form.script.replaceAll("\r\n", "\n")
    body["argv"] = words
  }
  const numbers: [keyof RunForm, string, number, string][] = [
    ["timeout", "timeout", seconds(form.timeout), "a time such as 90s, 5m, 1h"],
    ["queue", "queue", seconds(form.queue || "0"), "a time such as 0, 10m, 1d"],
    ["memory", "memory", memoryBytes(form.memory), "a size such as 512M, 2G"],
    ["cpu", "cpu", form.cpu.trim() ? Number(form.cpu) : 0, "percent of one core"],
    ["maxFailures", "max_failures", form.maxFailures.trim() ? Number(form.maxFailures) : -1, "a whole number"],
  ]
  for (const [field, name, value, wanted] of numbers) {
    if (!Number.isInteger(value) || (value < 0 && field !== "maxFailures")) faults[field] = `must be ${wanted}`
    body[name] = value
  }
  if (body["timeout"] === 0) faults.timeout = "must be at least a second"
  if (form.batch.trim() && !/^[1-9]\d{0,5}%?$/.test(form.batch.trim())) faults.batch = "must be a number of nodes, or percent: 10, 25%"
  for (const [name, text] of Object.entries({ user: form.user.trim(), batch: form.batch.trim(), reason: form.reason.trim(), cwd: form.cwd.trim(), stdin: form.stdin })) {
    if (text) body[name] = text
  }
  const env = readEnv(form.env)
  if (typeof env === "string") faults.env = env
  else if (Object.keys(env).length) body["env"] = env
  return { body, faults }
}

/** NAME=value lines; a text says what is wrong. */
function readEnv(text: string): Record<string, string> | string {
  const env: Record<string, string> = {}
  for (const line of text.split("\n").filter((each) => each.trim())) {
    const at = line.indexOf("=")
    if (at < 1 || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(line.slice(0, at).trim())) return `write NAME=value, not ${line.slice(0, 40)}`
    env[line.slice(0, at).trim()] = line.slice(at + 1)
  }
  return env
}

/** The form that would order the same again. */
export function formOf(run: Run): RunForm {
  const { more } = run
  return {
    ...EMPTY,
    selector: run.selector,
    kind: run.script ? "script" : "command",
    command: run.script ? "" : joinWords(run.argv),
    script: run.script || EMPTY.script,
    args: run.script ? joinWords(run.argv) : "",
    user: run.user,
    timeout: writeSeconds(run.timeout),
    batch: run.batch,
    maxFailures: run.max_failures < 0 ? "" : String(run.max_failures),
    queue: writeSeconds(more?.queue ?? 0),
    reason: run.reason,
    cwd: more?.cwd ?? "",
    env: Object.entries(more?.env ?? {}).map(([name, value]) => `${name}=${value}`).join("\n"),
    stdin: more?.stdin ?? "",
    memory: more?.memory ? (more.memory % 1024 ** 2 ? String(more.memory) : `${more.memory / 1024 ** 2}M`) : "",
    cpu: more?.cpu ? String(more.cpu) : "",
  }
}

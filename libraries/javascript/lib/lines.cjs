'use strict'
// Pure: what is logged, as one line of text. Nothing here throws for what a caller hands in. The format: README.md.

const VERSION = '0.1.0'
const LIBRARY = `javascript ${VERSION}`
const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical']

/** Characters of a message; what is longer is cut and says how much was cut. */
const MAX_MESSAGE = 256 * 1024
/** Fields of one record; of more, the first ones are kept and `fields_cut` counts the rest. */
const MAX_FIELDS = 64
/** Characters of one field's text. */
const MAX_FIELD = 16 * 1024
/** Characters of a field's name. */
const MAX_KEY = 64

const ALIASES = new Map(Object.entries({
  warn: 'warning', err: 'error', fatal: 'critical', crit: 'critical', exception: 'error', trace: 'debug', log: 'info'
}))

/** The level's name, for a name in any case and the usual short forms; "info" for anything else. */
function levelName (level) {
  if (LEVELS.includes(level)) return level
  const name = text(level, MAX_KEY).trim().toLowerCase()
  const meant = ALIASES.get(name) ?? name
  return LEVELS.includes(meant) ? meant : 'info'
}

/** Any value as well-formed text of at most about `limit` characters. */
function text (value, limit) {
  try {
    let said = typeof value === 'string' ? value : shown(value)
    if (said.length > limit) said = `${said.slice(0, limit)}... (${said.length - limit} characters cut)`
    // halves of characters, which no UTF-8 can hold
    return /[\ud800-\udfff]/.test(said)
      ? said.replace(/\p{Surrogate}/gu, half => `\\u${half.charCodeAt(0).toString(16)}`)
      : said
  } catch {
    return "<a value that can't be shown>"
  }
}

function shown (value) {
  if (value === null || value === undefined) return ''
  if (value instanceof Error) return trace(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8')
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
  if (typeof value !== 'object') return String(value)
  const json = JSON.stringify(value, (_, inner) => typeof inner === 'bigint' ? String(inner) : inner)
  return typeof json === 'string' ? json : String(value)
}

/** An error with its stack, and those that caused it. */
function trace (error) {
  const parts = []
  for (let each = error, depth = 0; each instanceof Error && depth < 5; each = each.cause, depth++) {
    const stack = typeof each.stack === 'string' ? each.stack : `${each.name}: ${each.message}`
    parts.push(depth ? `caused by ${stack}` : stack)
  }
  return parts.join('\n')
}

/** The JSON of one field's value: numbers and booleans as they are, the rest as text. */
function field (value) {
  if (typeof value === 'boolean') return String(value)
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value)
  if (typeof value === 'bigint' && BigInt.asIntN(64, value) === value) return String(value)
  return JSON.stringify(text(value, MAX_FIELD))
}

/** One line. `time` in microseconds; `fields`: an object or nothing; `place`: JSON members that are ready, or "". */
function record (time, level, said, fields, logger, place) {
  const flat = []
  let left = 0
  const named = new Set()
  for (const key of fields ? Object.keys(fields) : []) {
    if (flat.length >= MAX_FIELDS) { left++; continue }
    let value
    try { value = fields[key] } catch { value = "<a value that can't be read>" }
    const name = text(key, MAX_KEY)
    named.add(name)
    flat.push(`${JSON.stringify(name)}:${field(value)}`)
  }
  if (left) flat.push(`"fields_cut":${left}`)
  if (logger && !named.has('logger')) flat.push(`"logger":${JSON.stringify(logger)}`)
  return `{"t":${time},"l":"${level}","m":${JSON.stringify(said)}${flat.length ? `,"f":{${flat.join(',')}}` : ''}${place}}\n`
}

/** The first line of a file. */
function header (pid, executable, user, name, start) {
  return JSON.stringify({
    dvic_log: 1,
    pid,
    executable: text(executable, MAX_FIELD),
    user: text(user, MAX_KEY),
    name: text(name, MAX_KEY),
    start,
    library: LIBRARY
  }) + '\n'
}

module.exports = { VERSION, LIBRARY, LEVELS, MAX_MESSAGE, MAX_FIELDS, MAX_FIELD, MAX_KEY, levelName, text, trace, record, header }

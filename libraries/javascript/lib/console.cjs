'use strict'
// For programs that print: what goes to the console goes to the log as well, once this is switched on.

const { format } = require('node:util')

const LEVELS = { debug: 'debug', log: 'info', info: 'info', warn: 'warning', error: 'error' }

let restore = null

/** Let console.debug, log, info, warn and error also log to `logger`. Returns what undoes it. */
function patchConsole (logger) {
  if (restore) restore()
  const before = {}
  let inside = false
  for (const [name, level] of Object.entries(LEVELS)) {
    const original = console[name]
    before[name] = [original, function (...given) {
      if (!inside) {
        inside = true
        try {
          logger.log(level, format(...given))
        } catch {
          // an object whose text can't be made; the console says so itself
        } finally {
          inside = false
        }
      }
      return original.apply(this, given)
    }]
    console[name] = before[name][1]
  }
  restore = () => {
    for (const [name, [original, ours]] of Object.entries(before)) {
      if (console[name] === ours) console[name] = original // whoever patched after us keeps theirs
    }
    restore = null
  }
  return restore
}

module.exports = { patchConsole }

'use strict'
// Log to files that DVIC's agent collects. See README.md.

const { patchConsole } = require('./lib/console.cjs')
const { LogFile } = require('./lib/file.cjs')
const { LIBRARY, VERSION } = require('./lib/lines.cjs')
const { Logger, newCycle } = require('./lib/logger.cjs')

const main = new Logger()

module.exports = {
  VERSION,
  LIBRARY,
  LogFile,
  Logger,
  newCycle,
  getLogger: (name, place) => new Logger(name, place ?? {}),
  patchConsole: (logger = main) => patchConsole(logger),
  log: (level, message, fields) => main.log(level, message, fields),
  debug: (message, fields) => main.debug(message, fields),
  info: (message, fields) => main.info(message, fields),
  notice: (message, fields) => main.notice(message, fields),
  warning: (message, fields) => main.warning(message, fields),
  warn: (message, fields) => main.warning(message, fields),
  error: (message, fields) => main.error(message, fields),
  critical: (message, fields) => main.critical(message, fields)
}

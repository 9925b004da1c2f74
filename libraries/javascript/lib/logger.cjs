'use strict'
// What programs call. Every call is safe anywhere: it throws nothing whatever it is given.

const { randomBytes } = require('node:crypto')
const { LogFile, now } = require('./file.cjs')
const { wanted } = require('./levels.cjs')
const lines = require('./lines.cjs')

/** Environment variable that hands the cycle to programs that this one starts. */
const CYCLE = 'DVIC_CYCLE'

/** Objects whose text is made by code that logs itself are followed this deep. */
const MAX_NESTING = 3

let nesting = 0

/** The process's file: one for all loggers that are not given another. Opened at the first line. */
const FILE = new LogFile()

class Logger {
  #file
  #place

  constructor (name = '', { service, component, cycle, source, file } = {}) {
    this.name = word(name)
    this.service = word(service)
    this.component = word(component)
    this.cycle = word(cycle ?? (this.service ? process.env[CYCLE] : ''))
    this.source = word(source)
    this.#file = file || FILE
    this.#place = [['s', this.service], ['c', this.component], ['y', this.cycle], ['i', this.source]]
      .filter(([, value]) => value).map(([key, value]) => `,"${key}":${JSON.stringify(value)}`).join('')
  }

  debug (message, fields) { this.#write('debug', message, fields) }
  info (message, fields) { this.#write('info', message, fields) }
  notice (message, fields) { this.#write('notice', message, fields) }
  warning (message, fields) { this.#write('warning', message, fields) }
  warn (message, fields) { this.#write('warning', message, fields) }
  error (message, fields) { this.#write('error', message, fields) }
  critical (message, fields) { this.#write('critical', message, fields) }
  log (level, message, fields) { this.#write(level, message, fields) }

  /** The step begins (again). */
  start (message = 'started', fields = undefined) { this.#write('info', message, fields, 'start') }
  /** The step has ended; well, unless it logged warnings or errors. */
  done (message = 'done', fields = undefined) { this.#write('info', message, fields, 'done') }
  /** The step has ended badly. */
  fail (message = 'failed', fields = undefined) { this.#write('error', message, fields, 'fail') }
  /** The step is left out in this cycle. */
  skip (message = 'skipped', fields = undefined) { this.#write('info', message, fields, 'skip') }

  /** A logger of another component (or source) in the same cycle. */
  step (component, source) {
    return new Logger(this.name, { service: this.service, component, cycle: this.cycle, source, file: this.#file })
  }

  /** start(), `work`, and done(), or fail() with what it threw, which goes on. Waits for a promise. */
  within (work) {
    this.start()
    const failed = error => {
      this.fail(error)
      throw error
    }
    let value
    try {
      value = work()
    } catch (error) {
      failed(error)
    }
    if (typeof value?.then === 'function') {
      return value.then(result => {
        this.done()
        return result
      }, failed)
    }
    this.done()
    return value
  }

  #write (level, message, fields, step = '') {
    if (nesting >= MAX_NESTING) return
    nesting++
    try {
      const name = lines.levelName(level)
      if (this.service && !step && !wanted(this.service, this.component, name)) return
      let said = lines.text(message, lines.MAX_MESSAGE)
      let given = fields
      if (given instanceof Error) {
        said = lines.text(`${said}\n${lines.trace(given)}`, lines.MAX_MESSAGE)
        given = undefined
      } else if (given !== null && typeof given !== 'object') {
        given = given === undefined ? undefined : { value: given }
      }
      const place = step ? `${this.#place},"e":"${step}"` : this.#place
      this.#file.write(lines.record(now(), name, said, given, this.name, place))
    } catch {
      // a value that can't be had at all: its record is left out, and the program goes on
    } finally {
      nesting--
    }
  }
}

/** A name for a cycle that nobody else has, such as 20261120T100000-3f9a1c. */
function newCycle () {
  return `${new Date().toISOString().replace(/[-:]|\..*/g, '')}-${randomBytes(3).toString('hex')}`
}

function word (value) {
  return value === undefined || value === null ? '' : lines.text(value, lines.MAX_KEY)
}

module.exports = { Logger, newCycle }

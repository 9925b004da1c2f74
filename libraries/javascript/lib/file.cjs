'use strict'
// The log file of one process, or of one worker thread: opened at the first line, safe in a directory that everybody may
// write to.
//
// - Created with O_EXCL|O_NOFOLLOW under a random name, readable by all (0644: the agent is another user).
// - One write(2) with O_APPEND a line. A child process and a worker thread load this module anew: a file each.
// - Before each write the descriptor is checked to be still our file: a program may close descriptors that it does not
//   know; the file may have been deleted by a cleaner.
// - When the file reaches `maxBytes` it is renamed to `<path>.1` (the one before is dropped) and a new one begins.
// - What can't be written is counted; the next line that can be written is preceded by a record that says how many.
// - `write` never throws.

const { randomBytes } = require('node:crypto')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const lines = require('./lines.cjs')

const PREFIX = 'dvic_log_'

/** Size at which a file is rotated, bytes; a process keeps at most twice this on the disk. */
const MAX_BYTES = 16 * 1024 * 1024

/** Milliseconds between tries to open a file after one failed. */
const RETRY = 1000

let last = 0

/** Microseconds since 1970. Node's clock has milliseconds: within one of them, lines are counted on. */
function now () {
  const time = Date.now() * 1000
  last = last >= time && last < time + 999 ? last + 1 : time
  return last
}

class LogFile {
  #handle = -1
  #identity = ''
  #torn = false
  #lost = 0
  #reason = ''
  #retryAt = 0
  #start = now()

  /** `name` tells people which program it is (default: the script's name); `directory` is DVIC_LOG_DIR or /tmp. */
  constructor ({ name, directory, maxBytes = MAX_BYTES } = {}) {
    this.name = name || programName()
    this.directory = directory
    this.maxBytes = maxBytes
    this.path = ''
  }

  /** Append one line (with the newline at its end). Never throws; returns whether it is in the file. */
  write (line) {
    try {
      const bytes = Buffer.from(line)
      const status = this.#status()
      if (!status || status.nlink === 0) {
        this.#forget()
        this.#open()
      } else if (status.size + bytes.length > this.maxBytes && status.size > 0) {
        this.#rotate()
      }
      if (this.#lost) {
        const said = `${this.#lost} lines could not be written: ${this.#reason}`
        this.#put(Buffer.from(lines.record(now(), 'warning', said, { lost: this.#lost }, '', '')))
        this.#lost = 0
      }
      this.#put(bytes)
      return true
    } catch (error) {
      this.#lost++
      this.#reason = lines.text(error?.message ?? error, 200)
      return false
    }
  }

  /** Close the file; a later line opens a new one. */
  close () {
    this.#forget()
  }

  #put (bytes) {
    // a write that the disk cut short left a line without its end
    const whole = this.#torn ? Buffer.concat([Buffer.from('\n'), bytes]) : bytes
    const written = fs.writeSync(this.#handle, whole)
    this.#torn = written !== whole.length
    if (this.#torn) throw new Error('no space left on the device')
  }

  #open () {
    if (performance.now() < this.#retryAt) throw new Error(this.#reason)
    try {
      this.#create(this.#newPath())
    } catch (error) {
      this.#retryAt = performance.now() + RETRY
      throw error
    }
  }

  #newPath () {
    const directory = this.directory || process.env.DVIC_LOG_DIR || '/tmp' // the agent looks there
    const name = String(this.name).replace(/[^A-Za-z0-9.-]+/g, '-').slice(0, 32).replace(/^[-.]+|[-.]+$/g, '')
    return path.join(directory, `${PREFIX}${name ? `${name}-` : ''}${randomBytes(6).toString('hex')}`)
  }

  #create (where) {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_APPEND } = fs.constants
    const handle = above(fs.openSync(where, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND, 0o644), where)
    try {
      fs.fchmodSync(handle, 0o644)
      const status = fs.fstatSync(handle)
      this.#handle = handle
      this.#identity = `${status.dev}:${status.ino}`
      this.#torn = false
      this.path = where
      this.#put(Buffer.from(lines.header(process.pid, process.execPath, user(), this.name, this.#start)))
    } catch (error) {
      // a file without its header would say nothing of its writer
      this.#forget()
      fs.unlinkSync(where)
      throw error
    }
  }

  #rotate () {
    const where = this.path
    try {
      const here = fs.lstatSync(where)
      if (`${here.dev}:${here.ino}` !== this.#identity) throw new Error("somebody else's file has our name")
      fs.renameSync(where, `${where}.1`)
      this.#forget()
      this.#create(where)
    } catch {
      // a name of ours is taken: begin elsewhere rather than grow without end
      this.#forget()
      this.#create(this.#newPath())
    }
  }

  /** fstat of our file; null when there is none, or when the descriptor is no longer ours. */
  #status () {
    if (this.#handle < 0) return null
    try {
      const status = fs.fstatSync(this.#handle)
      return `${status.dev}:${status.ino}` === this.#identity ? status : null
    } catch {
      return null
    }
  }

  #forget () {
    if (this.#status()) {
      try { fs.closeSync(this.#handle) } catch {}
    }
    this.#handle = -1
    this.#identity = ''
    this.path = ''
  }
}

/** The program closed its standard streams: what it prints must not land in the log. */
function above (handle, where) {
  const low = []
  try {
    while (handle <= 2) {
      low.push(handle)
      handle = fs.openSync(where, fs.constants.O_WRONLY | fs.constants.O_NOFOLLOW | fs.constants.O_APPEND)
    }
    return handle
  } finally {
    low.forEach(each => fs.closeSync(each))
  }
}

function programName () {
  const script = path.basename(process.argv[1] || '') || 'node'
  return script.replace(/\.[cm]?[jt]s$/, '')
}

function user () {
  try {
    return os.userInfo().username
  } catch {
    return String(process.geteuid())
  }
}

module.exports = { LogFile, MAX_BYTES, now }

'use strict'
// At which level the records of a service shall be written, as the hub's people set it. The agent keeps the file:
//
//     {"meteor": "warning", "meteor/decode": "debug"}
//
// It is looked at again at most once a second, when something is logged, and read where it has changed. No file, or one
// that makes no sense: everything is written. Nothing here throws.

const fs = require('node:fs')
const { LEVELS } = require('./lines.cjs')

/** Where the agent keeps it; the environment variable DVIC_LOG_LEVELS names another place. */
const PATH = '/run/dvic-agent/log_levels'
/** Bytes of the file that are read. */
const MAX_FILE = 1024 * 1024
/** Milliseconds between two looks at the file. */
const LOOK_AGAIN = 1000

let lookAt = 0
let seen = ''
let least = new Map()

/** Whether a record of this level shall be written. */
function wanted (service, component, level) {
  const now = performance.now()
  if (now >= lookAt) {
    lookAt = now + LOOK_AGAIN
    look(process.env.DVIC_LOG_LEVELS || PATH)
  }
  if (!least.size) return true
  return LEVELS.indexOf(level) >= (least.get(`${service}/${component}`) ?? least.get(service) ?? 0)
}

function look (file) {
  try {
    const status = fs.statSync(file)
    const is = `${file}:${status.ino}:${status.mtimeMs}:${status.size}`
    if (is === seen) return
    seen = ''
    least = new Map(Object.entries(JSON.parse(read(file)))
      .map(([name, level]) => [name, LEVELS.indexOf(level)]).filter(([, rank]) => rank >= 0))
    seen = is
  } catch {
    seen = ''
    least = new Map()
  }
}

function read (file) {
  const handle = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK) // a pipe there must hold up nobody
  try {
    const bytes = Buffer.alloc(Math.min(MAX_FILE, fs.fstatSync(handle).size))
    return bytes.subarray(0, fs.readSync(handle, bytes, 0, bytes.length, 0)).toString()
  } finally {
    fs.closeSync(handle)
  }
}

module.exports = { wanted }

// A conformance program in JavaScript: reads actions (tests/libraries/test_conformance.py says how), logs them.
const dvicLog = require('../../../libraries/javascript')

const plain = field => field.replace(/\\(.)/g, (_, c) => ({ n: '\n', t: '\t' })[c] ?? c)
const typed = text => text === 'true' ? true
  : text === 'false' ? false
    : /^-?(0|[1-9]\d{0,17})$/.test(text) ? BigInt(text)
      : /^-?(0|[1-9]\d*)\.\d+$/.test(text) ? Number(text) : text

let log = dvicLog
function act (action, given) {
  if (action === 'say') {
    console.log(given[0])
  } else if (action === 'many') {
    for (let left = Number(given[0]); left > 0; left--) act('log', given.slice(1))
  } else if (action === 'logger') {
    const [name, service, component, cycle, source] = given.map(word => word || undefined)
    log = dvicLog.getLogger(name, { service, component, cycle, source })
  } else if (action === 'log') {
    const [level, text, ...pairs] = given
    log.log(level, text, Object.fromEntries(pairs.map(pair => pair.split(/=(.*)/s)).map(([key, value]) => [key, typed(value)])))
  } else {
    log[action](...given)
  }
}

let rest = ''
process.stdin.setEncoding('utf8').on('data', chunk => {
  const lines = (rest + chunk).split('\n')
  rest = lines.pop()
  for (const [action, ...given] of lines.map(line => line.split('\t').map(plain))) act(action, given)
})

// What programs in TypeScript may write, and what they may not: compiled by `tox -e lint`, and run by nobody. The compiler
// has to refuse what stands behind a line that expects an error, or complains of that line.
import dvicLog, * as named from 'dvic-log'
import { getLogger, LogFile, Logger, newCycle, patchConsole } from 'dvic-log'
import type { Fields, Level, LevelName, Place } from 'dvic-log'

// Whatever the package exports is used here: who adds something has to add it below.
type Exported = Exclude<keyof typeof named, 'default'>
export const all = {
  VERSION: named.VERSION.length,
  LIBRARY: named.LIBRARY.length,
  LogFile: new LogFile({ name: 'x', directory: '/tmp', maxBytes: 1 }),
  Logger: new Logger(),
  newCycle: newCycle().length,
  getLogger: getLogger('readout'),
  patchConsole: patchConsole(),
  log: named.log('warn', 'text', { voltage: 1.25 }),
  debug: named.debug('text'),
  info: named.info('text', { voltage: 1.25, on: true, who: 'ada', when: new Date(0) }),
  notice: named.notice(new Error('as the message')),
  warning: named.warning('text', new Error('in place of fields')),
  warn: named.warn(17),
  error: named.error('text', undefined),
  critical: named.critical(null)
} satisfies Record<Exported, unknown>
export const same: Exported[] = Object.keys(dvicLog) as (keyof typeof dvicLog)[]

// A step of a service, with the values that its calls have.
const place: Place = { service: 'night-run', component: 'adc', cycle: newCycle(), source: 'crate-1', file: all.LogFile }
const log: Logger = getLogger('readout', place)
export const words: string = log.name + log.service + log.component + log.cycle + log.source
export const made: number = log.within(() => 42)
export const later: Promise<string> = log.within(async () => 'done')
export const next: Logger = log.step('extract').step('publish', 'crate-2')
const level: Level = 'notice'
const word: LevelName = 'FATAL'
const fields: Fields = { lost: 2 }
for (const each of [level, word]) log.log(each, 'text', fields)
for (const tell of [log.start, log.done, log.fail, log.skip]) tell.call(log, '17 frames', { n: 17 })
log.start()
for (const say of [log.debug, log.info, log.notice, log.warning, log.warn, log.error, log.critical]) say.call(log, 'text')
try {
  log.done()
} catch (caught) {
  log.error('read-out failed', caught)
}
interface Reading { celsius: number }
export const say = (reading: Reading) => log.info('read', reading)
const undo: () => void = patchConsole(log)
undo()
const written: boolean = all.LogFile.write('a line\n')
export const where: string = written ? all.LogFile.path : all.LogFile.name
all.LogFile.close()

// What it may not.
// @ts-expect-error a message is needed
log.info()
// @ts-expect-error a level has a name
log.log(3, 'text')
// @ts-expect-error there is no such level
const none: Level = 'loud'
// @ts-expect-error a misspelt place would lose the record's service
getLogger('readout', { servce: 'night-run' })
// @ts-expect-error names are text
getLogger('readout', { service: 17 })
// @ts-expect-error a file is a LogFile
getLogger('readout', { file: '/tmp/x' })
// @ts-expect-error a step has a component
log.step()
// @ts-expect-error what is done within is a function
log.within(42)
// @ts-expect-error its place is what it was made with
log.service = 'another'
// @ts-expect-error only a logger is logged to
patchConsole('console')
// @ts-expect-error bytes are a number
export const wrong = [none, new LogFile({ maxBytes: '16M' })]

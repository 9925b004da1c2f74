// The same where a program says `require`; see uses.mts.
import dvicLog = require('dvic-log')

const log: dvicLog.Logger = dvicLog.getLogger('readout', { service: 'night-run' })
log.info('run 17 started', { voltage: 1.25 })
// @ts-expect-error a misspelt place would lose the record's service
export = dvicLog.getLogger('readout', { servce: 'night-run' })

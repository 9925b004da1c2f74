// The same for `import`: one module behind both, so that a process has one file.
import dvicLog from './index.cjs'

export const {
  VERSION, LIBRARY, LogFile, Logger, newCycle, getLogger, patchConsole, log, debug, info, notice, warning, warn, error, critical
} = dvicLog
export default dvicLog

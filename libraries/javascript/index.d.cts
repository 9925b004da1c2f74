export type Level = 'debug' | 'info' | 'notice' | 'warning' | 'error' | 'critical'

/** Also in capitals, and the usual short forms (warn, err, crit, fatal, trace); any other word is info. */
export type LevelName = Level | (string & {})

/**
 * An object of flat values: what is no number, boolean or text becomes text. An Error adds its stack to the message; it may
 * be what `catch` has caught, of which nobody knows the type. Anything else is the field `value`.
 */
export type Fields = unknown

export interface Place {
  service?: string
  component?: string
  /** None: the environment's DVIC_CYCLE, else the hub finds out. */
  cycle?: string
  source?: string
  /** Another file than the process's. */
  file?: LogFile
}

export class LogFile {
  constructor(options?: { name?: string, directory?: string, maxBytes?: number })
  readonly name: string
  /** "" before the first line. */
  readonly path: string
  write(line: string): boolean
  close(): void
}

export class Logger {
  constructor(name?: string, place?: Place)
  readonly name: string
  readonly service: string
  readonly component: string
  readonly cycle: string
  readonly source: string
  log(level: LevelName, message: unknown, fields?: Fields): void
  debug(message: unknown, fields?: Fields): void
  info(message: unknown, fields?: Fields): void
  notice(message: unknown, fields?: Fields): void
  warning(message: unknown, fields?: Fields): void
  warn(message: unknown, fields?: Fields): void
  error(message: unknown, fields?: Fields): void
  critical(message: unknown, fields?: Fields): void
  start(message?: unknown, fields?: Fields): void
  done(message?: unknown, fields?: Fields): void
  fail(message?: unknown, fields?: Fields): void
  skip(message?: unknown, fields?: Fields): void
  step(component: string, source?: string): Logger
  within<Result>(work: () => Result): Result
}

export const VERSION: string
export const LIBRARY: string
export function getLogger(name: string, place?: Place): Logger
export function newCycle(): string
/** console.debug, log, info, warn and error also log. Returns what undoes it. */
export function patchConsole(logger?: Logger): () => void
export function log(level: LevelName, message: unknown, fields?: Fields): void
export function debug(message: unknown, fields?: Fields): void
export function info(message: unknown, fields?: Fields): void
export function notice(message: unknown, fields?: Fields): void
export function warning(message: unknown, fields?: Fields): void
export function warn(message: unknown, fields?: Fields): void
export function error(message: unknown, fields?: Fields): void
export function critical(message: unknown, fields?: Fields): void

import pino, { type ChildLoggerOptions, type DestinationStream, type LogFn, type Logger } from 'pino'
import type { Clock } from './clock.ts'
import { StoreUnavailable } from './errors.ts'

/** Members whose value never reaches the log, wherever they are, whatever their case and punctuation. */
const SECRET_MEMBERS: ReadonlySet<string> = new Set([
  ...['authorization', 'proxyauthorization', 'cookie', 'setcookie', 'apikey', 'xapikey', 'apikeys'],
  ...['secret', 'clientsecret', 'clientassertion', 'password', 'certificate', 'privatekey', 'credential'],
  ...['token', 'accesstoken', 'refreshtoken', 'idtoken', 'callbacktoken'],
  ...['email', 'emailaddress', 'emailaddress1', 'internalemailaddress', 'assignto', 'username'],
  ...['firstname', 'middlename', 'lastname', 'fullname', 'salutation', 'company', 'companyname'],
  ...['phone', 'mobilephone', 'telephone1', 'address', 'street', 'dateofbirth', 'birthdate'],
  ...['vendormessage', 'person', 'lead', 'contact', 'fields', 'columns', 'members', 'shadow'],
  ...['body', 'payload', 'query', 'querystring', 'params', 'headers', 'rawheaders', 'url', 'originalurl'],
])
const REDACTED = '[redacted]'
const DEPTH_MAX = 6

/** What an address is made of, and much else: searching for the @ itself would take quadratic time. */
const WORD = /[^\s"'<>\\/:;,=()[\]{}]+/g

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** JSON lines. Say what happened as `{ event, …ids }`; what may identify a person does not get through. */
export function createLog(options: { level: LogLevel; destination?: DestinationStream }): Logger {
  const log = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: cleanMembers },
      serializers: { req: describeRequest, res: describeReply, err: (error) => clean(error) },
      hooks: { logMethod: nameErrors, streamWrite: withoutEmails },
    },
    options.destination ?? pino.destination({ sync: true }),
  )
  const { child } = log
  // pino's formatters do not see the bindings of a child; children inherit this method.
  return Object.assign(log, {
    child(this: Logger, bindings: object, childOptions?: ChildLoggerOptions): Logger {
      return Reflect.apply(child, this, [cleanMembers(bindings), childOptions])
    },
  })
}

/** Takes time in proportion to the line. */
export function withoutEmails(line: string): string {
  return line.replace(WORD, (word) => (holdsAt(word, '@') || holdsAt(word, '%40') ? '[e-mail]' : word))
}

/** Whether `at` has something before and after it. */
function holdsAt(word: string, at: string): boolean {
  const index = word.indexOf(at, 1)
  return index > 0 && index + at.length < word.length
}

/** Without a message pino would take the error's own, with all that it quotes. */
function nameErrors(this: Logger, args: Parameters<LogFn>, method: LogFn): void {
  const [first, message]: readonly unknown[] = args
  const error = first instanceof Error ? first : asMembers(first).err
  if (error instanceof Error && message === undefined) {
    method.call(this, first instanceof Error ? { err: error } : first, error.name)
  } else method.apply(this, args)
}

function cleanMembers(members: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).map(([key, value]) => [key, cleanMember(key, value, 1)]))
}

function cleanMember(key: string, value: unknown, depth: number): unknown {
  if (key === 'req') return describeRequest(value)
  if (key === 'res') return describeReply(value)
  return SECRET_MEMBERS.has(key.toLowerCase().replace(/[^a-z\d]/g, '')) ? REDACTED : clean(value, depth)
}

function clean(value: unknown, depth = 1): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Error) return describeError(value, depth)
  if (depth > DEPTH_MAX) return '[deep]'
  if (Array.isArray(value)) return value.map((one: unknown) => clean(one, depth + 1))
  if (value instanceof Date) return value.toISOString()
  const members = Object.entries(value)
  return Object.fromEntries(members.map(([key, member]) => [key, cleanMember(key, member, depth + 1)]))
}

/** Type, codes and stack frames. Of the message what stands before the first quote and after the last. */
function describeError(error: Error, depth: number): Record<string, unknown> {
  const frames = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line))
  const message = error.message.replace(/["'`].*["'`]/s, '…')
  const described: Record<string, unknown> = { type: error.name, message }
  for (const key of ['code', 'detail', 'status', 'retryAfterMs', 'vendorRequestId']) {
    const value: unknown = Reflect.get(error, key)
    // PostgreSQL's detail is a text that quotes values of rows; ours is an object of codes.
    if (key in error && !(key === 'detail' && typeof value === 'string'))
      described[key] = clean(value, depth + 1)
  }
  if (error.cause !== undefined && depth < DEPTH_MAX) described.cause = clean(error.cause, depth + 1)
  described.stack = frames.map((line) => line.trim()).join('\n')
  return described
}

/** Method and route pattern; a raw URL may hold a person's data. Gives its own result back unchanged. */
function describeRequest(request: unknown): Record<string, unknown> {
  const { method, route, routeOptions } = asMembers(request)
  return { method, route: route ?? asMembers(routeOptions).url }
}

function describeReply(reply: unknown): Record<string, unknown> {
  const { status, statusCode } = asMembers(reply)
  return { status: status ?? statusCode }
}

type Known = 'err' | 'method' | 'route' | 'routeOptions' | 'url' | 'status' | 'statusCode'

function asMembers(value: unknown): Partial<Record<Known, unknown>> {
  return typeof value === 'object' && value !== null ? value : {}
}

const WINDOW_MS = 60_000

export interface SeldomEvent {
  event: string
  /** Lines of one event with different codes are lines of different kinds. */
  code?: string
  [member: string]: unknown
}

interface Window {
  level: 'warn' | 'error'
  since: number
  leftOut: number
  event: SeldomEvent
}

/** For what repeats while something is down: the first line of a kind at once, then one a minute with a count. */
export class SeldomLog {
  readonly #log: Pick<Logger, Window['level']>
  readonly #clock: Clock
  readonly #windows = new Map<string, Window>()

  constructor(log: Pick<Logger, Window['level']>, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  write(level: Window['level'], event: SeldomEvent, message: string): void {
    const kind = `${event.event} ${event.code}`
    const window = this.#windows.get(kind)
    if (window && !this.#isOver(window)) {
      window.leftOut += 1
      return
    }
    this.#windows.set(kind, { level, since: this.#clock.now(), leftOut: 0, event })
    this.#log[level]({ ...event, ...(window?.leftOut && { leftOut: window.leftOut }) }, message)
  }

  /** Reports what was left out and has not come again since. `all`: also of minutes that are not over. */
  flush(all = false): void {
    for (const [kind, window] of this.#windows) {
      if (!all && !this.#isOver(window)) continue
      this.#windows.delete(kind)
      const { level, leftOut, event } = window
      const { event: name, code } = event
      if (leftOut === 0) continue
      this.#log[level]({ event: name, ...(code && { code }), leftOut }, 'Similar lines were left out')
    }
  }

  #isOver({ since }: Window): boolean {
    const age = this.#clock.now() - since
    return age >= WINDOW_MS || age < 0
  }
}

/** An error as members of a line: a database that is away needs no stack, a fault of ours does. */
export function faultOf(error: unknown): { code?: string; reason?: string; err?: unknown } {
  return error instanceof StoreUnavailable
    ? { code: 'store-unavailable', reason: error.message }
    : { err: error }
}

export interface LogEvent {
  event: string
  [name: string]: string | number | undefined
}

/** Where a vendor room's events go; pino fits. Fields never hold a URL, an address or a person's data. */
export interface Log {
  debug(event: LogEvent): void
  warn(event: LogEvent): void
}

/** The library's code, such as UND_ERR_SOCKET; never the message, which may hold an address. */
export function causeCode(cause: unknown): string {
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code
  return cause instanceof Error ? cause.name : 'unknown'
}

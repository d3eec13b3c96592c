import { Busy, type Rejected, Unauthorized, Unavailable } from '../errors.ts'
import { asObject, asObjects, asString, type JsonObject, parseObject } from '../json.ts'
import { wordsOf } from '../vendor-words.ts'
import { CallRefused, type CodeClass, classify, explainRequest, type Reason, tooLarge } from './refusal.ts'

export interface Reply {
  status: number
  body: string
}

/** The envelope of a success. */
export interface Answer {
  /** `result`, whatever is in it; Marketo leaves it out when there is nothing. */
  items: readonly unknown[]
  nextPageToken: string | undefined
  /** Of feeds: another page waits. */
  moreResult: boolean
  /** What Marketo's support asks for. */
  requestId: string | undefined
}

/** Every item of an answer as an object. Throws Unavailable when one is none. */
export function rowsOf({ items, requestId }: Answer): readonly JsonObject[] {
  const rows = asObjects(items)
  if (rows === undefined) throw unavailable('a result that is not a list of objects', requestId)
  return rows
}

/** What a reply is to us, before anything is thrown or waited for. */
export type Verdict =
  | { kind: 'answer'; answer: Answer }
  | {
      kind: 'error'
      codeClass: Exclude<CodeClass, 'empty'>
      code: string
      message: string
      requestId: string | undefined
    }
  | { kind: 'too-large'; status: number }
  | { kind: 'unreadable'; why: string; requestId: string | undefined }

/**
 * By `success` and code, since the status is 200 for nearly everything; never by the published schema, which
 * requires members that real replies leave out. Source: Adobe, "Marketo REST API" and its error codes.
 */
export function judge({ status, body }: Reply): Verdict {
  const envelope = parseObject(body)
  const requestId = asString(envelope?.requestId)
  const unreadable = (why: string): Verdict => ({
    kind: 'unreadable',
    why: `HTTP ${status}${why}`,
    requestId,
  })
  if (envelope?.success === false) {
    const error = firstReason(envelope.errors)
    if (error === undefined) return unreadable(', a failure without a code')
    const codeClass = classify(error.code, error.message)
    if (codeClass !== 'empty') return { kind: 'error', codeClass, ...error, requestId }
    return {
      kind: 'answer',
      answer: { items: [], nextPageToken: undefined, moreResult: false, requestId },
    }
  }
  if (status === 413 || status === 414) return { kind: 'too-large', status }
  if (envelope?.success !== true) return unreadable(" without Marketo's envelope")
  const items: unknown = envelope.result ?? []
  if (status !== 200 || !Array.isArray(items)) return unreadable(', a success without a valid result')
  const nextPageToken = asString(envelope.nextPageToken) || undefined
  const moreResult = envelope.moreResult === true
  return { kind: 'answer', answer: { items, nextPageToken, moreResult, requestId } }
}

/** Of `errors` or `reasons`. Codes are strings on the wire, and numbers in some places. */
export function firstReason(reasons: unknown): Reason | undefined {
  const error = Array.isArray(reasons) ? asObject(reasons[0]) : undefined
  const { code, message } = error ?? {}
  if (typeof code !== 'string' && typeof code !== 'number') return undefined
  return { code: String(code).slice(0, 20), message: asString(message) ?? '' }
}

/**
 * The error that a verdict stands for; `waitMs` is for those that certainly had no effect.
 * `permission`: what the request needs of the API user's role, as Marketo's admin pages spell it.
 */
export function errorOf(
  verdict: Exclude<Verdict, { kind: 'answer' }>,
  waitMs: number,
  permission: string,
): Unauthorized | Rejected | Busy | Unavailable {
  switch (verdict.kind) {
    case 'error':
      return errorOfCode(verdict, waitMs, permission)
    case 'too-large':
      return new CallRefused(
        { code: 'too large', message: '' },
        {
          code: 'marketo-too-large',
          advice: 'Select fewer Marketo fields: the request is larger than Marketo accepts.',
          vendorCode: `HTTP ${verdict.status}`,
        },
        { alone: tooLarge },
      )
    case 'unreadable':
      return unavailable(verdict.why, verdict.requestId)
    default:
      return verdict satisfies never
  }
}

export function unavailable(
  why: string,
  vendorRequestId: string | undefined,
  vendorCode?: string,
): Unavailable {
  const vendor = { vendorRequestId, ...(vendorCode !== undefined && { vendorCode }) }
  return new Unavailable(`no usable answer from Marketo: ${why}`, vendor)
}

type ErrorVerdict = Extract<Verdict, { kind: 'error' }>

function errorOfCode(
  verdict: ErrorVerdict,
  waitMs: number,
  permission: string,
): Unauthorized | Rejected | Busy | Unavailable {
  const { codeClass, code, message, requestId } = verdict
  const words = wordsOf(message)
  const vendor = {
    vendorCode: code,
    ...(words === undefined ? {} : { vendorMessage: words }),
    ...(requestId === undefined ? {} : { vendorRequestId: requestId }),
  }
  switch (codeClass) {
    case 'window':
    case 'concurrency':
    case 'daily-calls':
    case 'daily-jobs':
      return new Busy(`Marketo asks to wait (${code})`, waitMs)
    case 'token':
      // Expired once more on its way: the next token will do.
      if (code === '602') return new Busy('a token expired in transit', waitMs)
      return new Unauthorized('Marketo rejects a new token', {
        code: 'marketo-token-refused',
        advice:
          'Check that nothing between this service and Marketo removes the Authorization header, and that the custom service in LaunchPoint is active.',
        ...vendor,
      })
    case 'denied':
      return new Unauthorized('Marketo denies access', {
        code: 'marketo-access-denied',
        advice: `Give the API user's role the permission ${permission} in every workspace and partition, and allow this service's address in Marketo.`,
        ...vendor,
      })
    case 'permanent':
    case 'record':
      return new CallRefused(verdict, { ...explainRequest(verdict, codeClass), ...vendor })
    case 'transient':
      return unavailable(`code ${code}`, requestId, code)
    default:
      return codeClass satisfies never
  }
}

/** Values as Marketo writes them: each function gives undefined where one cannot be read. */

/** A person's or a field's id; a number, in some places written as a text. */
export function readId(value: unknown): number | undefined {
  const id = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
  return typeof id === 'number' && Number.isSafeInteger(id) && id > 0 ? id : undefined
}

/** null and absent are empty; a plain value of any type is its text. */
export function readText(value: unknown): string | null | undefined {
  if (value === undefined || value === null) return null
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

const spelling =
  /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.\d{1,9})?(?:Z(?:\+0000)?|([+-]\d\d):?(\d\d))?)?$/

/** Epoch ms of a date-time in any of the spellings of the REST API, to the whole second; without zone it is UTC. */
export function readDate(value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined
  const [, day, time = '00:00:00', hours = '+00', minutes = '00'] = spelling.exec(value) ?? []
  if (day === undefined) return undefined
  const midnight = Date.parse(`${day}T00:00:00Z`)
  // The engine takes a 31st of a shorter month for the 1st of the next.
  if (Number.isNaN(midnight) || writeDate(midnight).slice(0, 10) !== day) return undefined
  const at = Date.parse(`${day}T${time}${hours}:${minutes}`)
  return Number.isNaN(at) ? undefined : at
}

/** `yyyy-MM-ddTHH:mm:ssZ` of epoch ms. */
export function writeDate(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`
}

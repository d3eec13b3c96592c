import { Busy, Rejected, Unauthorized, Unavailable } from '../errors.ts'
import { asObject, asString, parseObject } from '../shape.ts'
import { wordsOf } from '../vendor-words.ts'
import { classOf, meaningOf, normalCode } from './codes.ts'
import { explainRefusal, isMissingTable } from './refusal.ts'

/** A reply of Dataverse, alone or as one part of a batch. */
export interface Reply {
  status: number
  contentType: string | undefined
  /** REQ_ID, the id that Microsoft's support asks for. */
  requestId: string | undefined
  retryAfter: string | undefined
  /** When the reply was made, by Microsoft's clock. */
  date?: string | undefined
  body: string
}

export type ThrottleCause = 'concurrency' | 'requests' | 'execution-time' | 'other'

/** What a reply is to us, before anything is thrown or waited for. */
export type Verdict =
  /** A success, a missing row, or one of the three kinds of duplicate: the verb knows what it means. */
  | { kind: 'answer' }
  | { kind: 'token-refused'; vendorCode: string | undefined }
  | { kind: 'throttled'; cause: ThrottleCause }
  | { kind: 'forbidden'; vendorCode: string | undefined; message: string }
  | { kind: 'refused'; vendorCode: string | undefined; message: string }
  | { kind: 'unknown'; why: string }

const throttleCauses: ReadonlyMap<string | undefined, ThrottleCause> = new Map([
  ['0x80072326', 'concurrency'],
  ['0x80072322', 'requests'],
  ['0x80072321', 'execution-time'],
])
/** The caller's user is disabled with 403, an owner with 400. */
const USER_NOT_ENABLED = '0x80040225'

/** `error.code` in normal form and `error.message` of Dataverse's envelope; undefined when it is not one. */
export function vendorError(reply: Reply): { code: string | undefined; message: string } | undefined {
  const error = asObject(parseObject(reply.body)?.error)
  if (error === undefined) return undefined
  return { code: normalCode(error.code), message: asString(error.message) ?? '' }
}

/** By code first, by status second, by the message only where neither says anything: it is localised. */
export function judge(reply: Reply): Verdict {
  const { status } = reply
  if (status >= 200 && status < 300) return { kind: 'answer' }
  const error = vendorError(reply)
  const code = error?.code
  const message = error?.message ?? ''
  const meaning = error && meaningOf(code, message)
  const cause = throttleCauses.get(code)
  // The API's own limits let nothing begin; a server that is overloaded may have begun.
  if (cause !== undefined || status === 429 || (meaning === 'throttled' && status < 500)) {
    return { kind: 'throttled', cause: cause ?? 'other' }
  }
  if (meaning === 'operator') return { kind: 'forbidden', vendorCode: code, message }
  if (meaning === 'token' || status === 401) return { kind: 'token-refused', vendorCode: code }
  if (error === undefined) {
    // A firewall or proxy in between: it lets nothing through, so nothing was executed.
    if (status === 403) return { kind: 'forbidden', vendorCode: undefined, message }
    return { kind: 'unknown', why: `HTTP ${status} without Dataverse's error envelope` }
  }
  switch (meaning) {
    case 'answer':
      return { kind: 'answer' }
    case 'privilege':
      return { kind: 'forbidden', vendorCode: code, message }
    case 'transient':
      return { kind: 'unknown', why: `HTTP ${status}, ${code}` }
    case 'row':
      return { kind: 'refused', vendorCode: code, message }
    default:
      return byStatus(status, code, message)
  }
}

function byStatus(status: number, code: string | undefined, message: string): Verdict {
  const isOurUser = code === USER_NOT_ENABLED && status !== 400
  if (status === 403 || isOurUser || (status < 500 && isMissingTable(code, message))) {
    return { kind: 'forbidden', vendorCode: code, message }
  }
  if (status === 412) return { kind: 'answer' }
  // A 404 is proof that a row is gone, so it must name its reason; see the answers in codes.ts.
  if (status === 404 && code === undefined) return { kind: 'unknown', why: 'HTTP 404 without a code' }
  if (status >= 400 && status < 500 && status !== 408) return { kind: 'refused', vendorCode: code, message }
  return { kind: 'unknown', why: `HTTP ${status}${code === undefined ? '' : `, ${code}`}` }
}

/** Whether no other row would fare better: an operator must act, and nobody's data is at fault. */
export function isAboutEveryRow(verdict: Verdict): boolean {
  if (verdict.kind === 'token-refused') return true
  return verdict.kind === 'forbidden' && (!verdict.vendorCode || classOf(verdict.vendorCode) === 'operator')
}

/** The error that a verdict stands for; undefined for an answer. `retryAfterMs` is for the throttled. */
export function errorOf(
  verdict: Verdict,
  reply: Reply,
  retryAfterMs: number,
): Unauthorized | Rejected | Busy | Unavailable | undefined {
  switch (verdict.kind) {
    case 'answer':
      return undefined
    case 'throttled':
      return new Busy(`Dataverse asks to wait (${verdict.cause})`, retryAfterMs)
    case 'unknown':
      return unavailable(reply, verdict.why)
    case 'token-refused':
      return new Unauthorized('Dataverse rejects a new token', {
        code: 'token-refused',
        advice: 'Check that DATAVERSE_URL and the tenant of the app registration belong together.',
        ...vendor(verdict.vendorCode, reply),
      })
    case 'forbidden':
      return forbidden(verdict.vendorCode, verdict.message, reply)
    case 'refused':
      return rejected(verdict.vendorCode, verdict.message, reply)
    default:
      return verdict satisfies never
  }
}

export function rejected(vendorCode: string | undefined, message: string, reply: Reply): Rejected {
  const refusal = explainRefusal(vendorCode, message, reply.status)
  return new Rejected(`Dataverse refuses the request: ${refusal.code}`, {
    ...refusal,
    ...vendor(vendorCode, reply, message),
  })
}

export function unavailable(reply: Reply, why: string): Unavailable {
  return new Unavailable(`no usable answer from Dataverse: ${why}`, { vendorRequestId: reply.requestId })
}

function forbidden(vendorCode: string | undefined, message: string, reply: Reply): Unauthorized {
  const { code, advice } = explainRefusal(vendorCode, message, 403)
  const privilege = /\bprv[A-Za-z0-9_]{1,100}\b/.exec(message)?.[0]
  return new Unauthorized(`Dataverse denies access: ${code}`, {
    code,
    advice: privilege === undefined ? advice : `${advice} The missing privilege is ${privilege}.`,
    ...vendor(vendorCode, reply, message),
  })
}

function vendor(code: string | undefined, reply: Reply, message = '') {
  const words = wordsOf(message)
  return {
    ...(code === undefined ? {} : { vendorCode: code }),
    ...(words === undefined ? {} : { vendorMessage: words }),
    ...(reply.requestId === undefined ? {} : { vendorRequestId: reply.requestId }),
  }
}

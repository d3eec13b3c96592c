import { Busy, Rejected, Unauthorized, Unavailable } from '../errors.ts'
import { asObject, asString, parseObject } from '../shape.ts'
import { explainRefusal } from './refusal.ts'

/** A reply of Dataverse, alone or as one part of a batch. */
export interface Reply {
  status: number
  contentType: string | undefined
  /** REQ_ID, the id that Microsoft's support asks for. */
  requestId: string | undefined
  retryAfter: string | undefined
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

const throttleCauses: ReadonlyMap<string, ThrottleCause> = new Map([
  ['0x80072326', 'concurrency'],
  ['0x80072322', 'requests'],
  ['0x80072321', 'execution-time'],
])
const tokenCodes = new Set(['0x80040204', '0x8005f101', '0x80041d52'])
const forbiddenCodes = new Set(['0x80072560', '0x80040220', '0x80048306'])
/** UnExpected, SQL error (deadlocks included), SQL time-out, ConcurrentOperationFailure: not about the row. */
const transientCodes = new Set(['0x80040216', '0x80044150', '0x80044151', '0x80071154'])
const answerCodes = new Set(['0x80040237', '0x80040333', '0x80060892', '0x80040217', '0x80060891'])

/** `error.code` in lower case and `error.message` of Dataverse's envelope; undefined when it is not one. */
export function vendorError(reply: Reply): { code: string | undefined; message: string } | undefined {
  const error = asObject(parseObject(reply.body)?.error)
  if (error === undefined) return undefined
  // Microsoft Learn warns that the code may be an empty string.
  return {
    code: asString(error.code)?.trim().toLowerCase() || undefined,
    message: asString(error.message) ?? '',
  }
}

/** By code first, by status second, never by the message, which is localised. */
export function judge(reply: Reply): Verdict {
  const { status } = reply
  if (status >= 200 && status < 300) return { kind: 'answer' }
  const error = vendorError(reply)
  const code = error?.code
  const cause = code === undefined ? undefined : throttleCauses.get(code)
  if (cause !== undefined || status === 429) return { kind: 'throttled', cause: cause ?? 'other' }
  if (status === 401 || (code !== undefined && tokenCodes.has(code))) {
    return { kind: 'token-refused', vendorCode: code }
  }
  if (error === undefined)
    return { kind: 'unknown', why: `HTTP ${status} without Dataverse's error envelope` }
  const { message } = error
  if (code !== undefined) {
    if (answerCodes.has(code)) return { kind: 'answer' }
    if (forbiddenCodes.has(code)) return { kind: 'forbidden', vendorCode: code, message }
    if (transientCodes.has(code)) return { kind: 'unknown', why: `HTTP ${status}, ${code}` }
  }
  if (status === 403) return { kind: 'forbidden', vendorCode: code, message }
  if (status === 412) return { kind: 'answer' }
  // A 404 is proof that a row is gone, so it must name its reason; see answerCodes.
  if (status === 404 && code === undefined) return { kind: 'unknown', why: 'HTTP 404 without a code' }
  if (status >= 400 && status < 500 && status !== 408) return { kind: 'refused', vendorCode: code, message }
  return { kind: 'unknown', why: `HTTP ${status}${code === undefined ? '' : `, ${code}`}` }
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
      return new Unauthorized('Dataverse refuses a fresh token', {
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
    ...vendor(vendorCode, reply),
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
    ...vendor(vendorCode, reply),
  })
}

function vendor(code: string | undefined, reply: Reply) {
  return {
    ...(code === undefined ? {} : { vendorCode: code }),
    ...(reply.requestId === undefined ? {} : { vendorRequestId: reply.requestId }),
  }
}

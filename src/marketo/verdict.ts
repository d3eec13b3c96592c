import { Busy, Rejected, Unauthorized, Unavailable } from '../errors.ts'
import { asObject, asObjects, asString, type JsonObject, parseObject } from '../shape.ts'
import { type CodeClass, classify } from './codes.ts'

export interface Reply {
  status: number
  body: string
}

/** The envelope of a success. */
export interface Answer {
  /** `result`; Marketo leaves it out when there is nothing. */
  rows: readonly JsonObject[]
  nextPageToken: string | undefined
  /** What Marketo's support asks for. */
  requestId: string | undefined
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
    const error = firstError(envelope)
    if (error === undefined) return unreadable(', a failure without a code')
    const codeClass = classify(error.code, error.message)
    if (codeClass !== 'empty') return { kind: 'error', codeClass, ...error, requestId }
    return { kind: 'answer', answer: { rows: [], nextPageToken: undefined, requestId } }
  }
  if (status === 413 || status === 414) return { kind: 'too-large', status }
  if (envelope?.success !== true) return unreadable(" without Marketo's envelope")
  const rows = envelope.result === undefined ? [] : asObjects(envelope.result)
  if (status !== 200 || rows === undefined) return unreadable(', a success that is none')
  const nextPageToken = asString(envelope.nextPageToken) || undefined
  return { kind: 'answer', answer: { rows, nextPageToken, requestId } }
}

/** Codes are strings on the wire, and numbers in some places. */
function firstError({ errors }: JsonObject): { code: string; message: string } | undefined {
  const error = Array.isArray(errors) ? asObject(errors[0]) : undefined
  const { code, message } = error ?? {}
  if (typeof code !== 'string' && typeof code !== 'number') return undefined
  return { code: String(code).slice(0, 20), message: asString(message) ?? '' }
}

/** The error that a verdict stands for; `waitMs` is for the throttled. */
export function errorOf(
  verdict: Exclude<Verdict, { kind: 'answer' }>,
  waitMs: number,
): Unauthorized | Rejected | Busy | Unavailable {
  switch (verdict.kind) {
    case 'error':
      return errorOfCode(verdict, waitMs)
    case 'too-large':
      return new Rejected('Marketo refuses the request: too large', {
        code: 'marketo-too-large',
        advice: 'Select fewer Marketo fields: the request is larger than Marketo takes.',
        vendorCode: `HTTP ${verdict.status}`,
      })
    case 'unreadable':
      return unavailable(verdict.why, verdict.requestId)
    default:
      return verdict satisfies never
  }
}

export function unavailable(why: string, vendorRequestId: string | undefined): Unavailable {
  return new Unavailable(`no usable answer from Marketo: ${why}`, { vendorRequestId })
}

type ErrorVerdict = Extract<Verdict, { kind: 'error' }>

function errorOfCode(verdict: ErrorVerdict, waitMs: number): Unauthorized | Rejected | Busy | Unavailable {
  const { codeClass, code, requestId } = verdict
  const vendor = { vendorCode: code, ...(requestId === undefined ? {} : { vendorRequestId: requestId }) }
  switch (codeClass) {
    case 'window':
    case 'concurrency':
    case 'daily-calls':
    case 'daily-jobs':
      return new Busy(`Marketo asks to wait (${code})`, waitMs)
    case 'token':
      // Expired once more on its way: the next token will do.
      if (code === '602') return unavailable(`code ${code}`, requestId)
      return new Unauthorized('Marketo refuses a fresh token', {
        code: 'marketo-token-refused',
        advice:
          'Check that nothing between this service and Marketo removes the Authorization header, and that the custom service in LaunchPoint is active.',
        ...vendor,
      })
    case 'denied':
      return new Unauthorized('Marketo denies access', {
        code: 'marketo-access-denied',
        advice:
          "Give the API user's role read access to people in every workspace and partition, and allow this service's address in Marketo.",
        ...vendor,
      })
    case 'permanent':
    case 'record':
      return new Rejected(`Marketo refuses the request: ${code}`, { ...explain(verdict), ...vendor })
    case 'transient':
      return unavailable(`code ${code}`, requestId)
    default:
      return codeClass satisfies never
  }
}

function explain({ codeClass, code, message }: ErrorVerdict) {
  if (code === '1006') {
    const field = /\bfield '([A-Za-z]\w{0,254})'/i.exec(message)?.[1]
    return {
      code: 'marketo-field-unknown',
      ...(field === undefined ? {} : { field }),
      advice: 'Marketo has no such field: correct its REST name in the field selection.',
    }
  }
  return codeClass === 'record'
    ? {
        code: 'marketo-record-refused',
        advice: 'Marketo refuses this person: look up the vendor code with your Marketo administrator.',
      }
    : {
        code: 'marketo-refused',
        advice: 'The set-up is at fault, no person: look up the vendor code with your Marketo administrator.',
      }
}

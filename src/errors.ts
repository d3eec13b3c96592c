/**
 * What can go wrong between a campaign and Dynamics, named for what happened.
 * A vendor's reply becomes one of these in that vendor's room; an endpoint turns it into an answer.
 */

export interface FailureDetail {
  /** Stable machine code, kebab-case, documented in docs/codes.md. */
  code: string
  /** Dataverse logical column name or Marketo REST name, when one field is at fault. */
  field?: string
  /** One sentence: what the person in charge should do next. Never contains a person's data. */
  advice: string
  /** The vendor's own code, such as 0x80040220. */
  vendorCode?: string
  /** The vendor's own words, as text of at most 500 characters. May hold a person's data: never logged. */
  vendorMessage?: string
  /** Dataverse's REQ_ID of the reply. */
  vendorRequestId?: string
}

/** Our credentials or privileges are not accepted. Nobody's data is at fault; an operator must act. */
export class Unauthorized extends Error {
  override readonly name = 'Unauthorized'
  readonly detail: FailureDetail
  constructor(message: string, detail: FailureDetail, options?: ErrorOptions) {
    super(message, options)
    this.detail = detail
  }
}

/** The vendor understood the request and refuses it for good: sending the same again cannot help. */
export class Rejected extends Error {
  override readonly name = 'Rejected'
  readonly detail: FailureDetail
  /** All fields that a refusal names, where it may name several. */
  readonly fields: readonly string[] = []
  constructor(message: string, detail: FailureDetail, options?: ErrorOptions) {
    super(message, options)
    this.detail = detail
  }
}

/** The record changed since it was read (a stale If-Match). Read again and decide again. */
export class Conflict extends Error {
  override readonly name = 'Conflict'
}

/** Told to wait; certainly nothing was executed. `retryAfterMs` counts from now. */
export class Busy extends Error {
  override readonly name = 'Busy'
  readonly retryAfterMs: number
  constructor(message: string, retryAfterMs: number, options?: ErrorOptions) {
    super(message, options)
    this.retryAfterMs = retryAfterMs
  }
}

/** No usable answer. A write may or may not have been executed, now or later: the outcome is unknown. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable'
  readonly vendorRequestId: string | undefined
  /** The vendor's own code, where it gave one. */
  readonly vendorCode: string | undefined
  constructor(
    message: string,
    options?: ErrorOptions & { vendorRequestId?: string | undefined; vendorCode?: string },
  ) {
    super(message, options)
    this.vendorRequestId = options?.vendorRequestId
    this.vendorCode = options?.vendorCode
  }
}

/** What a vendor's room throws; any other error is a fault of ours or an abort. */
export type VendorError = Unauthorized | Rejected | Conflict | Busy | Unavailable

export function isVendorError(error: unknown): error is VendorError {
  return [Unauthorized, Rejected, Conflict, Busy, Unavailable].some((one) => error instanceof one)
}

/** The database of this service does not answer: nothing is promised, and whoever asked may ask again. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

/** Why a request is not finished while nothing stands in its way. */
export const IN_PROGRESS: FailureDetail = {
  code: 'in-progress',
  advice: 'Nothing to do: the person is stored and is being processed, or will be shortly.',
}

/** How many wait, whatever for. */
export function countWaiting(waiting: readonly { requests: number }[]): number {
  return waiting.reduce((sum, { requests }) => sum + requests, 0)
}

/** The advice, and how it goes on, where an answer has one text for both. */
export function adviceWhileWaiting(waiting: {
  advice?: string
  attempts?: number
  nextAttemptAt?: number
}): string {
  const { advice = IN_PROGRESS.advice, attempts = 0, nextAttemptAt } = waiting
  const so = attempts === 0 ? '' : ` Attempts so far: ${attempts}.`
  return `${advice}${so}${nextAttemptAt === undefined ? '' : ` Next attempt: ${new Date(nextAttemptAt).toISOString()}.`}`
}

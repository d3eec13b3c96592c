import { randomInt } from 'node:crypto'
import type { Reply } from '../outcome.ts'
import type { MarketoError } from './errors.ts'

export interface Success {
  /** Absent = the member is left out, as in a reply that has nothing to say. */
  result?: readonly unknown[]
  nextPageToken?: string
  moreResult?: boolean
}

/** Recorded replies carry `errors` only in failures and never an empty list, whatever the published schema says. */
export function succeed({ result, nextPageToken, moreResult }: Success, requestId = newRequestId()): Reply {
  return json(200, {
    requestId,
    ...(result && { result }),
    ...(nextPageToken !== undefined && { nextPageToken }),
    ...(moreResult !== undefined && { moreResult }),
    success: true,
  })
}

/** A failure is an HTTP 200, too. */
export function fail({ code, message }: MarketoError, requestId = newRequestId()): Reply {
  return json(200, { requestId, success: false, errors: [{ code, message }] })
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Reply {
  return {
    status,
    headers: { 'Content-Type': 'application/json;charset=UTF-8', ...headers },
    body: JSON.stringify(body),
  }
}

/** The second part is the server's time, as recorded. */
export function newRequestId(): string {
  return `${randomInt(0x1000, 0xfffff).toString(16)}#${Date.now().toString(16)}`
}

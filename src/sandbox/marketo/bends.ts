import type { Arrival, BendOf } from '../bends.ts'
import { cut, deliver, drip, HTML_502, hang, html, type Outcome, type Reply, reset } from '../outcome.ts'
import { fail, succeed } from './envelope.ts'
import { MarketoError, messageOf } from './errors.ts'
import { refuse } from './identity.ts'

export type Operation = 'token' | 'lead' | 'leads' | 'describe'

export type BendHow =
  /** `success: false` inside HTTP 200 (606, 1006, …); for a token an OAuth refusal with 401. */
  | { kind: 'error'; code: string; message?: string }
  | { kind: 'status'; status: number; body?: string; retryAfter?: string }
  /** A gateway's page where JSON was due. */
  | { kind: 'html'; status?: number }
  /** HTTP 200 with this very body. */
  | { kind: 'body'; body: string }
  /** The connection dies without a byte. */
  | { kind: 'reset' }
  | { kind: 'hang' }
  /** `clean`: the chunked body ends properly, half way through the JSON; else the connection dies in it. */
  | { kind: 'cut'; ending?: 'clean' | 'abrupt' }
  /** One byte of the body per gap. */
  | { kind: 'drip'; gapMs: number }
  | { kind: 'delay'; ms: number }
  /** Empty fields are left out instead of null: both have been recorded. */
  | { kind: 'omit-nulls' }
  /** `result` is an empty list: the other answer an unknown id may get. */
  | { kind: 'empty-result' }
  /** No `result` at all. */
  | { kind: 'no-result' }

/** Without `operation: 'token'` the token endpoint is left alone. */
export type Bend = BendOf<Operation, BendHow>

export function operationOf({ path }: Arrival): Operation | undefined {
  const [resource = ''] = path.split('?')
  if (/^\/identity\//.test(resource)) return 'token'
  if (/^\/rest\/v1\/leads\/describe2?\.json$/.test(resource)) return 'describe'
  if (/^\/rest\/v1\/leads\.json$/.test(resource)) return 'leads'
  return /^\/rest\/v1\/lead\//.test(resource) ? 'lead' : undefined
}

/** `good` is the reply as it would have been. */
export async function misbehave(
  how: BendHow,
  good: Reply,
  operation: Operation | undefined,
): Promise<Outcome> {
  switch (how.kind) {
    case 'error': {
      const message = how.message ?? messageOf(how.code)
      if (operation === 'token') return deliver(refuse(401, how.code, message))
      return deliver(fail(new MarketoError(how.code, message)))
    }
    case 'status': {
      const headers = {
        'Content-Type': 'text/plain',
        ...(how.retryAfter && { 'Retry-After': how.retryAfter }),
      }
      return deliver({ status: how.status, headers, body: how.body ?? '' })
    }
    case 'html':
      return html(how.status ?? 502, HTML_502)
    case 'body':
      return deliver({ ...good, status: 200, body: how.body })
    case 'reset':
      return reset()
    case 'hang':
      return hang()
    case 'cut':
      return cut(good, how.ending ?? 'abrupt')
    case 'drip':
      return drip(good, how.gapMs)
    case 'delay':
      await new Promise((resolve) => setTimeout(resolve, how.ms))
      return deliver(good)
    case 'omit-nulls':
      return deliver(withoutNulls(good))
    case 'empty-result':
      return deliver(succeed({ result: [] }))
    case 'no-result':
      return deliver(succeed({}))
    default:
      return how satisfies never
  }
}

function withoutNulls(reply: Reply): Reply {
  const body: unknown = JSON.parse(reply.body, (_, value: unknown) => (value === null ? undefined : value))
  return { ...reply, body: JSON.stringify(body) }
}

import type { Arrival, BendOf } from '../bends.ts'
import { cut, deliver, drip, HTML_502, hang, html, type Outcome, type Reply, reset } from '../outcome.ts'
import { fail, succeed } from './envelope.ts'
import { MarketoError, messageOf } from './errors.ts'
import { refuse } from './identity.ts'
import { routeFor } from './routes.ts'

export const OPERATIONS = [
  ...(['token', 'lead', 'leads', 'describe', 'sync', 'delete', 'merge', 'schema', 'paging-token'] as const),
  ...(['activities', 'lead-changes', 'deleted-leads', 'activity-types', 'external', 'crm', 'stats'] as const),
  'flow-step-callback',
] as const
export type Operation = (typeof OPERATIONS)[number]

export const COMMITS = ['never', 'first', 'late'] as const

/** What becomes of a write whose caller is not told: nothing (the default), done already, or done `afterMs` later. */
export interface Committing {
  commit?: (typeof COMMITS)[number]
  afterMs?: number
}

export type BendHow =
  /** `success: false` inside HTTP 200 (606, 1006, …); for a token an OAuth refusal with 401. */
  | ({ kind: 'error'; code: string; message?: string } & Committing)
  | ({ kind: 'status'; status: number; body?: string; retryAfter?: string } & Committing)
  /** A gateway's page where JSON was due. */
  | ({ kind: 'html'; status?: number } & Committing)
  /** The connection dies without a byte. */
  | ({ kind: 'reset' } & Committing)
  | ({ kind: 'hang' } & Committing)
  /** HTTP 200 with this very body. From here on a write is carried out, and its reply suffers. */
  | { kind: 'body'; body: string }
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

/** Without `operation: 'token'` the token endpoint is left alone, without `'flow-step-callback'` the callbacks are. */
export type Bend = BendOf<Operation, BendHow>

export function operationOf({ method, path }: Arrival): Operation | undefined {
  const [resource = ''] = path.split('?')
  if (/^\/identity\//.test(resource)) return 'token'
  const routed = routeFor(method, resource)
  return typeof routed === 'string' ? undefined : routed.route.operation
}

/** What a bend does with the work behind a reply. */
export interface Work {
  /** Carries it out, now. */
  run(): Promise<Reply>
  /** Carries it out in `afterMs`, whatever becomes of it. */
  runLater(afterMs: number): void
}

export async function misbehave(
  how: BendHow,
  work: Work,
  operation: Operation | undefined,
): Promise<Outcome> {
  switch (how.kind) {
    case 'error': {
      await settle(how, work)
      const message = how.message ?? messageOf(how.code)
      if (operation === 'token') return deliver(refuse(401, how.code, message))
      return deliver(fail(new MarketoError(how.code, message)))
    }
    case 'status':
      await settle(how, work)
      return deliver(plainStatus(how))
    case 'html':
      await settle(how, work)
      return html(how.status ?? 502, HTML_502)
    case 'reset':
      await settle(how, work)
      return reset()
    case 'hang':
      await settle(how, work)
      return hang()
    default:
      return afterWork(how, await work.run())
  }
}

async function settle({ commit = 'never', afterMs = 0 }: Committing, work: Work): Promise<void> {
  if (commit === 'first') await work.run()
  if (commit === 'late') work.runLater(afterMs)
}

/** `good` is the reply as it would have been. */
async function afterWork(
  how: Exclude<BendHow, { kind: 'error' | 'status' | 'html' | 'reset' | 'hang' }>,
  good: Reply,
): Promise<Outcome> {
  switch (how.kind) {
    case 'body':
      return deliver({ ...good, status: 200, body: how.body })
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

function plainStatus({ status, body = '', retryAfter }: Extract<BendHow, { kind: 'status' }>): Reply {
  const headers = { 'Content-Type': 'text/plain', ...(retryAfter && { 'Retry-After': retryAfter }) }
  return { status, headers, body }
}

function withoutNulls(reply: Reply): Reply {
  const body: unknown = JSON.parse(reply.body, (_, value: unknown) => (value === null ? undefined : value))
  return { ...reply, body: JSON.stringify(body) }
}

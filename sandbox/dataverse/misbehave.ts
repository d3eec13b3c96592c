import { cut, deliver, drip, HTML_502, hang, html, type Outcome, type Reply, reset } from '../outcome.ts'
import { toReply } from './batch-reply.ts'
import { bendPage, type Pages } from './bend-page.ts'
import type { BendHow } from './bends.ts'
import { DataverseError, deadlock, throttled } from './errors.ts'

export interface Work extends Pages {
  /** Carries the request out, now. `before` hears the position of each part of a $batch and may refuse it. */
  commit(before?: (part: number) => void): Promise<Reply>
  /** Carries it out in `afterMs`, whatever becomes of it. */
  commitLater(afterMs: number): void
  unauthorized(): DataverseError
}

export async function misbehave(how: BendHow, work: Work): Promise<Outcome> {
  switch (how.kind) {
    case 'fail-before-commit': {
      const retry: Record<string, string> =
        how.retryAfter === undefined ? {} : { 'Retry-After': how.retryAfter }
      return refuse(new DataverseError(how.status ?? 503, '0x8006088a', 'The service is unavailable.', retry))
    }
    case 'throttle':
      return refuse(throttled(how.code, how.retryAfter))
    case 'unauthorized':
      return refuse(work.unauthorized())
    case 'deadlock':
      return refuse(deadlock())
    case 'error':
      return refuse(new DataverseError(how.status, how.code, how.message))
    case 'html-502-before-commit':
      return html(502, HTML_502)
    case 'reset-before-commit':
      return reset()
    case 'hang-before-commit':
      return hang()
    case 'commit-late':
      work.commitLater(how.afterMs)
      return how.answer === '504'
        ? html(504, '<html><body><h1>504 Gateway Time-out</h1></body></html>')
        : reset()
    case 'fail-part':
      return deliver(await work.commit((part) => failPart(how, part)))
    case 'reset-mid-batch':
      await work.commit((part) => {
        if (part >= how.after) throw deadlock()
      })
      return reset()
    case 'html-200':
    case 'foreign-link':
    case 'repeat-page':
    case 'swap-pages':
    case 'reverse-rows':
    case 'spoil-row':
      return bendPage(how, await work.commit(), work)
    default:
      return afterCommit(how, await work.commit())
  }
}

function failPart(how: Extract<BendHow, { kind: 'fail-part' }>, part: number): void {
  if (part !== how.at) return
  const headers: Record<string, string> =
    how.retryAfter === undefined ? {} : { 'Retry-After': how.retryAfter }
  throw new DataverseError(how.status, how.code, how.message ?? 'The part was refused.', headers)
}

type AfterCommit = Extract<BendHow, { kind: `${string}-after-commit` }>

function afterCommit(how: AfterCommit, reply: Reply): Outcome {
  switch (how.kind) {
    case 'html-502-after-commit':
      return html(502, HTML_502)
    case 'reset-after-commit':
      return reset()
    case 'hang-after-commit':
      return hang()
    case 'cut-body-after-commit':
      return cut(withBody(reply), how.ending ?? 'abrupt')
    case 'drip-after-commit':
      return { ...drip(withBody(reply), how.gapMs), status: reply.status }
    default:
      return how satisfies never
  }
}

function refuse(error: DataverseError): Outcome {
  return deliver(toReply(error))
}

/** A reply without a body has nothing to break; it is given one as for `return=representation`. */
function withBody(reply: Reply): Reply {
  if (reply.body !== '') return reply
  const url = reply.headers['OData-EntityId'] ?? ''
  const body = JSON.stringify({ '@odata.context': `${url}/$entity`, '@odata.etag': 'W/"0"' })
  return { status: 200, headers: { ...reply.headers, 'Content-Type': 'application/json' }, body }
}

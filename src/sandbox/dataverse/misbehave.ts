import type { ServerResponse } from 'node:http'
import { toReply } from './batch.ts'
import type { BendHow } from './bends.ts'
import { DataverseError, deadlock, throttled } from './errors.ts'
import type { Reply } from './request.ts'

/** What becomes of a request on the wire. */
export interface Outcome {
  /** 0 = the client never gets a whole reply. */
  status: number
  /** The vendor's headers are set already. */
  send(response: ServerResponse): void
}

export interface Work {
  /** Carries the request out, now. */
  commit(): Promise<Reply>
  /** Carries it out in `afterMs`, whatever becomes of it. */
  commitLater(afterMs: number): void
  unauthorized(): DataverseError
}

const HTML_502 =
  '<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>'

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
    default:
      return afterCommit(how, await work.commit())
  }
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
      return { status: 0, send: (response) => cutBody(response, reply, how.ending ?? 'abrupt') }
    case 'drip-after-commit':
      return { status: reply.status, send: (response) => drip(response, reply, how.gapMs) }
    default:
      return how satisfies never
  }
}

export function deliver(reply: Reply): Outcome {
  return {
    status: reply.status,
    send: (response) => {
      response.writeHead(reply.status, reply.headers)
      response.end(reply.body)
    },
  }
}

function refuse(error: DataverseError): Outcome {
  return deliver(toReply(error))
}

function html(status: number, body: string): Outcome {
  return deliver({ status, headers: { 'Content-Type': 'text/html' }, body })
}

function reset(): Outcome {
  return { status: 0, send: (response) => void response.socket?.resetAndDestroy() }
}

function hang(): Outcome {
  return { status: 0, send: () => undefined }
}

/** Half a body: either the chunking ends properly, or more was announced and the connection dies. */
function cutBody(response: ServerResponse, reply: Reply, ending: 'clean' | 'abrupt'): void {
  const { status, headers, body } = withBody(reply)
  const half = body.slice(0, Math.ceil(body.length / 2))
  if (ending === 'clean') {
    response.writeHead(status, { ...headers, 'Transfer-Encoding': 'chunked' })
    response.end(half)
    return
  }
  response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) })
  response.write(half, () => response.socket?.destroy())
}

/** One byte a gap, so that a time-out which counts gaps never fires. */
function drip(response: ServerResponse, reply: Reply, gapMs: number): void {
  const { status, headers, body } = withBody(reply)
  const bytes = Buffer.from(body)
  response.writeHead(status, { ...headers, 'Content-Length': bytes.length })
  response.flushHeaders()
  let sent = 0
  const timer = setInterval(() => {
    response.write(bytes.subarray(sent, sent + 1))
    sent += 1
    if (sent < bytes.length) return
    clearInterval(timer)
    response.end()
  }, gapMs)
  response.on('close', () => clearInterval(timer))
}

/** A reply without a body has nothing to break; it is given one as for `return=representation`. */
function withBody(reply: Reply): Reply {
  if (reply.body !== '') return reply
  const url = reply.headers['OData-EntityId'] ?? ''
  const body = JSON.stringify({ '@odata.context': `${url}/$entity`, '@odata.etag': 'W/"0"' })
  return { status: 200, headers: { ...reply.headers, 'Content-Type': 'application/json' }, body }
}

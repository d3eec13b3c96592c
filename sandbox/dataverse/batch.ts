import { randomUUID } from 'node:crypto'
import type { Reply } from '../outcome.ts'
import { type MultipartPart, readMultipart } from './batch-parse.ts'
import { partText, toReply } from './batch-reply.ts'
import { payloadError, uriError } from './errors.ts'
import { parseQuery, preferences, type Request } from './request.ts'

const OPERATIONS_MAX = 1000

/** Carries out one operation; throws DataverseError. */
type Operate = (request: Request) => Reply

export interface BatchWork {
  operate: Operate
  /** Hears the position of each operation before it is carried out, and may refuse it. */
  before(part: number): void
  atomically<T>(work: () => T): T
  /** The wish to go on after an error is not heard. */
  stops: boolean
}

/** How many operations the body holds; 0 when it cannot be read. */
export function countOperations(request: Request): number {
  try {
    return flatten(readMultipart(request.headers.get('content-type'), request.body)).length
  } catch {
    return 0
  }
}

/** POST $batch. Without continue-on-error the first failure ends it and gives the whole reply its status. */
export function runBatch(request: Request, work: BatchWork): Reply {
  const parts = readMultipart(request.headers.get('content-type'), request.body)
  if (flatten(parts).length > OPERATIONS_MAX) {
    throw payloadError('$batch', `The batch holds more than the maximum of ${OPERATIONS_MAX} operations.`)
  }
  const goOn = !work.stops && preferences(request.headers).has('odata.continue-on-error')
  const boundary = `batchresponse_${randomUUID()}`
  const out: string[] = []
  let status = 200
  let position = 0
  const operate = (operation: Request) => {
    const at = position
    position += 1
    work.before(at)
    return work.operate(operation)
  }
  const counted = { ...work, operate }
  for (const part of parts) {
    const done = part.kind === 'set' ? runSet(part.parts, request, counted) : runOne(part, request, counted)
    out.push(`--${boundary}\r\n${done.text}\r\n`)
    if (done.status >= 400 && !goOn) {
      status = done.status
      break
    }
  }
  return {
    status,
    headers: {
      'Content-Type': `multipart/mixed; boundary=${boundary}`,
      'OData-Version': '4.0',
      ...(goOn ? { 'Preference-Applied': 'odata.continue-on-error' } : {}),
    },
    body: `${out.join('')}--${boundary}--\r\n`,
  }
}

type Single = Extract<MultipartPart, { kind: 'operation' }>

function flatten(parts: readonly MultipartPart[]): Single[] {
  return parts.flatMap((part) => (part.kind === 'set' ? flatten(part.parts) : [part]))
}

function runOne(part: Single, batch: Request, work: BatchWork): { status: number; text: string } {
  const reply = attempt(() => work.operate(requestOf(part, batch, new Map())))
  return { status: reply.status, text: partText(reply, undefined) }
}

/** All or nothing; a failure answers with a single part for the whole set. */
function runSet(
  parts: readonly MultipartPart[],
  batch: Request,
  work: BatchWork,
): { status: number; text: string } {
  const boundary = `changesetresponse_${randomUUID()}`
  let failed: Reply | undefined
  const texts: string[] = []
  const references = new Map<string, string>()
  try {
    work.atomically(() => {
      for (const part of flatten(parts)) {
        if (part.method === 'GET') throw uriError('A GET request is not allowed in a change set.')
        const reply = work.operate(requestOf(part, batch, references))
        const made = reply.headers['OData-EntityId']
        if (part.contentId && made) references.set(`$${part.contentId}`, made)
        texts.push(`--${boundary}\r\n${partText(reply, part.contentId)}\r\n`)
      }
    })
  } catch (error) {
    failed = toReply(error)
  }
  if (failed) return { status: failed.status, text: partText(failed, undefined) }
  const head = `Content-Type: multipart/mixed; boundary=${boundary}\r\n\r\n`
  return { status: 200, text: `${head}${texts.join('')}--${boundary}--` }
}

function requestOf(part: Single, batch: Request, references: ReadonlyMap<string, string>): Request {
  const [target = '', search = ''] = splitUrl(resolve(part.url, references))
  return {
    method: part.method,
    path: target,
    query: parseQuery(search),
    headers: part.headers,
    body: part.body,
    userId: batch.userId,
    references,
  }
}

function resolve(url: string, references: ReadonlyMap<string, string>): string {
  const name = /^\/?(\$\w+)/.exec(url)?.[1]
  const made = name === undefined ? undefined : references.get(name)
  return made === undefined ? url : url.replace(/^\/?\$\w+/, made)
}

function splitUrl(url: string): [string, string] {
  const path = url.replace(/^https?:\/\/[^/]+/i, '').replace(/^\/?api\/data\/v9\.[0-2]\//, '')
  const at = path.indexOf('?')
  const [target, search] = at < 0 ? [path, ''] : [path.slice(0, at), path.slice(at + 1)]
  return [target.replace(/^\//, ''), search]
}

function attempt(operate: () => Reply): Reply {
  try {
    return operate()
  } catch (error) {
    return toReply(error)
  }
}

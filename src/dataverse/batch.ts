import { MIMEType } from 'node:util'
import { Unavailable } from '../errors.ts'
import type { Reply } from './verdict.ts'

export interface BatchPart {
  method: 'GET' | 'POST' | 'PATCH'
  /** Absolute path with query, percent-encoded. */
  path: string
  headers?: Readonly<Record<string, string>>
  body?: string
}

/** A multipart/mixed body. Source: Microsoft Learn, "Execute batch operations using the Web API". */
export function writeBatch(boundary: string, parts: readonly BatchPart[]): string {
  const written = parts.map((part) =>
    [
      `--${boundary}`,
      'Content-Type: application/http',
      'Content-Transfer-Encoding: binary',
      '',
      `${part.method} ${part.path} HTTP/1.1`,
      ...Object.entries(part.headers ?? {}).map(([name, value]) => `${name}: ${value}`),
      ...(part.body === undefined ? [] : ['Content-Type: application/json']),
      '',
      part.body ?? '',
      '',
    ].join('\r\n'),
  )
  return `${written.join('')}--${boundary}--\r\n`
}

export interface BatchReply {
  replies: Reply[]
  /** Ended at its first error, although it was asked to go on: what has no reply was not executed. */
  stopped: boolean
}

/**
 * The parts of a batch reply, in the order of the requests: `expected` of them, or fewer that end with an error.
 * Anything else is Unavailable: which reply is whose cannot be told. Tolerant of quoted boundaries, bare line feeds
 * and absent part headers, not of a missing end: what was cut off may have been executed.
 * Source: Microsoft Learn, "Execute batch operations using the Web API" (continue on error).
 */
export function readBatch(reply: Reply, expected: number): BatchReply {
  const unreadable = (why: string) =>
    new Unavailable(`no usable answer from Dataverse: ${why}`, { vendorRequestId: reply.requestId })
  const boundary = boundaryOf(reply.contentType)
  if (boundary === undefined) throw unreadable('a batch answered without a multipart body')
  const sections = split(reply.body, boundary)
  if (sections === undefined) throw unreadable('a batch reply was cut off')
  const replies = sections.map((section) => {
    const part = readPart(section, reply.requestId)
    if (part === undefined) throw unreadable('a batch part has no status line')
    return part
  })
  const isCutShort = replies.length < expected && (replies.at(-1)?.status ?? 0) >= 400
  if (replies.length !== expected && !isCutShort) {
    throw unreadable(`${replies.length} batch parts, not ${expected}`)
  }
  return { replies, stopped: isCutShort && reply.status >= 400 }
}

/** Whether a reply, whatever its status, answers part by part. */
export function isMultipart(reply: Reply): boolean {
  return boundaryOf(reply.contentType) !== undefined
}

function boundaryOf(contentType = ''): string | undefined {
  try {
    const { essence, params } = new MIMEType(contentType)
    return essence === 'multipart/mixed' ? params.get('boundary') || undefined : undefined
  } catch {
    return undefined
  }
}

/** Lines of each section; undefined when the closing delimiter is missing. */
function split(body: string, boundary: string): string[][] | undefined {
  const sections: string[][] = []
  for (const line of body.split('\n')) {
    const bare = line.trimEnd()
    if (bare === `--${boundary}--`) return sections
    if (bare === `--${boundary}`) sections.push([])
    else sections.at(-1)?.push(line.replace(/\r$/, ''))
  }
  return undefined
}

function readPart(lines: readonly string[], outerRequestId: string | undefined): Reply | undefined {
  const statusAt = lines.findIndex((line) => /^HTTP\/\d(\.\d)? \d{3}\b/.test(line))
  if (statusAt === -1) return undefined
  const status = Number(lines[statusAt]?.split(' ')[1])
  const blank = lines.indexOf('', statusAt)
  const headerEnd = blank === -1 ? lines.length : blank
  const headers = new Map<string, string>()
  for (const line of lines.slice(statusAt + 1, headerEnd)) {
    const colon = line.indexOf(':')
    if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim())
  }
  return {
    status,
    contentType: headers.get('content-type'),
    requestId: headers.get('req_id') ?? outerRequestId,
    retryAfter: headers.get('retry-after'),
    body: lines
      .slice(headerEnd + 1)
      .join('\n')
      .trim(),
  }
}

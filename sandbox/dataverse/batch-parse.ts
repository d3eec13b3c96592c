import { payloadError } from './errors.ts'

export type MultipartPart =
  | {
      kind: 'operation'
      contentId: string | undefined
      method: string
      url: string
      headers: ReadonlyMap<string, string>
      body: string
    }
  | { kind: 'set'; parts: MultipartPart[] }

/** Reads the multipart body of a $batch. Lines may end in CRLF or, as lenient servers allow, in LF. */
export function readMultipart(
  contentType: string | undefined,
  body: string,
  nested = false,
): MultipartPart[] {
  const [, quoted, bare] =
    /multipart\/mixed\s*;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType ?? '') ?? []
  const boundary = quoted ?? bare
  if (boundary === undefined) throw broken('The content type must be multipart/mixed with a boundary.')
  const marks = new RegExp(`(?:^|\\r?\\n)--${literally(boundary)}(--)?[ \\t]*(?=\\r?\\n|$)`, 'g')
  const parts: MultipartPart[] = []
  let start: number | undefined
  for (const mark of body.matchAll(marks)) {
    if (start !== undefined) parts.push(readPart(body.slice(start, mark.index).replace(/^\r?\n/, ''), nested))
    start = mark.index + mark[0].length
    if (mark[1] === '--') return parts
  }
  throw broken(`The closing boundary '--${boundary}--' is missing.`)
}

function readPart(text: string, nested: boolean): MultipartPart {
  const { headers, rest } = readHeaders(text)
  const type = headers.get('content-type')
  if (type?.toLowerCase().startsWith('multipart/mixed')) {
    if (nested) throw broken('Change sets cannot be nested.')
    return { kind: 'set', parts: readMultipart(type, rest, true) }
  }
  if (type?.toLowerCase() !== 'application/http') throw broken('A part must be application/http.')
  const [, requestLine, after = ''] = /^\s*([^\r\n]+)(?:\r?\n)?(.*)$/s.exec(rest) ?? []
  const [, method, url] = /^([A-Za-z]+) (.+?)(?: HTTP\/1\.1)?$/.exec(requestLine?.trimEnd() ?? '') ?? []
  if (!method || !url) throw broken('A part has no request line.')
  const inner = readHeaders(after)
  return {
    kind: 'operation',
    contentId: headers.get('content-id') ?? inner.headers.get('content-id'),
    method: method.toUpperCase(),
    url,
    headers: inner.headers,
    body: inner.rest.trim(),
  }
}

function readHeaders(text: string): { headers: Map<string, string>; rest: string } {
  const headers = new Map<string, string>()
  let at = 0
  while (at < text.length) {
    const end = text.indexOf('\n', at)
    const line = (end < 0 ? text.slice(at) : text.slice(at, end)).replace(/\r$/, '')
    at = end < 0 ? text.length : end + 1
    if (line === '') return { headers, rest: text.slice(at) }
    const colon = line.indexOf(':')
    if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim())
  }
  return { headers, rest: '' }
}

function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}

function broken(reason: string): Error {
  return payloadError('$batch', reason)
}

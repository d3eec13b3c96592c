import { createRows } from '../../src/dataverse/rows.ts'
import type { DataverseSettings } from '../../src/dataverse/settings.ts'
import { type Answer, bareClient, scriptedServer } from './rig.ts'

export interface Part {
  method: string
  path: string
  headers: Record<string, string>
  body: string
}

/** The parts of a batch as a server reads them. */
export function partsOf(body: string): Part[] {
  const boundary = /^--(\S+)/.exec(body)?.[1] ?? ''
  return body
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((section) => {
      const [, head = '', text = ''] = /\r\n\r\n([\s\S]*?)\r\n\r\n([\s\S]*)\r\n$/.exec(section) ?? []
      const [requestLine = '', ...headerLines] = head.split('\r\n')
      const [method = '', path = ''] = requestLine.split(' ')
      const headers = headerLines.map((line): [string, string] => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
      })
      return { method, path, headers: Object.fromEntries(headers), body: text }
    })
}

export interface PartAnswer {
  status: number
  body?: unknown
  headers?: Record<string, string>
}

/** A multipart reply; a string is a whole body, such as one that was cut. */
export function multipart(answers: readonly PartAnswer[], cutAt?: number, status = 200): Answer {
  const sections = answers.map(({ status, body, headers = {} }) =>
    [
      '--batchresponse_t',
      'Content-Type: application/http',
      '',
      `HTTP/1.1 ${status} Whatever`,
      'REQ_ID: part-request',
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      '',
      body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body),
      '',
    ].join('\r\n'),
  )
  const text = `${sections.join('')}--batchresponse_t--\r\n`
  return (response) => {
    response.writeHead(status, { 'content-type': 'multipart/mixed; boundary=batchresponse_t' })
    response.end(text.slice(0, cutAt))
  }
}

/** Answers each batch part by part. */
export function eachPart(answer: (part: Part, index: number) => PartAnswer): Answer {
  return (response, seen) => multipart(partsOf(seen.body).map(answer))(response, seen)
}

export function refused(status: number, code: string, message = 'x', headers: Record<string, string> = {}) {
  return { status, body: { error: { code, message } }, headers }
}

/** What Dataverse answers to a PATCH or GET of one row that it executed. */
export function rowOf({ path, body }: Pick<Part, 'path' | 'body'>, etag = 'W/"2"'): PartAnswer {
  const [, set = '', id = ''] = /(\w+)\(([^)]+)\)/.exec(path) ?? []
  const columns = body === '' ? {} : JSON.parse(body)
  const context = `https://contoso.invalid/api/data/v9.2/$metadata#${set}/$entity`
  return {
    status: 200,
    body: { '@odata.context': context, '@odata.etag': etag, [`${set.slice(0, -1)}id`]: id, ...columns },
  }
}

/** The rows verbs without Entra, against a server that answers by script. */
export async function rowsAgainst(answer: Answer, settings: Partial<DataverseSettings> = {}) {
  const stack = new AsyncDisposableStack()
  const server = stack.use(await scriptedServer(answer))
  const rig = stack.use(bareClient(server.origin, settings))
  const rows = createRows(rig)
  const batches = () => server.seen.map(({ body }) => partsOf(body))
  return { rows, server, batches, ...rig, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

/** GUIDs 1, 2, 3, … */
export function guid(count: number): string {
  return `0b1d7c5e-6c0a-5f1e-9d56-${count.toString(16).padStart(12, '0')}`
}

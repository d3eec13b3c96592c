import type { IncomingMessage } from 'node:http'
import { hasDuplicateKey } from './duplicate-key.ts'
import { marketoError } from './errors.ts'

/** A JSON object. */
export type Members = Readonly<Record<string, unknown>>

export interface Request {
  /** As it came. */
  verb: string
  /** As it is meant: a POST can say that it is a GET. */
  method: string
  /** As it came, with the query. */
  path: string
  resource: string
  query: URLSearchParams
  authorization: string | undefined
  contentType: string
  body: string
}

export function toRequest(message: IncomingMessage, body: string): Request {
  const path = message.url ?? '/'
  const [resource = '', ...search] = path.split('?')
  const query = new URLSearchParams(search.join('?'))
  const verb = message.method ?? 'GET'
  return {
    verb,
    method: isRead(verb, query, body) ? 'GET' : verb,
    path,
    resource,
    query,
    authorization: message.headers.authorization,
    contentType: message.headers['content-type'] ?? '',
    body,
  }
}

/** Long reads come as a POST that says `_method=GET`, in the query or in its form. Adobe, "Lead Database". */
function isRead(verb: string, query: URLSearchParams, body: string): boolean {
  if (verb !== 'POST') return verb === 'GET'
  const inForm = () => (body.includes('_method') ? new URLSearchParams(body).get('_method') : null)
  return (query.get('_method') ?? inForm())?.toUpperCase() === 'GET'
}

/** Of the query, and of the form of a read that came as a POST. */
export function parametersOf({ verb, method, query, contentType, body }: Request): URLSearchParams {
  if (method !== 'GET' || verb === 'GET') return query
  if (!/^application\/x-www-form-urlencoded\b/i.test(contentType)) throw marketoError('612')
  return new URLSearchParams([...query, ...new URLSearchParams(body)])
}

/** The JSON object that a write carries. */
export function bodyOf({ contentType, body }: Request): Members {
  if (!/^application\/json\b/i.test(contentType)) throw marketoError('612')
  const document = parse(body)
  if (!isMembers(document) || hasDuplicateKey(body)) throw marketoError('609')
  return document
}

export function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

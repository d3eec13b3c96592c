/** Codes and messages of Adobe's "Error Codes" page and of recorded replies. */
const MESSAGES = {
  '600': 'Access token not specified',
  '601': 'Access token invalid',
  '602': 'Access token expired',
  '603': 'Access denied',
  '604': 'Request time out',
  '605': 'HTTP Method not supported',
  '606': "Max rate limit '100' exceeded with in '20' secs",
  '607': 'Daily API Request Limit Reached',
  '608': 'API Temporarily Unavailable',
  '609': 'Invalid JSON',
  '610': 'Requested resource not found',
  '611': 'System error',
  '612': 'Invalid Content Type',
  '614': 'Invalid Subscription',
  '615': 'Concurrent access limit reached',
  '702': 'No data found for given search scenario',
  '703': 'Feature is not enabled for subscription',
  '713': 'Transient error',
  '719': 'Lock wait timeout exception',
} as const

/** An envelope with `success: false`, inside an HTTP 200. */
export class MarketoError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

export function marketoError(code: keyof typeof MESSAGES): MarketoError {
  return new MarketoError(code, MESSAGES[code])
}

/** What the vendor says with a code when nobody says otherwise. */
export function messageOf(code: string): string {
  return Object.entries(MESSAGES).find(([known]) => known === code)?.[1] ?? 'System error'
}

export const fieldNotFound = (name: string) => new MarketoError('1006', `Field '${name}' not found`)
/** Two wordings are known: of the first, and of all. */
export function fieldsNotFound(names: readonly string[], words: '1006' | '1003'): MarketoError {
  if (words === '1003') return new MarketoError('1003', `Invalid fields [${names.join(', ')}]`)
  return fieldNotFound(names[0] ?? '')
}
export const invalidValue = (value: unknown, name: string) =>
  new MarketoError('1001', `Invalid value '${String(value)}' for field '${name}'`)
export const missingParameter = (name: string) =>
  new MarketoError('1002', `Missing value for required parameter '${name}'`)
export const leadNotFound = (id: string) => new MarketoError('1004', `Lead with id '${id}' not found`)
export const notSearchable = (name: string) =>
  new MarketoError('1011', `'${name}' is not supported as a filter type`)
export const tooManyValues = (max: number) =>
  new MarketoError('1003', `Too many filter values, the maximum is ${max}`)
export const tooManyResults = () => new MarketoError('1003', 'Too many results match the filter')
export const invalidPagingToken = () => new MarketoError('1003', 'Invalid nextPageToken')

/** A refusal in the vendor's words. Codes and messages: Microsoft's Web API error table and observed replies. */
export class DataverseError extends Error {
  override readonly name = 'DataverseError'
  readonly status: number
  readonly code: string
  readonly headers: Readonly<Record<string, string>>
  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.headers = headers
  }
  get body(): string {
    return JSON.stringify({ error: { code: this.code, message: this.message } })
  }
}

const PAYLOAD_HELP =
  'For more information on this error please follow this help link https://go.microsoft.com/fwlink/?linkid=2195293'

/** The URL or the query cannot be understood. */
export function uriError(message: string, status = 400): DataverseError {
  return new DataverseError(status, '0x80060888', message)
}

/** The body cannot be understood. */
export function payloadError(entitySet: string, reason: string): DataverseError {
  return new DataverseError(
    400,
    '0x80048d19',
    `Error identified in Payload provided by the user for Entity :'${entitySet}', ${PAYLOAD_HELP} ---->  InnerException : Microsoft.OData.ODataException: ${reason}`,
  )
}

export function undeclaredNavigation(entitySet: string, name: string): DataverseError {
  return payloadError(
    entitySet,
    `An undeclared property '${name}' which only has property annotations in the payload but no property value was found in the payload. In OData, only declared navigation properties and declared named streams can be represented as properties without values.`,
  )
}

export function unknownSegment(segment: string, status = 400): DataverseError {
  return uriError(`Resource not found for the segment '${segment}'.`, status)
}

export function unknownProperty(name: string, table: string): DataverseError {
  return uriError(`Could not find a property named '${name}' on type 'Microsoft.Dynamics.CRM.${table}'.`)
}

export function doesNotExist(table: string, id: string): DataverseError {
  return new DataverseError(404, '0x80040217', `Entity '${table}' With Id = ${id} Does Not Exist`)
}

export function keyDoesNotExist(table: string): DataverseError {
  return new DataverseError(
    404,
    '0x80060891',
    `A record with the specified key values does not exist in ${table} entity`,
  )
}

export function idTaken(): DataverseError {
  return new DataverseError(412, '0x80040237', 'A record with matching key values already exists.')
}

export function keyTaken(key: string, columns: readonly string[]): DataverseError {
  return new DataverseError(
    412,
    '0x80060892',
    `Entity Key ${key} violated. A record with the same value for ${columns.join(', ')} already exists. A duplicate record cannot be created. Select one or more unique values and try again.`,
  )
}

export function requiredMissing(column: string): DataverseError {
  return new DataverseError(400, '0x80040200', `A required field '${column}' is missing.`)
}

export function versionMismatch(): DataverseError {
  return new DataverseError(
    412,
    '0x80060882',
    "The version of the existing record doesn't match the RowVersion property provided.",
  )
}

export function duplicateFound(): DataverseError {
  return new DataverseError(
    412,
    '0x80040333',
    'A record was not created or updated because a duplicate of the current record already exists.',
  )
}

export function deadlock(): DataverseError {
  return new DataverseError(
    500,
    '0x80044150',
    ' Sql error: Generic SQL error. CRM ErrorCode: -2147204784 Sql ErrorCode: -2146232060 Sql Number: 1205',
  )
}

export type ThrottleCode = '0x80072321' | '0x80072322' | '0x80072326'

const THROTTLE_MESSAGES: Record<ThrottleCode, string> = {
  '0x80072321':
    'Combined execution time of incoming requests exceeded limit of 1,200,000 milliseconds over time window of 300 seconds. Decrease number of concurrent requests or reduce the duration of requests and try again later.',
  '0x80072322': 'Number of requests exceeded the limit of 6000 over time window of 300 seconds.',
  '0x80072326': 'Number of concurrent requests exceeded the limit of 52.',
}

/** `retryAfter` is sent as it is: seconds, or an HTTP date. */
export function throttled(code: ThrottleCode, retryAfter: string): DataverseError {
  return new DataverseError(429, code, THROTTLE_MESSAGES[code], { 'Retry-After': retryAfter })
}

export function trackingOff(table: string): DataverseError {
  return new DataverseError(400, '0x80072491', `Change tracking is not enabled for entity ${table}.`)
}

export function notWithTracking(option: string): DataverseError {
  return uriError(`The "${option}" query parameter isn't supported when Change Tracking is enabled.`)
}

/** The delta token is too old, or the table was changed since. The documents name no status. */
export function expiredToken(status: number): DataverseError {
  return new DataverseError(
    status,
    '0x80044352',
    'Version stamp associated with the client has expired. Please perform a full sync.',
  )
}

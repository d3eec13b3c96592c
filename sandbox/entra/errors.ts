import { randomUUID } from 'node:crypto'

export interface TokenError {
  status: number
  error: string
  code: number
  description: string
  suberror?: string
}

export const invalidSecret = (clientId: string): TokenError => ({
  status: 401,
  error: 'invalid_client',
  code: 7000215,
  description: `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${clientId}'.`,
})

export const unknownApplication = (clientId: string, tenant: string): TokenError => ({
  status: 400,
  error: 'unauthorized_client',
  code: 700016,
  description: `Application with identifier '${clientId}' was not found in the directory '${tenant}'.`,
})

export const unknownTenant = (tenant: string): TokenError => ({
  status: 400,
  error: 'invalid_request',
  code: 90002,
  description: `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.`,
})

export const unknownResource = (resource: string): TokenError => ({
  status: 400,
  error: 'invalid_resource',
  code: 500011,
  description: `The resource principal named ${resource} was not found in the tenant.`,
})

export const invalidScope = (scope: string): TokenError => ({
  status: 400,
  error: 'invalid_scope',
  code: 1002012,
  description: `The provided value for scope ${scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier.`,
})

export const badAssertion = (reason: string): TokenError => ({
  status: 401,
  error: 'invalid_client',
  code: 700027,
  description: `The certificate with identifier used to sign the client assertion is not registered on application, or the assertion is not valid: ${reason}.`,
})

/** Of an assertion, by the clock of Entra. */
export const outOfTime = (): TokenError => ({
  status: 401,
  error: 'invalid_client',
  code: 700024,
  description: 'Client assertion is not within its valid time range.',
})

/** Any other refusal of the vendor's list, for a bend. */
export const refusedAs = (code: number, error: string, status: number): TokenError => ({
  status,
  error,
  code,
  description: 'The request is refused.',
})

export const missingCredential = (): TokenError => ({
  status: 401,
  error: 'invalid_client',
  code: 7000218,
  description:
    "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
})

export const wrongPassword = (): TokenError => ({
  status: 400,
  error: 'invalid_grant',
  code: 50126,
  description: 'Error validating credentials due to invalid username or password.',
})

export const unsupportedGrant = (grant: string): TokenError => ({
  status: 400,
  error: 'unsupported_grant_type',
  code: 70003,
  description: `The app requested an unsupported grant type '${grant}'.`,
})

export const throttled = (): TokenError => ({
  status: 429,
  error: 'temporarily_unavailable',
  code: 90055,
  description: 'The server has terminated the request because it received too many requests.',
})

export const transient = (status: number): TokenError => ({
  status,
  error: 'temporarily_unavailable',
  code: 90033,
  description: 'A transient error has occurred. Please try again.',
})

/** The error body as the token endpoint writes it. */
export function errorBody(failure: TokenError): Record<string, unknown> {
  const timestamp = new Date()
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z')
  const [trace, correlation] = [randomUUID(), randomUUID()]
  return {
    error: failure.error,
    error_description: `AADSTS${failure.code}: ${failure.description} Trace ID: ${trace} Correlation ID: ${correlation} Timestamp: ${timestamp}`,
    error_codes: [failure.code],
    timestamp,
    trace_id: trace,
    correlation_id: correlation,
    error_uri: `https://login.microsoftonline.com/error?code=${failure.code}`,
    ...(failure.suberror === undefined ? {} : { suberror: failure.suberror }),
  }
}

import type { Tokens } from '../entra/tokens.ts'
import { DataverseError } from './errors.ts'
import type { Organisation } from './organisation.ts'

/** The user behind a bearer token, or why there is none. */
export type Caller = { userId: string } | { refusal: DataverseError }

export function identify(
  organisation: Organisation,
  tokens: Tokens,
  tenantUrl: string,
  authorization: string | undefined,
): Caller {
  const token = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1]
  const { state, subject } = token ? tokens.look(token, organisation.origin) : { state: 'unknown' as const }
  if (state !== 'valid' || !subject) return { refusal: unauthorized(organisation, tenantUrl) }
  const { rows } = organisation
  const [userId] =
    subject.kind === 'application'
      ? rows.idsBy('systemuser', 'applicationid', subject.clientId)
      : rows.idsBy('systemuser', 'domainname', subject.userName)
  if (userId === undefined || rows.get('systemuser', userId)?.values.get('isdisabled') === true) {
    return { refusal: new DataverseError(403, '0x80072560', 'The user is not a member of the organization.') }
  }
  return { userId }
}

/** The challenge has a comma between its two parts, as recorded. */
export function unauthorized(organisation: Organisation, tenantUrl: string): DataverseError {
  return new DataverseError(401, '0x80040204', 'Invalid user authentication.', {
    'WWW-Authenticate': `Bearer authorization_uri=${tenantUrl}/oauth2/authorize, resource_id=${organisation.origin}/`,
  })
}

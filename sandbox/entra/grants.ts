import { constants, verify, type X509Certificate } from 'node:crypto'
import {
  badAssertion,
  invalidScope,
  invalidSecret,
  missingCredential,
  outOfTime,
  type TokenError,
  unknownApplication,
  unknownResource,
  unsupportedGrant,
  wrongPassword,
} from './errors.ts'
import type { Subject } from './tokens.ts'

export interface Directory {
  tenant: string
  tokenEndpoint: string
  /** Client id to secret. */
  applications: ReadonlyMap<string, string>
  /** Sign-in name to password. */
  people: ReadonlyMap<string, string>
  /** Trusted for every application. */
  certificates: readonly X509Certificate[]
  /** Audiences that tokens are issued for. */
  resources: ReadonlySet<string>
}

export interface Grant {
  subject: Subject
  audience: string
  clientId: string
}

export type GrantKind = 'client_secret' | 'client_assertion' | 'password' | 'other'

export function kindOf(form: URLSearchParams): GrantKind {
  if (form.get('grant_type') === 'password') return 'password'
  if (form.has('client_assertion')) return 'client_assertion'
  return form.has('client_secret') ? 'client_secret' : 'other'
}

/** Decides a token request. `now` in seconds since the epoch. */
export function decide(directory: Directory, form: URLSearchParams, now: number): Grant | TokenError {
  const clientId = form.get('client_id') ?? ''
  const secret = directory.applications.get(clientId)
  if (secret === undefined) return unknownApplication(clientId, directory.tenant)
  const scope = form.get('scope') ?? ''
  const resource = /(?:^|\s)(\S+)\/\.default(?:\s|$)/.exec(scope)?.[1]
  if (resource === undefined) return invalidScope(scope)
  // A resource may be written with a trailing slash, which leaves two before `.default`.
  const audience = resource.replace(/\/$/, '')
  if (!directory.resources.has(audience)) return unknownResource(resource)

  const grantType = form.get('grant_type') ?? ''
  if (grantType === 'password') {
    const userName = form.get('username') ?? ''
    const password = directory.people.get(userName)
    if (password === undefined || password !== form.get('password')) return wrongPassword()
    return { subject: { kind: 'person', userName }, audience, clientId }
  }
  if (grantType !== 'client_credentials') return unsupportedGrant(grantType)
  const failure = checkCredential(directory, form, clientId, secret, now)
  return failure ?? { subject: { kind: 'application', clientId }, audience, clientId }
}

function checkCredential(
  directory: Directory,
  form: URLSearchParams,
  clientId: string,
  secret: string,
  now: number,
): TokenError | undefined {
  const assertion = form.get('client_assertion')
  if (assertion !== null) {
    const type = form.get('client_assertion_type')
    if (type !== 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer') return badAssertion('unknown type')
    return checkAssertion(directory, assertion, clientId, now)
  }
  if (!form.has('client_secret')) return missingCredential()
  return form.get('client_secret') === secret ? undefined : invalidSecret(clientId)
}

const CLOCK_SKEW_SECONDS = 300

/** "Certificate credentials for application authentication": PS256, aud, iss, sub, exp, nbf. */
function checkAssertion(
  directory: Directory,
  jwt: string,
  clientId: string,
  now: number,
): TokenError | undefined {
  const [head, payload, signature, ...rest] = jwt.split('.')
  if (!head || !payload || !signature || rest.length > 0) return badAssertion('not a JWT')
  const header = decodePart(head)
  const claims = decodePart(payload)
  if (header?.alg !== 'PS256') return badAssertion('alg is not PS256')
  const thumbprint = header['x5t#S256']
  const certificate = directory.certificates.find((trusted) => sha256Thumbprint(trusted) === thumbprint)
  if (!certificate) return badAssertion('unknown certificate')
  const key = {
    key: certificate.publicKey,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
  }
  const genuine = verify(
    'sha256',
    Buffer.from(`${head}.${payload}`),
    key,
    Buffer.from(signature, 'base64url'),
  )
  if (!genuine) return badAssertion('wrong signature')
  if (claims?.iss !== clientId || claims.sub !== clientId)
    return badAssertion('iss and sub must be the client id')
  if (claims.aud !== directory.tokenEndpoint) return badAssertion('wrong audience')
  if (typeof claims.exp !== 'number' || claims.exp < now - CLOCK_SKEW_SECONDS) return outOfTime()
  if (typeof claims.nbf === 'number' && claims.nbf > now + CLOCK_SKEW_SECONDS) return outOfTime()
  return undefined
}

function sha256Thumbprint(certificate: X509Certificate): string {
  return Buffer.from(certificate.fingerprint256.replaceAll(':', ''), 'hex').toString('base64url')
}

function decodePart(part: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof parsed === 'object' && parsed !== null
      ? Object.fromEntries(Object.entries(parsed))
      : undefined
  } catch {
    return undefined
  }
}

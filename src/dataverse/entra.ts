import { createPrivateKey, X509Certificate } from 'node:crypto'
import {
  type AuthenticationResult,
  ConfidentialClientApplication,
  type INetworkModule,
  ManagedIdentityApplication,
  type NetworkRequestOptions,
  type NetworkResponse,
  type NodeAuthOptions,
  PublicClientApplication,
} from '@azure/msal-node'
import type { Dispatcher } from 'undici'
import { withDeadline } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { Busy, Unauthorized, Unavailable } from '../errors.ts'
import { exchange, type WireReply } from '../exchange.ts'
import { asObject, asString, type JsonObject, parseObject } from '../json.ts'
import { causeCode, type Log } from '../log.ts'
import { retryAfterMs } from '../retry.ts'
import type { DataverseSettings } from './settings.ts'
import type { AcquireToken } from './token.ts'

export type Credential =
  | { kind: 'secret'; secret: string }
  /** PEM text that holds the certificate and its private key. */
  | { kind: 'certificate'; pem: string }
  /** `clientId` names a user-assigned identity; without it the system-assigned one is used. */
  | { kind: 'managed-identity'; clientId?: string }
  /** Resource owner password: Microsoft is retiring it, and it fails where MFA is required. */
  | { kind: 'password'; username: string; password: string }

export interface EntraOptions {
  /** Origin, such as https://login.microsoftonline.com; plain http is for loopback. */
  authority: string
  tenant: string
  clientId: string
  credential: Credential
  /** Origin of the Dataverse organisation: the scope is derived from it. */
  resource: string
}

/**
 * One msal application object for each token. msal's throttle locks an object for a minute after a 5xx, and
 * its cache repeats tokens that Dataverse has refused; a new object has neither. Tokens live for an hour, so
 * the object's price does not matter. Throws an Error with a sentence when the certificate is unusable.
 */
export function createMsal(
  entra: EntraOptions,
  parts: { dispatcher: Dispatcher; settings: DataverseSettings; clock: Clock; log: Log },
): AcquireToken {
  const ask = asker(entra)
  return async (signal) => {
    const wire = createEntraWire({ ...parts, signal })
    const result = await ask(wire).catch((cause: unknown) => {
      throw wire.failure() ?? new Unavailable('msal gives no token', { cause })
    })
    const expiresAtMs = result?.expiresOn?.getTime()
    // msal turns a reply of {} into a result with an empty token that never expires.
    if (!result?.accessToken || expiresAtMs === undefined) {
      throw wire.failure() ?? new Unavailable('Entra answered without a token')
    }
    const { clock } = parts
    // msal counts the token's life from what the machine's clock says at this moment.
    return { text: result.accessToken, expiresAtMs: clock.now() + (expiresAtMs - clock.wall()) }
  }
}

type Ask = (wire: EntraWire) => Promise<AuthenticationResult | null>

function asker(entra: EntraOptions): Ask {
  const { credential } = entra
  const scopes = [`${entra.resource}/.default`]
  const auth = authority(entra)
  switch (credential.kind) {
    case 'secret':
      return byClient({ ...auth, clientSecret: credential.secret }, scopes)
    case 'certificate':
      return byClient({ ...auth, clientCertificate: certificate(credential.pem) }, scopes)
    case 'managed-identity': {
      const { clientId } = credential
      const identity = clientId === undefined ? {} : { userAssignedClientId: clientId }
      return (networkClient) =>
        new ManagedIdentityApplication({
          managedIdentityIdParams: identity,
          system: { networkClient, disableInternalRetries: true },
        }).acquireToken({ resource: entra.resource, forceRefresh: true })
    }
    case 'password': {
      const { username, password } = credential
      return (networkClient) =>
        new PublicClientApplication({ auth, system: { networkClient } }).acquireTokenByUsernamePassword({
          scopes,
          username,
          password,
        })
    }
    default:
      return credential satisfies never
  }
}

function byClient(auth: NodeAuthOptions, scopes: string[]): Ask {
  return (networkClient) =>
    new ConfidentialClientApplication({ auth, system: { networkClient } }).acquireTokenByClientCredential({
      scopes,
    })
}

/**
 * Endpoints are given rather than discovered: one POST a token, the same in every cloud, and the only way to
 * reach an authority without TLS, since msal insists on an https name for it.
 */
function authority({ authority: origin, tenant, clientId }: EntraOptions): NodeAuthOptions {
  const { host } = new URL(origin)
  const base = `${origin}/${encodeURIComponent(tenant)}`
  return {
    clientId,
    authority: `https://${host}/${encodeURIComponent(tenant)}`,
    knownAuthorities: [host],
    authorityMetadata: JSON.stringify({
      authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
      token_endpoint: `${base}/oauth2/v2.0/token`,
      issuer: `${base}/v2.0`,
      jwks_uri: `${base}/discovery/v2.0/keys`,
    }),
  }
}

function certificate(pem: string) {
  try {
    const thumbprintSha256 = new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase()
    const privateKey = createPrivateKey(pem).export({ type: 'pkcs8', format: 'pem' }).toString()
    return { thumbprintSha256, privateKey }
  } catch (cause) {
    throw new Error('ENTRA_CLIENT_CERTIFICATE must hold a certificate and its private key, both as PEM', {
      cause,
    })
  }
}

interface EntraWire extends INetworkModule {
  /** What the last reply was, in our words; msal's own errors lose the cause. */
  failure(): Unauthorized | Busy | Unavailable | undefined
}

/** msal's network client on undici, with the time-out that msal lacks; made for one token. */
function createEntraWire(options: {
  dispatcher: Dispatcher
  settings: DataverseSettings
  clock: Clock
  log: Log
  signal: AbortSignal
}): EntraWire {
  const { dispatcher, settings, clock, log, signal } = options
  let failure: Unauthorized | Busy | Unavailable | undefined

  const send = async <T>(
    method: 'GET' | 'POST',
    url: string,
    request: NetworkRequestOptions = {},
  ): Promise<NetworkResponse<T>> => {
    const { origin, pathname, search } = new URL(url)
    const startedAt = clock.now()
    const { body, headers = {} } = request
    const reply = await withDeadline(clock, settings.tokenTimeoutMs, signal, (overall) =>
      exchange(
        dispatcher,
        { origin, path: pathname + search, method, headers, ...(body === undefined ? {} : { body }) },
        overall,
      ),
    ).catch((cause: unknown) => {
      log.warn({ event: 'entra-no-answer', ms: clock.now() - startedAt, cause: causeCode(cause) })
      failure = new Unavailable('Entra does not answer', { cause })
      throw failure
    })
    log.debug({ event: 'entra-call', status: reply.status, ms: clock.now() - startedAt })
    failure = failureOf(reply, clock.wall(), settings)
    // msal goes on with every reply: Azure Arc's identity endpoint answers 401 without a body as a challenge.
    const parsed: T = JSON.parse(parseObject(reply.body) === undefined ? '{}' : reply.body)
    return { status: reply.status, headers: challenge(reply), body: parsed }
  }

  return {
    sendGetRequestAsync: (url, request) => send('GET', url, request),
    sendPostRequestAsync: (url, request) => send('POST', url, request),
    failure: () => failure,
  }
}

function challenge(reply: WireReply): Record<string, string> {
  const value = reply.header('www-authenticate')
  return value === undefined ? {} : { 'www-authenticate': value }
}

function failureOf(reply: WireReply, wallMs: number, settings: DataverseSettings) {
  const { status } = reply
  const told = retryAfterMs(reply.header('retry-after'), reply.header('date'), wallMs)
  if (status === 429 || (told !== undefined && status >= 400)) {
    const waitMs = Math.max(settings.retryAfterMinMs, told ?? settings.retryAfterDefaultMs)
    return new Busy('Entra asks to wait', waitMs)
  }
  const body = parseObject(reply.body)
  if (status >= 500 || body === undefined) {
    return new Unavailable(`no usable answer from Entra: HTTP ${status}`)
  }
  return status >= 400 ? entraError(status, body) : undefined
}

interface Explanation {
  code: string
  advice: string
  /** The digits of AADSTS codes. */
  numbers: readonly number[]
}

/** Source: Microsoft Learn, "Microsoft Entra authentication and authorization error codes", by meaning. */
const listed: readonly Explanation[] = [
  {
    code: 'entra-secret-wrong',
    advice: "Set ENTRA_CLIENT_SECRET to the secret's value, not its id, of the app registration.",
    numbers: [7000215, 70002],
  },
  {
    code: 'entra-secret-expired',
    advice: 'Create a new client secret in the app registration and set ENTRA_CLIENT_SECRET.',
    numbers: [7000222],
  },
  {
    code: 'entra-certificate-unknown',
    advice: 'Upload the certificate of ENTRA_CLIENT_CERTIFICATE to the app registration.',
    numbers: [700027, 50012, 700021, 700030],
  },
  {
    code: 'entra-clock-wrong',
    advice: "Correct this machine's clock: Entra accepts signatures only within minutes of its own time.",
    numbers: [700024, 50013, 500133, 700023],
  },
  {
    code: 'entra-app-not-found',
    advice: 'Check ENTRA_CLIENT_ID and ENTRA_TENANT_ID: this tenant has no such app registration.',
    numbers: [700016, 70001, 7000229],
  },
  {
    code: 'entra-app-disabled',
    advice: 'Enable sign-in for the app in Entra (Enterprise applications, Properties).',
    numbers: [7000112, 7000110],
  },
  {
    code: 'entra-app-not-assigned',
    advice: 'Assign the user or app to the enterprise application, or do not require an assignment there.',
    numbers: [50105, 501051],
  },
  {
    code: 'entra-consent-missing',
    advice: 'Let an administrator consent to the app in this tenant.',
    numbers: [65001, 650052, 650057, 90094],
  },
  {
    code: 'entra-public-client-off',
    advice:
      'Allow public client flows in the app registration (Authentication), or use a secret or certificate.',
    numbers: [7000218, 7000216],
  },
  {
    code: 'entra-tenant-not-found',
    advice: 'Check ENTRA_TENANT_ID, and ENTRA_AUTHORITY if the tenant lives in a national cloud.',
    numbers: [90002, 50059, 900021, 900023, 900971],
  },
  {
    code: 'entra-tenant-blocked',
    advice: 'Entra has blocked this tenant: its administrator must have Microsoft unblock it.',
    numbers: [5000224, 5000225],
  },
  {
    code: 'entra-organisation-unknown',
    advice: 'Check DATAVERSE_URL: this tenant knows no organisation at that address.',
    numbers: [500011, 500014],
  },
  {
    code: 'entra-scope-invalid',
    advice: 'DATAVERSE_URL must be the bare origin, without a path.',
    numbers: [1002012, 70011, 28002, 28003],
  },
  {
    code: 'conditional-access',
    advice:
      'Exclude this service from the conditional access policy, or let it call from an allowed location.',
    numbers: [53003, 53000, 53001, 53002, 53004, 53009, 53011, 530003, 530034, 530035, 50097, 50131, 50158],
  },
  {
    code: 'entra-user-not-found',
    advice: 'Check ENTRA_USERNAME: this tenant has no such user.',
    numbers: [50034, 50020, 51004],
  },
  {
    code: 'entra-user-disabled',
    advice: 'Enable the user of ENTRA_USERNAME in Entra, or use a secret or a certificate.',
    numbers: [50057, 50135],
  },
  {
    code: 'entra-user-locked',
    advice: 'Entra has locked the user after wrong passwords: wait, then check ENTRA_PASSWORD.',
    numbers: [50053],
  },
  {
    code: 'entra-password-expired',
    advice: 'Give the user a new password and set ENTRA_PASSWORD, or use a secret or a certificate.',
    numbers: [50055, 50144, 50173],
  },
  {
    code: 'entra-password-wrong',
    advice: 'Check ENTRA_USERNAME and ENTRA_PASSWORD.',
    numbers: [50126, 50056],
  },
  {
    code: 'entra-mfa-required',
    advice: 'This user must use multi-factor authentication: use a secret, certificate or managed identity.',
    numbers: [50072, 50074, 50076, 50079],
  },
]

const explanations: ReadonlyMap<unknown, Explanation> = new Map(
  listed.flatMap((one) => one.numbers.map((number) => [number, one] as const)),
)

/** Entra says that the same may work later. */
const TRANSIENT: ReadonlySet<unknown> = new Set([90006, 90024, 90033, 90055, 50196])

/**
 * Turns a JSON error of the token endpoint (status below 500, not 429) into ours.
 * The description is dropped: it names the application and sometimes the user.
 */
function entraError(status: number, body: JsonObject): Unauthorized | Unavailable {
  const error = asString(body.error) ?? asString(asObject(body.error)?.code)
  if (error === undefined) return new Unavailable(`no usable answer from Entra: HTTP ${status}`)
  if (error === 'temporarily_unavailable')
    return new Unavailable(`Entra is temporarily unavailable: ${error}`)
  const number = Array.isArray(body.error_codes) ? body.error_codes.find(Number.isInteger) : undefined
  if (TRANSIENT.has(number)) return new Unavailable(`Entra is temporarily unavailable: AADSTS${number}`)
  const { code, advice } = explanations.get(number) ?? {
    code: 'entra-refused',
    advice:
      'Check the ENTRA_ settings against the app registration; the vendor code says what Entra refuses.',
  }
  const vendorCode = number === undefined ? error.slice(0, 100) : `AADSTS${number}`
  return new Unauthorized(`Entra rejects the credential: ${code}`, { code, advice, vendorCode })
}

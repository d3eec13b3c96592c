import { createPrivateKey, X509Certificate } from 'node:crypto'
import {
  type AuthenticationResult,
  ConfidentialClientApplication,
  ManagedIdentityApplication,
  type NodeAuthOptions,
  PublicClientApplication,
} from '@azure/msal-node'
import type { Dispatcher } from 'undici'
import type { Clock } from '../clock.ts'
import { Unavailable } from '../errors.ts'
import type { Log } from '../event-log.ts'
import { createEntraWire, type EntraWire } from './entra-wire.ts'
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

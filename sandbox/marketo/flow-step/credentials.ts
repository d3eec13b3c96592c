import { type Bounds, exchange, type Sent } from './exchange.ts'
import { at, isText } from './look.ts'
import type { Scheme } from './security.ts'

/** What an admin types in for a service. */
export type Credentials =
  | { kind: 'apiKey'; key: string }
  | { kind: 'basic'; user: string; password: string }
  | { kind: 'oauth2'; clientId: string; clientSecret: string }

/** Adds the proof to a call. Rejects with a sentence when there is none to be had. */
export type Sign = (sent: Sent, bounds: Bounds) => Promise<Sent>

/** A sentence when the credentials are of another kind than Marketo would ask for. */
export function signWith(scheme: Scheme, credentials: Credentials): Sign | string {
  if (scheme.kind === 'apiKey' && credentials.kind === 'apiKey') {
    return async (sent) => withKey(sent, scheme, credentials.key)
  }
  if (scheme.kind === 'basic' && credentials.kind === 'basic') {
    const pair = Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')
    return async (sent) => withHeader(sent, 'authorization', `Basic ${pair}`)
  }
  if (scheme.kind === 'oauth2' && credentials.kind === 'oauth2') {
    if (scheme.grantType === 'authorization_code') {
      return 'Marketo would use the authorization code flow, which takes a browser: the sandbox has none'
    }
    return async (sent, bounds) =>
      withHeader(sent, 'authorization', `Bearer ${await requestToken(scheme, credentials, bounds)}`)
  }
  return `Marketo uses the first scheme, ${scheme.kind}: credentials of the kind ${credentials.kind} do not go with it`
}

function withHeader(sent: Sent, name: string, value: string): Sent {
  return { ...sent, headers: { ...sent.headers, [name]: value } }
}

function withKey(sent: Sent, scheme: Extract<Scheme, { kind: 'apiKey' }>, key: string): Sent {
  switch (scheme.in) {
    case 'header':
      return withHeader(sent, scheme.name, key)
    case 'cookie':
      return withHeader(sent, 'cookie', `${scheme.name}=${encodeURIComponent(key)}`)
    case 'query': {
      const url = new URL(sent.url)
      url.searchParams.set(scheme.name, key)
      return { ...sent, url: url.href }
    }
    default:
      return scheme.in satisfies never
  }
}

/** Client credentials, RFC 6749, under the names that the document gives to its parameters; a token for each call. */
async function requestToken(
  { tokenUrl, grantType, idName, secretName }: Extract<Scheme, { kind: 'oauth2' }>,
  { clientId, clientSecret }: Extract<Credentials, { kind: 'oauth2' }>,
  bounds: Bounds,
): Promise<string> {
  const form = new URLSearchParams({
    grant_type: grantType,
    [idName]: clientId,
    [secretName]: clientSecret,
  })
  const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' }
  const body = Buffer.from(form.toString())
  const { status, body: answer } = await exchange({ method: 'POST', url: tokenUrl, headers, body }, bounds)
  const token = at(parsed(answer), ['access_token'])
  if (status !== 200 || !isText(token)) throw new Error(`the token endpoint gave no token, status ${status}`)
  return token
}

function parsed(answer: Buffer): unknown {
  try {
    return JSON.parse(answer.toString('utf8'))
  } catch {
    return undefined
  }
}

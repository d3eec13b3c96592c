import { randomUUID, X509Certificate } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { listen, readText } from '../listen.ts'
import { errorBody, refusedAs, type TokenError, throttled, transient, unknownTenant } from './errors.ts'
import { decide, type Grant, type GrantKind, kindOf } from './grants.ts'
import { Tokens } from './tokens.ts'

interface TokenRequest {
  at: number
  grant: GrantKind
  clientId: string
  /** 0 = no answer was given. */
  status: number
}

/** For exactly the next token request. */
type EntraBend =
  | { kind: 'error'; status: number; body?: unknown }
  /** `code` is the number of an AADSTS code: 53003 conditional access, 7000112 disabled app, 50034 missing user, … */
  | { kind: 'aadsts'; code: number; error?: string; status?: number }
  | { kind: 'hang' }
  | { kind: 'html' }
  | { kind: 'empty-token' }
  | { kind: 'throttle'; retryAfter: string }

export interface EntraSandbox {
  url: string
  tenantId: string
  /** Has an application user in Dataverse. */
  application: { clientId: string; clientSecret: string }
  /** A good app registration without an application user: Dataverse answers 403 to its tokens. */
  stranger: { clientId: string; clientSecret: string }
  /** For the password grant. */
  person: { userName: string; password: string }
  tokenRequests: readonly TokenRequest[]
  bend(how: EntraBend): void
  /** Forgets the bends that still wait. */
  unbend(): void
  /** Dataverse answers 401 until a fresh token comes. */
  revokeTokens(): void
  /** PEM of a certificate whose PS256 assertions are accepted. */
  trustCertificate(pem: string): void
  /** Seconds; for tokens issued from now on. */
  setTokenLifetime(seconds: number): void
  /** Forgets requests and bends; tokens stay good. */
  reset(): void
}

export interface RunningEntra {
  sandbox: EntraSandbox
  tokens: Tokens
  /** Origins that tokens may be asked for. */
  resources: Set<string>
  close(): Promise<void>
}

export async function startEntra(host: string, port: number, lifetimeSeconds: number): Promise<RunningEntra> {
  const entra = new Entra(lifetimeSeconds)
  const listening = await listen((request, response) => void entra.handle(request, response), host, port)
  entra.url = listening.url
  return { sandbox: entra, tokens: entra.tokens, resources: entra.resources, close: listening.close }
}

class Entra implements EntraSandbox {
  url = ''
  readonly tenantId = 'b1d6a3c0-58e1-4f0e-9d5b-6a2f3b9e7c10'
  readonly application = {
    clientId: '6f9c1b52-3a77-4f5e-8a55-1f4c2e7d9a01',
    clientSecret: 'sandbox~client.secret-not-a-real-one',
  }
  readonly stranger = {
    clientId: '6f9c1b52-3a77-4f5e-8a55-1f4c2e7d9a02',
    clientSecret: 'sandbox~stranger.secret-not-a-real-one',
  }
  readonly person = { userName: 'sam.sales@contoso.example', password: 'sandbox-password' }
  readonly tokenRequests: TokenRequest[] = []
  readonly tokens = new Tokens()
  readonly resources = new Set<string>()
  readonly #bends: EntraBend[] = []
  readonly #certificates: X509Certificate[] = []
  #lifetimeSeconds: number

  constructor(lifetimeSeconds: number) {
    this.#lifetimeSeconds = lifetimeSeconds
  }

  bend(how: EntraBend): void {
    this.#bends.push(how)
  }

  revokeTokens(): void {
    this.tokens.revokeAll()
  }

  trustCertificate(pem: string): void {
    this.#certificates.push(new X509Certificate(pem))
  }

  setTokenLifetime(seconds: number): void {
    this.#lifetimeSeconds = seconds
  }

  unbend(): void {
    this.#bends.length = 0
  }

  reset(): void {
    this.tokenRequests.length = 0
    this.unbend()
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readText(request)
    if (body === undefined) {
      request.destroy()
      return
    }
    const [pathname = '/'] = (request.url ?? '/').split('?')
    const [, tenant = '', ...rest] = pathname.split('/')
    if (request.method === 'POST' && rest.join('/') === 'oauth2/v2.0/token')
      this.#token(tenant, body, response)
    else send(response, this.#document(tenant, pathname, rest.join('/')))
  }

  #document(tenant: string, pathname: string, path: string): Answer {
    if (path === 'v2.0/.well-known/openid-configuration')
      return { status: 200, body: this.#configuration(tenant) }
    if (path === 'discovery/v2.0/keys') return { status: 200, body: { keys: [] } }
    if (pathname === '/common/discovery/instance') return { status: 200, body: this.#discovery(tenant) }
    return { status: 404, body: { error: 'not_found' } }
  }

  #token(tenant: string, body: string, response: ServerResponse): void {
    const form = new URLSearchParams(body)
    const bend = this.#bends.shift()
    const answer = bend ? bent(bend) : this.#answer(tenant, form)
    const clientId = form.get('client_id') ?? ''
    this.tokenRequests.push({ at: Date.now(), grant: kindOf(form), clientId, status: answer?.status ?? 0 })
    if (answer) send(response, answer)
  }

  #answer(tenant: string, form: URLSearchParams): Answer {
    const decision = this.#decide(tenant, form)
    if ('status' in decision) return { status: decision.status, body: errorBody(decision) }
    return { status: 200, body: this.#grant(decision, form) }
  }

  #decide(tenant: string, form: URLSearchParams): Grant | TokenError {
    if (tenant !== this.tenantId) return unknownTenant(tenant)
    const directory = {
      tenant,
      tokenEndpoint: `${this.url}/${tenant}/oauth2/v2.0/token`,
      applications: new Map([this.application, this.stranger].map((app) => [app.clientId, app.clientSecret])),
      people: new Map([[this.person.userName, this.person.password]]),
      certificates: this.#certificates,
      resources: this.resources,
    }
    return decide(directory, form, Math.floor(Date.now() / 1000))
  }

  #grant(grant: Grant, form: URLSearchParams): Record<string, unknown> {
    const token = this.tokens.issue(grant.subject, grant.audience, this.#lifetimeSeconds)
    const reply = {
      token_type: 'Bearer',
      expires_in: this.#lifetimeSeconds,
      ext_expires_in: this.#lifetimeSeconds,
      access_token: token,
    }
    if (grant.subject.kind === 'application') return reply
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const claims = {
      aud: grant.clientId,
      oid: randomUUID(),
      tid: this.tenantId,
      preferred_username: grant.subject.userName,
    }
    const withClient =
      form.get('client_info') === '1' ? { client_info: part({ uid: claims.oid, utid: claims.tid }) } : {}
    return {
      ...reply,
      scope: form.get('scope'),
      id_token: `${part({ alg: 'none' })}.${part(claims)}.`,
      ...withClient,
    }
  }

  #configuration(tenant: string): Record<string, unknown> {
    return {
      issuer: `${this.url}/${tenant}/v2.0`,
      authorization_endpoint: `${this.url}/${tenant}/oauth2/v2.0/authorize`,
      token_endpoint: `${this.url}/${tenant}/oauth2/v2.0/token`,
      jwks_uri: `${this.url}/${tenant}/discovery/v2.0/keys`,
      token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt'],
      response_types_supported: ['code', 'id_token', 'code id_token', 'id_token token'],
      subject_types_supported: ['pairwise'],
    }
  }

  #discovery(tenant: string): Record<string, unknown> {
    const { host } = new URL(this.url)
    return {
      tenant_discovery_endpoint: `${this.url}/${tenant}/v2.0/.well-known/openid-configuration`,
      'api-version': '1.1',
      metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
    }
  }
}

interface Answer {
  status: number
  /** A string is sent as HTML. */
  body: unknown
  headers?: Record<string, string>
}

/** undefined = no answer ever. */
function bent(bend: EntraBend): Answer | undefined {
  switch (bend.kind) {
    case 'hang':
      return undefined
    case 'html':
      return { status: 502, body: '<html><body><h1>502 Bad Gateway</h1></body></html>' }
    case 'empty-token':
      return { status: 200, body: {} }
    case 'throttle':
      return { status: 429, body: errorBody(throttled()), headers: { 'Retry-After': bend.retryAfter } }
    case 'aadsts': {
      const { code, error = 'invalid_grant', status = 400 } = bend
      return { status, body: errorBody(refusedAs(code, error, status)) }
    }
    case 'error':
      return { status: bend.status, body: bend.body ?? errorBody(transient(bend.status)) }
    default:
      return bend satisfies never
  }
}

function send(response: ServerResponse, { status, body, headers = {} }: Answer): void {
  const isHtml = typeof body === 'string'
  response.writeHead(status, {
    'Content-Type': isHtml ? 'text/html' : 'application/json; charset=utf-8',
    'Cache-Control': 'no-store, no-cache',
    'x-ms-request-id': randomUUID(),
    ...headers,
  })
  response.end(isHtml ? body : JSON.stringify(body))
}

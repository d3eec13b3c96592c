import { randomUUID } from 'node:crypto'
import type { Reply } from '../outcome.ts'
import { json } from './envelope.ts'
import { type MarketoError, marketoError } from './errors.ts'

interface Token {
  value: string
  expiresAt: number
}

const NO_STORE = { 'Cache-Control': 'no-store', Pragma: 'no-cache' }

/** One custom service with one token that all its callers share. Adobe, "Authentication". */
export class Identity {
  readonly clientId = '3c9b6d0e-7f5a-4a51-b2c4-8e1d0a6f7b23'
  readonly clientSecret = 'sandboxMarketoSecretNotARealOne0'
  readonly #lifetimeSeconds: number
  /** The one to hand out, and those that ran out and were not shown since. */
  #current: Token | undefined
  readonly #expired = new Set<string>()

  constructor(lifetimeSeconds: number) {
    this.#lifetimeSeconds = lifetimeSeconds
  }

  /** Asked again, the same token with what is left of its life. */
  grant(query: URLSearchParams): Reply {
    const refused = this.#refusal(query)
    if (refused) return refused
    this.#retire()
    this.#current ??= {
      value: `${randomUUID()}:ab`,
      expiresAt: Date.now() + this.#lifetimeSeconds * 1000,
    }
    const body = {
      access_token: this.#current.value,
      token_type: 'bearer',
      // A token of 3600 s is seen as 3599 by its first caller.
      expires_in: Math.max(0, Math.floor((this.#current.expiresAt - Date.now() - 1) / 1000)),
      scope: 'sync.person@sandbox.example',
    }
    return json(200, body, NO_STORE)
  }

  /** `authorization` is the header as it came; a token in the query is not looked at any more. */
  check(authorization: string | undefined): MarketoError | undefined {
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) return marketoError('600')
    this.#retire()
    if (token === this.#current?.value) return undefined
    return this.#expired.delete(token) ? marketoError('602') : marketoError('601')
  }

  /** The token runs out now: its first use is told 602, every other 601. */
  revoke(): void {
    if (this.#current) this.#current.expiresAt = 0
  }

  #retire(): void {
    if (!this.#current || this.#current.expiresAt > Date.now()) return
    this.#expired.add(this.#current.value)
    this.#current = undefined
  }

  #refusal(query: URLSearchParams): Reply | undefined {
    const grant = query.get('grant_type')
    if (grant !== 'client_credentials') {
      return refuse(400, 'unsupported_grant_type', `Unsupported grant type: ${grant ?? ''}`)
    }
    const clientId = query.get('client_id') ?? ''
    if (clientId !== this.clientId)
      return refuse(401, 'unauthorized', `No client with requested id: ${clientId}`)
    if (query.get('client_secret') !== this.clientSecret) {
      return refuse(401, 'invalid_client', 'Bad client credentials')
    }
    return undefined
  }
}

export function refuse(status: number, error: string, description: string): Reply {
  return json(status, { error, error_description: description }, NO_STORE)
}

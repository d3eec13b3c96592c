import { randomBytes, randomUUID } from 'node:crypto'

/** Who a token speaks for: an app registration by its client id, or a person by the sign-in name. */
export type Subject = { kind: 'application'; clientId: string } | { kind: 'person'; userName: string }

export type TokenState = 'valid' | 'expired' | 'unknown'

interface Issued {
  subject: Subject
  audience: string
  expiresAt: number
}

/** The access tokens that are out. Entra issues, Dataverse looks them up. */
export class Tokens {
  readonly #issued = new Map<string, Issued>()

  /** Shaped like a JWT, as real ones are, with a signature of noise: nobody but the resource may look inside. */
  issue(subject: Subject, audience: string, lifetimeSeconds: number): string {
    const now = Math.floor(Date.now() / 1000)
    const claims = {
      aud: audience,
      iat: now,
      nbf: now,
      exp: now + lifetimeSeconds,
      uti: randomUUID(),
      ver: '1.0',
      ...(subject.kind === 'application'
        ? { appid: subject.clientId, idtyp: 'app' }
        : { upn: subject.userName, idtyp: 'user' }),
    }
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const token = `${part({ typ: 'JWT', alg: 'RS256' })}.${part(claims)}.${randomBytes(64).toString('base64url')}`
    this.#issued.set(token, { subject, audience, expiresAt: Date.now() + lifetimeSeconds * 1000 })
    return token
  }

  look(token: string, audience: string): { state: TokenState; subject?: Subject } {
    const issued = this.#issued.get(token)
    if (issued?.audience !== audience) return { state: 'unknown' }
    if (issued.expiresAt <= Date.now()) return { state: 'expired' }
    return { state: 'valid', subject: issued.subject }
  }

  revokeAll(): void {
    this.#issued.clear()
  }
}

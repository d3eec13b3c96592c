import { createHmac, timingSafeEqual } from 'node:crypto'
import { CLOCK_TOLERANCE_MS } from '../clock.ts'
import type { ApiKey } from './auth.ts'

export const ACCESS_TOKEN_LIFE_SECONDS = 3_600

/** Keeps a signature from being one of anything else that the same secret may sign one day. */
const PURPOSE = 'access-token'
const TOKEN = /^([\w-]+)\.(\d{1,12})\.([\w-]{43})$/

/** A bearer that stands for a key until it expires. Nothing is stored: whoever has the key can check it. */
export function issueAccessToken({ name, secret }: ApiKey, nowMs: number): string {
  const claims = `${Buffer.from(name).toString('base64url')}.${Math.floor(nowMs / 1_000) + ACCESS_TOKEN_LIFE_SECONDS}`
  return `${claims}.${sign(claims, secret).toString('base64url')}`
}

/** The name of the key that a token stands for. A key that is gone takes its tokens along. */
export function readAccessToken(token: string, keys: readonly ApiKey[], nowMs: number): string | undefined {
  const [, name = '', expires = '', signature = ''] = TOKEN.exec(token) ?? []
  if (signature === '') return undefined
  const [key] = keys.filter((one) => Buffer.from(one.name).toString('base64url') === name)
  // An unknown name costs as much as a wrong signature, so that nobody can find out names.
  const isSigned = timingSafeEqual(
    sign(`${name}.${expires}`, key?.secret ?? ''),
    Buffer.from(signature, 'base64url'),
  )
  const leftMs = Number(expires) * 1_000 - nowMs
  // One that lives longer than any is given was issued by a clock that has been set back since.
  const isAlive = leftMs > 0 && leftMs <= ACCESS_TOKEN_LIFE_SECONDS * 1_000 + CLOCK_TOLERANCE_MS
  return key && isSigned && isAlive ? key.name : undefined
}

/** 32 bytes, which are 43 letters of base64url. */
function sign(claims: string, secret: string): Buffer {
  return createHmac('sha256', secret).update(`${PURPOSE}.${claims}`).digest()
}

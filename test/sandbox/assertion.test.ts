import assert from 'node:assert/strict'
import { constants, sign, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { selfSigned } from '../dataverse/self-signed.ts'
import { type Client, connect, postToken } from './client.ts'

type Json = Record<string, unknown>

const { privateKey, certificate } = selfSigned()
const fingerprint = new X509Certificate(certificate).fingerprint256.replaceAll(':', '')

/** A client assertion as "Certificate credentials" has it, with changes. */
function assertion(client: Client, changes: { header?: Json; claims?: Json; padding?: number }): string {
  const { entra } = client.sandbox
  const now = Math.floor(Date.now() / 1000)
  const header = {
    alg: 'PS256',
    typ: 'JWT',
    'x5t#S256': Buffer.from(fingerprint, 'hex').toString('base64url'),
  }
  const claims = {
    aud: `${entra.url}/${entra.tenantId}/oauth2/v2.0/token`,
    iss: entra.application.clientId,
    sub: entra.application.clientId,
    jti: String(Math.random()),
    nbf: now,
    exp: now + 600,
  }
  const part = (value: Json) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const signed = `${part({ ...header, ...changes.header })}.${part({ ...claims, ...changes.claims })}`
  const padding = changes.padding ?? constants.RSA_PKCS1_PSS_PADDING
  const salt = padding === constants.RSA_PKCS1_PSS_PADDING ? { saltLength: 32 } : {}
  const signature = sign('sha256', Buffer.from(signed), { key: privateKey, padding, ...salt })
  return `${signed}.${signature.toString('base64url')}`
}

const cases: [name: string, changes: Parameters<typeof assertion>[1], status: number][] = [
  ['a proper assertion', {}, 200],
  ['an RS256 signature', { header: { alg: 'RS256' }, padding: constants.RSA_PKCS1_PADDING }, 401],
  ['an RS256 signature under a PS256 header', { padding: constants.RSA_PKCS1_PADDING }, 401],
  ['no algorithm', { header: { alg: 'none' } }, 401],
  ['another certificate', { header: { 'x5t#S256': 'x' } }, 401],
  ['another audience', { claims: { aud: 'https://login.microsoftonline.com/x/oauth2/v2.0/token' } }, 401],
  ['another issuer', { claims: { iss: 'x' } }, 401],
  ['another subject', { claims: { sub: 'x' } }, 401],
  ['an expired assertion', { claims: { exp: 1_700_000_000 } }, 401],
  ['no expiry', { claims: { exp: undefined } }, 401],
  ['an assertion of the future', { claims: { nbf: 4_000_000_000 } }, 401],
]
for (const [name, changes, status] of cases) {
  test(`${name} is answered ${status}`, async () => {
    await using client = await connect()
    client.sandbox.entra.trustCertificate(certificate)
    const answer = await postToken(client.sandbox, {
      client_secret: '',
      client_assertion: assertion(client, changes),
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    })
    assert.equal(answer.status, status, answer.text)
    const isOfTime = /expir|future/.test(name)
    if (status === 401) assert.deepEqual(answer.json?.error_codes, [isOfTime ? 700024 : 700027])
  })
}

import assert from 'node:assert/strict'
import { constants, verify, X509Certificate } from 'node:crypto'
import type { TestContext } from 'node:test'
import test from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { type Credential, createMsal } from '../../src/dataverse/entra.ts'
import { type DataverseSettings, defaultSettings } from '../../src/dataverse/settings.ts'
import { Busy, Unauthorized, Unavailable } from '../../src/errors.ts'
import { createAgent } from '../../src/exchange.ts'
import { takeMachineClock } from '../machine-clock.ts'
import { type Answer, inTurn, json, listeningLog, scriptedServer } from './rig.ts'
import { selfSigned } from './self-signed.ts'

const tenant = '11111111-2222-4333-8444-555555555555'
const clientId = '99999999-8888-4777-8666-555555555555'
const resource = 'https://contoso.crm4.dynamics.com'
const granted = json(200, {
  token_type: 'Bearer',
  expires_in: 3599,
  ext_expires_in: 3599,
  access_token: 'tok',
})
const open = new AbortController().signal

async function setUp(answer: Answer, credential: Credential, changed: Partial<DataverseSettings> = {}) {
  const stack = new AsyncDisposableStack()
  const server = stack.use(await scriptedServer(answer))
  const settings = { ...defaultSettings, ...changed }
  const dispatcher = createAgent(settings)
  stack.defer(() => dispatcher.destroy())
  const { log, lines } = listeningLog()
  const entra = { authority: server.origin, tenant, clientId, credential, resource }
  const acquire = createMsal(entra, { dispatcher, settings, clock: systemClock, log })
  return { server, acquire, lines, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

const secret: Credential = { kind: 'secret', secret: 's3cret-value' }

test('a secret becomes one POST to the token endpoint, without discovery', async () => {
  await using rig = await setUp(granted, secret)
  const before = Date.now()
  const token = await rig.acquire(open)
  assert.equal(token.text, 'tok')
  assert.ok(Math.abs(token.expiresAtMs - before - 3_599_000) < 2_000, `${token.expiresAtMs - before}`)
  const [only, ...others] = rig.server.seen
  assert.deepEqual([others, only?.method], [[], 'POST'])
  assert.ok(only?.path.startsWith(`/${tenant}/oauth2/v2.0/token`), only?.path)
  const form = new URLSearchParams(only?.body)
  assert.deepEqual(
    ['client_id', 'scope', 'grant_type', 'client_secret'].map((name) => form.get(name)),
    [clientId, `${resource}/.default`, 'client_credentials', 's3cret-value'],
  )
})

test('a token lives as long as Entra says, though the machine’s clock was set since the start', async () => {
  for (const byMs of [-7_200_000, 7_200_000]) {
    using machine = takeMachineClock()
    await using rig = await setUp(granted, secret)
    machine.set(byMs)
    const before = systemClock.now()
    const { expiresAtMs } = await rig.acquire(open)
    assert.ok(Math.abs(expiresAtMs - before - 3_599_000) < 2_000, `${expiresAtMs - before}`)
  }
})

test('a certificate signs an assertion that its public key verifies', async () => {
  const { certificate, privateKey, publicKey } = selfSigned()
  await using rig = await setUp(granted, { kind: 'certificate', pem: `${privateKey}\n${certificate}` })
  assert.equal((await rig.acquire(open)).text, 'tok')
  const form = new URLSearchParams(rig.server.seen[0]?.body)
  const [head = '', claims = '', signature = ''] = (form.get('client_assertion') ?? '').split('.')
  const read = (part: string): Record<string, unknown> =>
    JSON.parse(Buffer.from(part, 'base64url').toString())
  const thumbprint = Buffer.from(new X509Certificate(certificate).fingerprint256.replaceAll(':', ''), 'hex')
  assert.deepEqual([read(head).alg, read(head)['x5t#S256']], ['PS256', thumbprint.toString('base64url')])
  assert.deepEqual([read(claims).iss, read(claims).sub], [clientId, clientId])
  const key = { key: publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
  assert.ok(verify('sha256', Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, 'base64url')))
})

test('a certificate file without its key stops the start with a sentence', () => {
  const { certificate } = selfSigned()
  const parts = { settings: defaultSettings, clock: systemClock, log: listeningLog().log }
  const entra = { authority: 'https://login.microsoftonline.com', tenant, clientId, resource }
  for (const pem of [certificate, '', 'not a certificate']) {
    const credential: Credential = { kind: 'certificate', pem }
    const dispatcher = createAgent(defaultSettings)
    assert.throws(
      () => createMsal({ ...entra, credential }, { ...parts, dispatcher }),
      /ENTRA_CLIENT_CERTIFICATE/,
    )
  }
})

test('a user name and password are sent, with one warning that names neither', async () => {
  const answer = json(200, {
    token_type: 'Bearer',
    expires_in: 3599,
    access_token: 'tok',
    scope: `${resource}/x`,
  })
  await using rig = await setUp(answer, { kind: 'password', username: 'u@x.example', password: 'p4ss' })
  assert.equal((await rig.acquire(open)).text, 'tok')
  const form = new URLSearchParams(rig.server.seen.find(({ body }) => body !== '')?.body)
  assert.deepEqual(
    ['grant_type', 'username', 'password'].map((name) => form.get(name)),
    ['password', 'u@x.example', 'p4ss'],
  )
  assert.doesNotMatch(rig.lines.join('\n'), /u@x|p4ss|tok/)
})

function identityEndpoint(context: TestContext, url: string) {
  const before = { ...process.env }
  context.after(() => {
    process.env = before
  })
  process.env.IDENTITY_ENDPOINT = url
  process.env.IDENTITY_HEADER = 'header-secret'
}

test('a managed identity asks the identity endpoint of its host', async (context) => {
  const expiresOn = String(Math.floor(Date.now() / 1000) + 3_600)
  await using rig = await setUp(
    json(200, { access_token: 'mi', expires_on: expiresOn, resource, token_type: 'Bearer' }),
    { kind: 'managed-identity', clientId },
  )
  identityEndpoint(context, `${rig.server.origin}/msi/token`)
  const tokens = [await rig.acquire(open), await rig.acquire(open)]
  assert.deepEqual(
    tokens.map(({ text }) => text),
    ['mi', 'mi'],
  )
  assert.equal(rig.server.seen.length, 2)
  const url = new URL(rig.server.seen[0]?.path ?? '', rig.server.origin)
  assert.deepEqual([url.pathname, url.searchParams.get('resource')], ['/msi/token', resource])
})

test('an empty token of a managed identity is Unavailable', async (context) => {
  const expiresOn = String(Math.floor(Date.now() / 1000) + 3_600)
  await using rig = await setUp(
    json(200, { access_token: '', expires_on: expiresOn, resource, token_type: 'Bearer' }),
    { kind: 'managed-identity' },
  )
  identityEndpoint(context, `${rig.server.origin}/msi/token`)
  await assert.rejects(rig.acquire(open), Unavailable)
})

const aadsts = (status: number, error: string, number: number) =>
  json(status, {
    error,
    error_description: `AADSTS${number}: something about app '${clientId}' and ada@example.invalid`,
    error_codes: [number],
  })

const refusals: [string, Answer, string, string][] = [
  ['a wrong secret', aadsts(401, 'invalid_client', 7000215), 'entra-secret-wrong', 'AADSTS7000215'],
  ['an expired secret', aadsts(401, 'invalid_client', 7000222), 'entra-secret-expired', 'AADSTS7000222'],
  ['an unknown app', aadsts(400, 'unauthorized_client', 700016), 'entra-app-not-found', 'AADSTS700016'],
  ['an unknown tenant', aadsts(400, 'invalid_request', 90002), 'entra-tenant-not-found', 'AADSTS90002'],
  [
    'an unknown organisation',
    aadsts(400, 'invalid_resource', 500011),
    'entra-organisation-unknown',
    'AADSTS500011',
  ],
  ['a bad assertion', aadsts(401, 'invalid_client', 700027), 'entra-certificate-unknown', 'AADSTS700027'],
  ['a wrong password', aadsts(400, 'invalid_grant', 50126), 'entra-password-wrong', 'AADSTS50126'],
  ['required MFA', aadsts(400, 'invalid_grant', 50076), 'entra-mfa-required', 'AADSTS50076'],
  ['MFA by policy', aadsts(400, 'invalid_grant', 50074), 'entra-mfa-required', 'AADSTS50074'],
  ['conditional access', aadsts(400, 'invalid_grant', 53003), 'conditional-access', 'AADSTS53003'],
  ['a wrong clock', aadsts(401, 'invalid_client', 700024), 'entra-clock-wrong', 'AADSTS700024'],
  ['a disabled app', aadsts(400, 'unauthorized_client', 7000112), 'entra-app-disabled', 'AADSTS7000112'],
  [
    'an app nobody is assigned to',
    aadsts(400, 'invalid_grant', 50105),
    'entra-app-not-assigned',
    'AADSTS50105',
  ],
  ['a missing consent', aadsts(400, 'invalid_grant', 65001), 'entra-consent-missing', 'AADSTS65001'],
  ['no public client', aadsts(401, 'invalid_client', 7000218), 'entra-public-client-off', 'AADSTS7000218'],
  ['a blocked tenant', aadsts(400, 'invalid_request', 5000225), 'entra-tenant-blocked', 'AADSTS5000225'],
  ['a missing user', aadsts(400, 'invalid_grant', 50034), 'entra-user-not-found', 'AADSTS50034'],
  ['a disabled user', aadsts(400, 'invalid_grant', 50057), 'entra-user-disabled', 'AADSTS50057'],
  ['a locked user', aadsts(400, 'invalid_grant', 50053), 'entra-user-locked', 'AADSTS50053'],
  ['an expired password', aadsts(400, 'invalid_grant', 50055), 'entra-password-expired', 'AADSTS50055'],
  ['an unlisted code', aadsts(400, 'invalid_request', 900144), 'entra-refused', 'AADSTS900144'],
  ['an error without codes', json(400, { error: 'invalid_request' }), 'entra-refused', 'invalid_request'],
]

for (const [name, answer, code, vendorCode] of refusals) {
  test(`${name} is Unauthorized ${code}, with advice and nothing of the description`, async () => {
    await using rig = await setUp(answer, secret)
    await assert.rejects(rig.acquire(open), (error) => {
      assert.ok(error instanceof Unauthorized)
      assert.deepEqual([error.detail.code, error.detail.vendorCode], [code, vendorCode])
      assert.doesNotMatch(`${error.message} ${JSON.stringify(error.detail)}`, /ada@|something about/)
      return error.detail.advice.length > 20
    })
  })
}

const outages: [string, Answer][] = [
  ['a 500 with JSON', json(500, { error: 'server_error' })],
  ['an HTML page with 200', (response) => response.end('<html>sign in</html>')],
  ['an HTML 502', (response) => response.writeHead(502).end('<html>')],
  ['an empty object', json(200, {})],
  ['an empty token', json(200, { token_type: 'Bearer', expires_in: 3599, access_token: '' })],
  ['a reset', (response) => response.socket?.resetAndDestroy()],
  ['a temporary 400', json(400, { error: 'temporarily_unavailable', error_codes: [90033] })],
]

for (const [name, answer] of outages) {
  test(`${name} is Unavailable, and the next request goes out at once`, async () => {
    await using rig = await setUp(inTurn(answer, granted), secret)
    await assert.rejects(rig.acquire(open), Unavailable)
    assert.equal((await rig.acquire(open)).text, 'tok')
    assert.equal(rig.server.seen.length, 2)
  })
}

test('a 429 of Entra is Busy for its Retry-After, and msal is not locked by it', async () => {
  await using rig = await setUp(inTurn(json(429, { error: 'x' }, { 'retry-after': '77' }), granted), secret)
  await assert.rejects(rig.acquire(open), (error) => error instanceof Busy && error.retryAfterMs === 77_000)
  assert.equal((await rig.acquire(open)).text, 'tok')
})

test('a 429 of Entra without a Retry-After is Busy for the default', async () => {
  await using rig = await setUp(json(429, { error: 'x' }), secret, { retryAfterDefaultMs: 7_000 })
  await assert.rejects(rig.acquire(open), (error) => error instanceof Busy && error.retryAfterMs === 7_000)
})

test('a token endpoint that hangs is bounded', async () => {
  await using rig = await setUp(() => undefined, secret, { tokenTimeoutMs: 100 })
  const startedAt = performance.now()
  await assert.rejects(rig.acquire(open), Unavailable)
  assert.ok(performance.now() - startedAt < 1_000)
  assert.doesNotMatch(rig.lines.join('\n'), /s3cret|127\.0\.0\.1/)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Tokens } from '../../sandbox/entra/tokens.ts'
import { connect, postToken, requestToken, send, toAnswer } from './client.ts'

const wrong: [name: string, changes: Record<string, string>, status: number, error: string, code: number][] =
  [
    ['a wrong secret', { client_secret: 'x' }, 401, 'invalid_client', 7000215],
    ['an unknown application', { client_id: 'x' }, 400, 'unauthorized_client', 700016],
    [
      'a scope without /.default',
      { scope: 'https://x.crm.dynamics.com/user_impersonation' },
      400,
      'invalid_scope',
      1002012,
    ],
    [
      'a resource that is not there',
      { scope: 'https://x.crm.dynamics.com/.default' },
      400,
      'invalid_resource',
      500011,
    ],
    ['an unknown grant', { grant_type: 'x' }, 400, 'unsupported_grant_type', 70003],
    [
      'a wrong password',
      { grant_type: 'password', username: 'sam.sales@contoso.example', password: 'x' },
      400,
      'invalid_grant',
      50126,
    ],
    [
      'a forged assertion',
      {
        client_assertion: 'a.b.c',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      },
      401,
      'invalid_client',
      700027,
    ],
  ]
for (const [name, changes, status, error, code] of wrong) {
  test(`${name} is refused with AADSTS${code}`, async () => {
    await using client = await connect()
    const answer = await postToken(client.sandbox, changes)
    assert.deepEqual([answer.status, answer.json?.error, answer.json?.error_codes], [status, error, [code]])
    assert.match(
      String(answer.json?.error_description),
      new RegExp(`^AADSTS${code}: .* Trace ID: .* Correlation ID: .* Timestamp: `),
    )
  })
}

test('an unknown tenant is refused', async () => {
  await using client = await connect()
  assert.deepEqual((await postToken(client.sandbox, {}, 'other')).json?.error_codes, [90002])
})

test('Dataverse challenges who brings no token, a foreign one, or one that was revoked or ran out', async () => {
  await using client = await connect({ tokenLifetimeSeconds: 0 })
  const { sandbox } = client
  for (const token of ['', 'x', client.token]) {
    const answer = await send(sandbox, token, 'GET', 'WhoAmI')
    assert.equal(answer.status, 401)
    assert.match(
      answer.headers.get('www-authenticate') ?? '',
      /^Bearer authorization_uri=http:\/\/127\.0\.0\.1:\d+\/[\w-]+\/oauth2\/authorize, resource_id=http:\/\/127\.0\.0\.1:\d+\/$/,
    )
  }
  sandbox.entra.setTokenLifetime(3599)
  const fresh = await requestToken(sandbox)
  assert.equal((await send(sandbox, fresh, 'GET', 'WhoAmI')).status, 200)
  sandbox.entra.revokeTokens()
  assert.equal((await send(sandbox, fresh, 'GET', 'WhoAmI')).status, 401)
  assert.equal((await send(sandbox, await requestToken(sandbox), 'GET', 'WhoAmI')).status, 200)
})

test('a token is good for its own resource only', () => {
  const tokens = new Tokens()
  const token = tokens.issue({ kind: 'application', clientId: 'c' }, 'https://a.invalid', 60)
  assert.equal(tokens.look(token, 'https://a.invalid').state, 'valid')
  assert.equal(tokens.look(token, 'https://b.invalid').state, 'unknown')
})

test('a good token of an application without an application user is 403', async () => {
  await using client = await connect()
  const { stranger } = client.sandbox.entra
  const token = await requestToken(client.sandbox, {
    client_id: stranger.clientId,
    client_secret: stranger.clientSecret,
  })
  const answer = await send(client.sandbox, token, 'GET', 'WhoAmI')
  assert.deepEqual([answer.status, answer.code], [403, '0x80072560'])
})

test('an application user who was disabled is 403, too', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  dataverse.update('systemuser', dataverse.ids.applicationUser, { isdisabled: true })
  assert.equal((await client.send('GET', 'WhoAmI')).code, '0x80072560')
})

test('each bend is for one token request, and requests are on record', async () => {
  await using client = await connect()
  const { entra } = client.sandbox
  entra.reset()
  entra.bend({ kind: 'error', status: 500 })
  entra.bend({ kind: 'html' })
  entra.bend({ kind: 'empty-token' })
  entra.bend({ kind: 'throttle', retryAfter: '7' })
  const answers = []
  for (let at = 0; at < 5; at += 1) answers.push(await postToken(client.sandbox))
  assert.deepEqual(
    answers.map(({ status }) => status),
    [500, 502, 200, 429, 200],
  )
  assert.deepEqual([answers[2]?.json, answers[3]?.headers.get('retry-after')], [{}, '7'])
  assert.deepEqual(
    entra.tokenRequests.map(({ grant, status }) => [grant, status]),
    [500, 502, 200, 429, 200].map((s) => ['client_secret', s]),
  )
  entra.bend({ kind: 'hang' })
  const url = `${entra.url}/${entra.tenantId}/oauth2/v2.0/token`
  await assert.rejects(fetch(url, { method: 'POST', body: 'x', signal: AbortSignal.timeout(100) }), {
    name: 'TimeoutError',
  })
})

test('the discovery documents name the endpoints', async () => {
  await using client = await connect()
  const { url, tenantId } = client.sandbox.entra
  const { json } = await toAnswer(await fetch(`${url}/${tenantId}/v2.0/.well-known/openid-configuration`))
  assert.deepEqual(
    [json?.token_endpoint, json?.issuer],
    [`${url}/${tenantId}/oauth2/v2.0/token`, `${url}/${tenantId}/v2.0`],
  )
  assert.equal((await fetch(`${url}/nope`)).status, 404)
})

test('any refusal of the AADSTS list can be played once', async () => {
  await using client = await connect()
  const { entra } = client.sandbox
  entra.bend({ kind: 'aadsts', code: 53003 })
  const refused = await postToken(client.sandbox, {})
  assert.deepEqual([refused.status, refused.json?.error], [400, 'invalid_grant'])
  assert.deepEqual(refused.json?.error_codes, [53003])
})

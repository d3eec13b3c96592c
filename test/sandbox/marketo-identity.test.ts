import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startSandbox } from '../../sandbox/index.ts'
import { connectMarketo, errorOf, get, requestToken, resultOf } from './marketo-client.ts'

const PATH = '/rest/v1/leads/describe2.json'

test('all callers share one token, and expires_in is what is left of it', async () => {
  await using sandbox = await startSandbox({ marketo: { tokenLifetimeSeconds: 3600 } })
  const [first, second] = [
    await requestToken(sandbox.marketo),
    await requestToken(sandbox.marketo, {}, { method: 'POST' }),
  ]
  assert.deepEqual(first.json, {
    access_token: first.json?.access_token,
    token_type: 'bearer',
    expires_in: 3599,
    scope: 'sync.person@sandbox.example',
  })
  assert.match(String(first.json?.access_token), /^[0-9a-f-]{36}:\w+$/)
  assert.equal(first.headers.get('cache-control'), 'no-store')
  assert.equal(second.json?.access_token, first.json?.access_token)
  assert.ok(Number(second.json?.expires_in) <= 3599)
})

const refusals: [name: string, changes: Record<string, string>, status: number, error: string][] = [
  ['an unknown client', { client_id: 'nobody' }, 401, 'unauthorized'],
  ['a wrong secret', { client_secret: 'wrong' }, 401, 'invalid_client'],
  ['another grant', { grant_type: 'password' }, 400, 'unsupported_grant_type'],
]
for (const [name, changes, status, error] of refusals) {
  test(`${name} is refused with an OAuth body`, async () => {
    await using sandbox = await startSandbox()
    const answer = await requestToken(sandbox.marketo, changes)
    assert.deepEqual([answer.status, answer.json?.error], [status, error])
    assert.equal(typeof answer.json?.error_description, 'string')
  })
}

test('credentials in a form body are not looked at', async () => {
  await using sandbox = await startSandbox()
  const { clientId, clientSecret } = sandbox.marketo.service
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: clientSecret,
  })
  const answer = await get(sandbox.marketo, '/identity/oauth/token', { method: 'POST', body })
  assert.equal(answer.status, 400)
})

test('a missing token is 600, also when one is in the query, and garbage is 601', async () => {
  await using client = await connectMarketo()
  const missing = await get(client.marketo, PATH)
  const inQuery = await get(client.marketo, `${PATH}?access_token=${client.token}`)
  const garbage = await get(client.marketo, PATH, { headers: { authorization: 'Bearer x:ab' } })
  assert.deepEqual(
    [missing, inQuery, garbage].map((answer) => errorOf(answer).code),
    ['600', '600', '601'],
  )
})

test('a revoked token is 602 at its next use and 601 after that, and the next one is another', async () => {
  await using client = await connectMarketo()
  client.marketo.revokeToken()
  assert.equal(errorOf(await client.send(PATH)).code, '602')
  assert.equal(errorOf(await client.send(PATH)).code, '601')
  const fresh = String((await requestToken(client.marketo)).json?.access_token)
  assert.notEqual(fresh, client.token)
  const answer = await client.send(PATH, { headers: { authorization: `Bearer ${fresh}` } })
  assert.equal(resultOf(answer).length, 1)
  assert.equal(errorOf(await client.send(PATH)).code, '601')
})

test('a token that outlived its life is 602, too', async () => {
  await using client = await connectMarketo({ marketo: { tokenLifetimeSeconds: 0 } })
  assert.equal(errorOf(await client.send(PATH)).code, '602')
})

test('calls are logged with their code, without the secret', async () => {
  await using client = await connectMarketo()
  client.marketo.revokeToken()
  await client.send(PATH)
  const calls = client.marketo.calls.map(({ operation, method, status, errorCode }) => [
    operation,
    method,
    status,
    errorCode,
  ])
  assert.deepEqual(calls, [
    ['token', 'GET', 200, undefined],
    ['describe', 'GET', 200, '602'],
  ])
  assert.doesNotMatch(JSON.stringify(client.marketo.calls), new RegExp(client.marketo.service.clientSecret))
})

import assert from 'node:assert/strict'
import test from 'node:test'
import { Busy, Unauthorized, Unavailable } from '../../src/errors.ts'
import { call } from './rig.ts'
import { openRoom } from './room.ts'
import { selfSigned } from './self-signed.ts'

test('50 cold calls make one token request', async () => {
  await using room = await openRoom()
  await Promise.all(Array.from({ length: 50 }, () => room.whoAmI(call)))
  assert.equal(room.sandbox.entra.tokenRequests.length, 1)
  assert.equal(room.stats().calls, 50)
})

test('calls that meet a revoked token share one new token and all succeed', async () => {
  await using room = await openRoom()
  await room.whoAmI(call)
  room.sandbox.entra.revokeTokens()
  await Promise.all(Array.from({ length: 20 }, () => room.whoAmI(call)))
  assert.equal(room.sandbox.entra.tokenRequests.length, 2)
})

test('Dataverse that refuses every token is Unauthorized after one fresh one', async () => {
  await using room = await openRoom()
  for (let count = 0; count < 2; count += 1) {
    room.sandbox.dataverse.bend({ path: /WhoAmI/, how: { kind: 'unauthorized' } })
  }
  await assert.rejects(room.whoAmI(call), Unauthorized)
  assert.equal(room.sandbox.entra.tokenRequests.length, 2)
})

test('an app without an application user is told to make one', async () => {
  const { clientId, clientSecret } = await strangerOf()
  await using room = await openRoom({ clientId, credential: { kind: 'secret', secret: clientSecret } })
  await assert.rejects(
    room.whoAmI(call),
    (error) => error instanceof Unauthorized && error.detail.code === 'application-user-missing',
  )
})

async function strangerOf() {
  await using room = await openRoom()
  return room.sandbox.entra.stranger
}

test('a wrong secret is Unauthorized before any call to Dataverse', async () => {
  await using room = await openRoom({ credential: { kind: 'secret', secret: 'wrong' } })
  await assert.rejects(
    room.whoAmI(call),
    (error) => error instanceof Unauthorized && error.detail.code === 'entra-secret-wrong',
  )
  assert.equal(room.sandbox.dataverse.calls.length, 0)
})

test('a certificate that Entra trusts is a credential', async () => {
  const { certificate, privateKey } = selfSigned()
  await using room = await openRoom({ credential: { kind: 'certificate', pem: certificate + privateKey } })
  room.sandbox.entra.trustCertificate(certificate)
  assert.match((await room.whoAmI(call)).organisationId, /^[0-9a-f-]{36}$/)
})

test('a user name and password are a credential', async () => {
  const { userName, password } = await personOf()
  await using room = await openRoom({ credential: { kind: 'password', username: userName, password } })
  assert.match((await room.whoAmI(call)).userId, /^[0-9a-f-]{36}$/)
})

async function personOf() {
  await using room = await openRoom()
  return room.sandbox.entra.person
}

test('Entra that hangs, throttles or serves HTML costs the caller one clear answer', async () => {
  await using room = await openRoom({ settings: { tokenTimeoutMs: 100, tokenRetryMs: 0 } })
  const { entra } = room.sandbox
  for (const kind of ['hang', 'html', 'empty-token'] as const) {
    entra.bend({ kind })
    await assert.rejects(room.whoAmI(call), Unavailable)
  }
  await room.whoAmI(call)
  assert.equal(entra.tokenRequests.length, 4)
})

test('a throttled Entra makes callers Busy for as long as it says', async () => {
  await using room = await openRoom()
  room.sandbox.entra.bend({ kind: 'throttle', retryAfter: '90' })
  for (let count = 0; count < 3; count += 1) {
    await assert.rejects(room.whoAmI(call), (error) => error instanceof Busy && error.retryAfterMs > 80_000)
  }
  assert.equal(room.sandbox.entra.tokenRequests.length, 1)
})

test('a real concurrency limit is met by less parallelism, not by more refusals', async () => {
  await using room = await openRoom({
    sandbox: { replyDelayMs: 100, limits: { concurrentMax: 8 } },
    settings: { retryAfterMinMs: 1, concurrencyStart: 40 },
  })
  const burst = () => Promise.allSettled(Array.from({ length: 40 }, () => room.whoAmI(call)))
  await burst()
  const { concurrency, throttled } = room.stats()
  assert.ok(throttled > 0)
  assert.equal(concurrency, 20)
})

test('closing ends calls in flight as Unavailable, twice is once, and later calls fail', async () => {
  await using room = await openRoom()
  await room.whoAmI(call)
  room.sandbox.dataverse.bend({ path: /WhoAmI/, how: { kind: 'hang-before-commit' } })
  const hanging = assert.rejects(room.whoAmI(call), Unavailable)
  await new Promise((resolve) => setImmediate(resolve))
  await Promise.all([room.close(), room.close()])
  await hanging
  await assert.rejects(room.whoAmI(call), Unavailable)
})

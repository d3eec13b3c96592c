import assert from 'node:assert/strict'
import test from 'node:test'
import { Busy, Rejected, Unauthorized, Unavailable } from '../../src/errors.ts'
import { call } from '../dataverse/rig.ts'
import { openSandboxRoom } from './sandbox-room.ts'

test('a person is read, empty fields as null, whichever way Marketo leaves them empty', async () => {
  await using room = await openSandboxRoom()
  const id = room.marketo.seed({ email: 'Ann@Example.org', lastName: 'Ek', leadScore: 7, doNotCall: true })
  const fields = ['email', 'lastName', 'title', 'leadScore', 'doNotCall']
  const ann = { email: 'Ann@Example.org', lastName: 'Ek', title: null, leadScore: 7, doNotCall: true }
  assert.deepEqual([...(await room.people.read([id], fields, call))], [[id, ann]])
  room.marketo.bend({ operation: 'leads', how: { kind: 'omit-nulls' } })
  assert.deepEqual([...(await room.people.read([id], fields, call))], [[id, ann]])
})

test('who never was, is deleted, or lost a merge is not in the map; the survivor is', async () => {
  await using room = await openSandboxRoom()
  const [winner = 0, loser = 0, deleted = 0] = ['a', 'b', 'c'].map((name) =>
    room.marketo.seed({ email: `${name}@example.org` }),
  )
  room.marketo.merge(winner, [loser])
  room.marketo.remove(deleted)
  const people = await room.people.read([loser, deleted, 999_999, winner], ['email'], call)
  assert.deepEqual([...people], [[winner, { email: 'a@example.org' }]])
  room.marketo.bend({ operation: 'leads', how: { kind: 'no-result' } })
  assert.equal((await room.people.read([loser], ['email'], call)).size, 0)
})

test('700 people with many fields come in three calls, as forms where that is needed, each with its own values', async () => {
  await using room = await openSandboxRoom()
  const names = Array.from({ length: 200 }, (_, index) => `aCustomFieldWithALongName${index}`)
  for (const name of names) room.marketo.addField({ name, dataType: 'string' })
  const ids = Array.from({ length: 700 }, (_, index) => room.marketo.seed({ [names[0] ?? '']: `v${index}` }))
  const people = await room.people.read(ids, names, call)
  assert.deepEqual(
    ids.map((id) => people.get(id)?.[names[0] ?? '']),
    ids.map((_, index) => `v${index}`),
  )
  const reads = room.marketo.calls.filter(({ operation }) => operation === 'leads')
  assert.deepEqual(
    reads.map(({ status, method }) => [status, method]),
    [
      [200, 'POST'],
      [200, 'POST'],
      [200, 'GET'],
    ],
  )
})

test('a token that ends while it is in use costs one call and no error', async () => {
  await using room = await openSandboxRoom()
  const id = room.marketo.seed({ email: 'ann@example.org' })
  await room.people.read([id], ['email'], call)
  room.marketo.revokeToken()
  assert.equal((await room.people.read([id], ['email'], call)).size, 1)
  assert.deepEqual(room.told(), ['token', 'leads', '602', 'token', 'leads'])
})

test('a wrong secret is Unauthorized and says which settings to correct', async () => {
  await using room = await openSandboxRoom({ secret: 'wrong' })
  await assert.rejects(room.people.read([1], ['email'], call), (error) => {
    assert.ok(error instanceof Unauthorized)
    const { code, advice, vendorCode } = error.detail
    assert.deepEqual([code, vendorCode], ['marketo-credentials-wrong', 'invalid_client'])
    assert.match(advice, /MARKETO_CLIENT_SECRET/)
    return true
  })
})

test('a field that Marketo does not have is Rejected by name', async () => {
  await using room = await openSandboxRoom()
  const id = room.marketo.seed({ email: 'ann@example.org' })
  await assert.rejects(room.people.read([id], ['email', 'shoeSize'], call), (error) => {
    assert.ok(error instanceof Rejected)
    const { code, field } = error.detail
    assert.deepEqual([code, field], ['marketo-field-unknown', 'shoeSize'])
    return true
  })
})

const limits: [string, { callsPerWindow?: number; dailyCallsMax?: number }, [least: number, most: number]][] =
  [
    ['20 s window (606)', { callsPerWindow: 1 }, [19_000, 20_000]],
    ['day (607)', { dailyCallsMax: 1 }, [1, 25 * 3_600_000 + 60_000]],
  ]

for (const [what, marketoLimits, [least, most]] of limits) {
  test(`the subscription's limit of a ${what} is met once and then kept without asking`, async () => {
    await using room = await openSandboxRoom({ sandbox: { marketo: { limits: marketoLimits } } })
    const id = room.marketo.seed({ email: 'ann@example.org' })
    await room.people.read([id], ['email'], call)
    for (let count = 0; count < 3; count += 1) {
      await assert.rejects(room.people.read([id], ['email'], call), (error) => {
        assert.ok(error instanceof Busy)
        return error.retryAfterMs >= least && error.retryAfterMs <= most
      })
    }
    assert.equal(room.marketo.calls.length, 3)
  })
}

test("within its own share nothing is refused: 55 at once stay below both of Marketo's limits", async () => {
  await using room = await openSandboxRoom({ settings: { queueMax: 100 } })
  const id = room.marketo.seed({ email: 'ann@example.org' })
  const reads = await Promise.allSettled(
    Array.from({ length: 55 }, () => room.people.read([id], ['email'], call)),
  )
  const busy = reads.filter(({ status }) => status === 'rejected')
  assert.equal(busy.length, 5)
  assert.ok(busy.every((one) => one.status === 'rejected' && one.reason instanceof Busy))
  assert.deepEqual(room.told(), ['token', ...Array.from({ length: 50 }, () => 'leads')])
})

const troubles = [
  { kind: 'error', code: '604' },
  { kind: 'error', code: '611' },
  { kind: 'html' },
  { kind: 'status', status: 500 },
  { kind: 'reset' },
  { kind: 'cut', ending: 'clean' },
  { kind: 'cut', ending: 'abrupt' },
  { kind: 'hang' },
  { kind: 'drip', gapMs: 20 },
] as const

for (const how of troubles) {
  test(`${Object.values(how).join(' ')} is Unavailable once, and the read can be repeated`, async () => {
    await using room = await openSandboxRoom({ settings: { callTimeoutMs: 500 } })
    const id = room.marketo.seed({ email: 'ann@example.org' })
    await room.people.read([id], ['email'], call)
    room.marketo.bend({ operation: 'leads', how })
    await assert.rejects(room.people.read([id], ['email'], call), Unavailable)
    assert.equal((await room.people.read([id], ['email'], call)).size, 1)
  })
}

import assert from 'node:assert/strict'
import test from 'node:test'
import type { DataverseSandbox } from '../../sandbox/index.ts'
import type { FailureDetail } from '../../src/errors.ts'
import { Rejected } from '../../src/errors.ts'
import { call } from './rig.ts'
import { openRoom } from './room.ts'

function user(dataverse: DataverseSandbox, columns: Record<string, unknown>): string {
  return dataverse.seed('systemuser', { firstname: 'U', lastname: 'Ser', ...columns })
}

const missing = '00000000-0000-4000-8000-00000000dead'
const table: [string, (dataverse: DataverseSandbox) => string, string][] = [
  ['the id of a user', (dataverse) => user(dataverse, {}), 'systemuser'],
  ['the id of a user in upper case', (dataverse) => user(dataverse, {}).toUpperCase(), 'systemuser'],
  ['the id of a user in braces', (dataverse) => `{${user(dataverse, {}).toUpperCase()}} `, 'systemuser'],
  ['the id of a team', (dataverse) => dataverse.seed('team', { name: 'T' }), 'team'],
  ['an id of nobody', () => missing, 'owner-not-found'],
  ['the id of a disabled user', (dataverse) => user(dataverse, { isdisabled: true }), 'owner-disabled'],
  [
    'an e-mail in another case',
    (dataverse) => {
      user(dataverse, { internalemailaddress: "o'ne+1@contoso.example" })
      return " O'NE+1@contoso.example "
    },
    'systemuser',
  ],
  [
    'a domain name',
    (dataverse) => {
      user(dataverse, { domainname: 'upn@contoso.example', internalemailaddress: 'm@contoso.example' })
      return 'upn@contoso.example'
    },
    'systemuser',
  ],
  ['an e-mail of nobody', () => "x' or isdisabled eq false or domainname eq '", 'owner-not-found'],
  [
    'an e-mail of a disabled user',
    (dataverse) => {
      user(dataverse, { internalemailaddress: 'gone@contoso.example', isdisabled: true })
      return 'gone@contoso.example'
    },
    'owner-disabled',
  ],
  [
    'an e-mail of two users, one of them disabled',
    (dataverse) => {
      user(dataverse, { internalemailaddress: 'two@contoso.example', isdisabled: true })
      user(dataverse, { internalemailaddress: 'two@contoso.example' })
      return 'two@contoso.example'
    },
    'systemuser',
  ],
  [
    'an e-mail of two enabled users',
    (dataverse) => {
      user(dataverse, { internalemailaddress: 'both@contoso.example' })
      user(dataverse, { internalemailaddress: 'both@contoso.example' })
      return 'both@contoso.example'
    },
    'owner-ambiguous',
  ],
  [
    "an e-mail that is another user's domain name",
    (dataverse) => {
      user(dataverse, { domainname: 'x@contoso.example', internalemailaddress: 'y@contoso.example' })
      user(dataverse, { internalemailaddress: 'x@contoso.example' })
      return 'x@contoso.example'
    },
    'systemuser',
  ],
]

for (const [name, prepare, expected] of table) {
  test(`${name} resolves to ${expected}`, async () => {
    await using room = await openRoom()
    const who = prepare(room.sandbox.dataverse)
    const shown = await room.owners.resolve(who, call).then(
      (owner) => owner.kind,
      (error: unknown) => {
        assert.ok(error instanceof Rejected)
        const detail: FailureDetail = error.detail
        assert.doesNotMatch(`${error.message} ${detail.advice}`, /contoso/)
        return detail.code
      },
    )
    assert.equal(shown, expected)
  })
}

test('an owner is remembered, up to a number and for a time', async () => {
  await using room = await openRoom({ settings: { ownerCacheMax: 2 } })
  const { dataverse } = room.sandbox
  const [a, b, c] = [user(dataverse, {}), user(dataverse, {}), user(dataverse, {})]
  const resolve = async (who: string) => {
    const before = dataverse.calls.length
    await room.owners.resolve(who, call)
    return dataverse.calls.length - before
  }
  await room.whoAmI(call)
  const counts: number[] = []
  for (const who of [a, a, b, c, b, a]) counts.push(await resolve(who))
  assert.deepEqual(counts, [1, 0, 1, 1, 0, 1])
  await using forgetful = await openRoom({ settings: { ownerTtlMs: 0 } })
  const id = user(forgetful.sandbox.dataverse, {})
  for (let count = 0; count < 2; count += 1) await forgetful.owners.resolve(id, call)
  assert.equal(forgetful.sandbox.dataverse.calls.length, 2)
})

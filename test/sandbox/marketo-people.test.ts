import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startSandbox } from '../../sandbox/index.ts'
import { seedStockPeople } from '../../sandbox/marketo/stock-people.ts'

test('people get ids from 1001 on, which are never given again', async () => {
  await using sandbox = await startSandbox()
  const { marketo } = sandbox
  assert.deepEqual([marketo.seed({ lastName: 'A' }), marketo.seed({ lastName: 'B' })], [1001, 1002])
  marketo.remove(1002)
  assert.equal(marketo.seed({ lastName: 'C' }), 1003)
  assert.deepEqual(
    marketo.people().map((person) => [person.id, person.lastName]),
    [
      [1001, 'A'],
      [1003, 'C'],
    ],
  )
})

test('null and the empty string clear a field, and what is not named stays', async () => {
  await using sandbox = await startSandbox()
  const { marketo } = sandbox
  const id = marketo.seed({ firstName: 'Ann', lastName: 'Ek', phone: '1' })
  marketo.update(id, { firstName: null, phone: '' })
  const { firstName, lastName, phone } = marketo.person(id) ?? {}
  assert.deepEqual([firstName, lastName, phone], [undefined, 'Ek', undefined])
})

test('texts are trimmed, and one of blanks alone clears a field', async () => {
  await using sandbox = await startSandbox()
  const { marketo } = sandbox
  const id = marketo.seed({ lastName: ' Ek\n', title: 'Buyer' })
  marketo.update(id, { title: '  ', phone: '\t' })
  const { lastName, title, phone } = marketo.person(id) ?? {}
  assert.deepEqual([lastName, title, phone], ['Ek', undefined, undefined])
})

test('updatedAt moves when a standard field is written, not for a custom one', async (context) => {
  await using sandbox = await startSandbox()
  const { marketo } = sandbox
  marketo.addField({ name: 'crmId', dataType: 'string' })
  context.mock.timers.enable({ apis: ['Date'], now: Date.parse('2026-01-02T03:04:05Z') })
  const id = marketo.seed({ lastName: 'Ek' })
  context.mock.timers.setTime(Date.parse('2026-01-02T03:04:06Z'))
  marketo.update(id, { crmId: 'x' })
  assert.equal(marketo.person(id)?.updatedAt, '2026-01-02T03:04:05Z')
  marketo.update(id, { lastName: 'Alm' })
  const { createdAt, updatedAt } = marketo.person(id) ?? {}
  assert.deepEqual([createdAt, updatedAt], ['2026-01-02T03:04:05Z', '2026-01-02T03:04:06Z'])
})

const refusals: [name: string, fields: Record<string, unknown>, code: string][] = [
  ['an unknown field', { nope: 1 }, '1006'],
  ['a read-only field', { mktoName: 'x' }, '1003'],
  ['an id', { id: 7 }, '1003'],
  ['text for a number', { leadScore: '7' }, '1001'],
  ['a number beyond 32 bits', { leadScore: 2 ** 31 }, '1001'],
  ['a number for text', { lastName: 7 }, '1001'],
  ['text for a boolean', { unsubscribed: 'true' }, '1001'],
  ['a time for a date', { dateOfBirth: '2026-01-01T00:00:00Z' }, '1001'],
  ['a date that is none', { mktoAcquisitionDate: 'soon' }, '1001'],
  ['a text that is too long', { lastName: 'x'.repeat(256) }, '1001'],
  ['a long text of too many bytes', { address: 'å'.repeat(15_001) }, '1001'],
]
for (const [name, fields, code] of refusals) {
  test(`${name} is refused with ${code} and changes nothing`, async () => {
    await using sandbox = await startSandbox()
    const { marketo } = sandbox
    const id = marketo.seed({ firstName: 'Ann' })
    const before = marketo.people()
    assert.throws(() => marketo.seed({ firstName: 'Bo', ...fields }), { code })
    assert.throws(() => marketo.update(id, { firstName: 'Bo', ...fields }), { code })
    assert.deepEqual(marketo.people(), before)
  })
}

test('a merge keeps what the winner has, fills what it lacks, and the losers are gone', async () => {
  await using sandbox = await startSandbox()
  const { marketo } = sandbox
  const winner = marketo.seed({ lastName: 'Ek', email: 'ek@example.com' })
  const first = marketo.seed({ lastName: 'Ekk', phone: '1', title: 'Buyer' })
  const second = marketo.seed({ phone: '2', company: 'Ek AB' })
  marketo.merge(winner, [first, second])
  const { lastName, email, phone, title, company } = marketo.person(winner) ?? {}
  assert.deepEqual([lastName, email, phone, title, company], ['Ek', 'ek@example.com', '1', 'Buyer', 'Ek AB'])
  assert.deepEqual(
    marketo.people().map((person) => person.id),
    [winner],
  )
})

test('a merge with itself, with a stranger or with too many is refused whole', async () => {
  await using sandbox = await startSandbox()
  const { marketo } = sandbox
  const [winner, loser] = [marketo.seed({ lastName: 'A' }), marketo.seed({ lastName: 'B', phone: '1' })]
  assert.throws(() => marketo.merge(winner, [winner]), { code: '1003' })
  assert.throws(() => marketo.merge(winner, [loser, 4711]), { code: '1004' })
  assert.throws(
    () =>
      marketo.merge(
        winner,
        Array.from({ length: 26 }, () => loser),
      ),
    { code: '1080' },
  )
  assert.deepEqual([marketo.people().length, marketo.person(winner)?.phone], [2, undefined])
})

test('the stock people have each kind of quote among them, and one has no address', async () => {
  await using sandbox = await startSandbox()
  seedStockPeople(sandbox.marketo)
  const people = sandbox.marketo.people()
  assert.equal(people[0]?.id, 1001)
  assert.ok(people.some(({ mktoName }) => /".*'/.test(String(mktoName))))
  assert.ok(people.some(({ email }) => email === undefined))
})

test('a reset forgets people, fields, calls, activities, bends and limits', async () => {
  await using sandbox = await startSandbox()
  const { marketo } = sandbox
  marketo.addField({ name: 'crmId', dataType: 'string' })
  marketo.seed({ crmId: 'x' })
  marketo.setLimits({ callsPerWindow: 0 })
  marketo.bend({ operation: 'token', how: { kind: 'status', status: 500 } })
  await marketo.callWebhook({
    url: marketo.url,
    template: '{}',
    encoding: 'JSON',
    personId: 1001,
    campaign: { id: 1, name: 'x', type: 'batch' },
  })
  marketo.reset()
  assert.deepEqual([marketo.people(), marketo.calls, marketo.activities], [[], [], []])
  assert.throws(() => marketo.seed({ crmId: 'x' }), { code: '1006' })
  const { clientId, clientSecret } = marketo.service
  const query = `grant_type=client_credentials&client_id=${clientId}&client_secret=${clientSecret}`
  const granted: unknown = await (await fetch(`${marketo.url}/identity/oauth/token?${query}`)).json()
  const authorization = `Bearer ${Object(granted).access_token}`
  const answer: unknown = await (
    await fetch(`${marketo.url}/rest/v1/leads/describe2.json`, { headers: { authorization } })
  ).json()
  assert.equal(Object(answer).success, true)
})

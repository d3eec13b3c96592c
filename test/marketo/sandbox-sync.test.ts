import assert from 'node:assert/strict'
import test from 'node:test'
import { Busy, Rejected } from '../../src/errors.ts'
import type { FeedPage, LeadChange } from '../../src/marketo/changes.ts'
import type { NewActivityType } from '../../src/marketo/schema.ts'
import { call } from '../dataverse/rig.ts'
import { openSandboxRoom } from './sandbox-room.ts'

type Room = Awaited<ReturnType<typeof openSandboxRoom>>
const background = { ...call, lane: 'background' } as const
const key = {
  name: 'microsoftRecordId',
  displayName: 'Microsoft Record Id',
  dataType: 'string',
  description: 'Key.',
}

/** Every page up to the end of the log. */
async function readAll(room: Room, start: string, fields: readonly string[]) {
  const pages: FeedPage<LeadChange>[] = []
  for (let token = start; pages.length < 50; ) {
    const page = await room.changes.leadChanges(token, fields, background)
    assert.ok(page.kind === 'page')
    pages.push(page)
    if (!page.more) return { changes: pages.flatMap(({ items }) => items), pages, next: page.next }
    token = page.next
  }
  return assert.fail('pages without end')
}

test('a field that is made can be written, searched by and seen in the change log', async () => {
  await using room = await openSandboxRoom()
  assert.equal(await room.schema.ensureField(key, call), 'created')
  assert.equal(await room.schema.ensureField(key, call), 'present')
  const field = (await room.schema.fields(call)).get(key.name)
  assert.deepEqual([field?.dataType, field?.searchable, field?.updateable], ['string', true, true])

  const start = await room.changes.tokenSince(0, call)
  const people = ['r1', 'r2'].map((id) => ({ microsoftRecordId: id, email: `${id}@example.org` }))
  const made = await room.syncLeads.upsert(people, key.name, background)
  const ids = made.map((one) => (one.kind === 'created' ? one.marketoId : assert.fail(one.kind)))
  const again = await room.syncLeads.upsert(people, key.name, background)
  assert.deepEqual(
    again,
    ids.map((marketoId) => ({ kind: 'updated', marketoId })),
  )

  const [first = 0, second = 0] = ids
  const written = await room.syncLeads.update(
    [
      { marketoId: first, fields: { lastName: 'Ek' } },
      { marketoId: 999_999, fields: { lastName: 'Nobody' } },
      { marketoId: second, fields: { email: null, shoeSize: 42 } },
    ],
    background,
  )
  assert.deepEqual(
    written.map((one) => [
      one.kind,
      one.kind === 'refused' ? [one.detail.code, one.detail.field] : undefined,
    ]),
    [
      ['updated', undefined],
      ['missing', undefined],
      ['refused', ['marketo-field-unknown', 'shoeSize']],
    ],
  )
  assert.deepEqual(await room.people.search(key.name, ['r1', 'nobody', 'a,b'], ['lastName'], background), [
    { marketoId: first, fields: { lastName: 'Ek' } },
  ])
  const { changes } = await readAll(room, start, ['lastName', key.name])
  assert.deepEqual(
    changes.map(({ marketoId, kind }) => [marketoId, kind]),
    [
      [first, 'new'],
      [second, 'new'],
      [first, 'changed'],
    ],
  )
  const edit = changes.at(-1)
  assert.deepEqual(
    [edit?.fields, edit?.source],
    [[{ name: 'lastName', oldValue: null, newValue: 'Ek' }], 'Web service API'],
  )
})

test('700 edits are read to the end, through short, empty and reversed pages, each once', async () => {
  await using room = await openSandboxRoom()
  const start = await room.changes.tokenSince(0, call)
  const ids = Array.from({ length: 70 }, (_, index) => room.marketo.seed({ email: `p${index}@example.org` }))
  for (const id of ids)
    for (let turn = 1; turn <= 10; turn += 1) room.marketo.update(id, { lastName: `n${turn}` })
  room.marketo.setKnobs({ emptyPageEvery: 3, pageItemsMax: 120, reversePages: true })
  const { changes, pages, next } = await readAll(room, start, ['lastName'])
  const edits = changes.filter(({ kind }) => kind === 'changed')
  assert.deepEqual([new Set(edits.map(({ guid }) => guid)).size, edits.length], [700, 700])
  assert.ok(pages.some(({ items, more }) => items.length === 0 && more))
  assert.deepEqual((await readAll(room, next, ['lastName'])).changes, [])
})

test('a merge is seen among the activities, and both who lost and who was deleted in the feed of deleted people', async () => {
  await using room = await openSandboxRoom()
  const [winner = 0, loser = 0, gone = 0] = ['a', 'b', 'c'].map((name) =>
    room.marketo.seed({ email: `${name}@example.org` }),
  )
  const start = await room.changes.tokenSince(0, call)
  room.marketo.merge(winner, [loser])
  room.marketo.remove(gone)
  const page = await room.changes.activities(start, [32, 37], background)
  assert.ok(page.kind === 'page')
  assert.deepEqual(
    page.items.map(({ marketoId, typeId, attributes }) => [marketoId, typeId, attributes['Merge IDs']]),
    [[winner, 32, `[${loser}]`]],
  )
  const deletions = await room.changes.deletedPeople(start, background)
  assert.ok(deletions.kind === 'page')
  assert.deepEqual(
    deletions.items.map(({ marketoId, typeId }) => [marketoId, typeId]),
    [loser, gone].map((id) => [id, 37]),
  )
})

test('tokens that Marketo gave up are lost, and a new one goes on', async () => {
  await using room = await openSandboxRoom()
  const start = await room.changes.tokenSince(0, call)
  const { next } = await readAll(room, start, ['email'])
  room.marketo.expirePagingTokens()
  assert.deepEqual(await room.changes.leadChanges(next, ['email'], call), { kind: 'lost' })
  assert.deepEqual(await room.changes.activities(next, [32], call), { kind: 'lost' })
  assert.deepEqual(await room.changes.deletedPeople(next, call), { kind: 'lost' })
  const id = room.marketo.seed({ email: 'ann@example.org' })
  const { changes } = await readAll(room, await room.changes.tokenSince(0, call), ['email'])
  assert.ok(changes.some(({ marketoId }) => marketoId === id))
})

test('a field that is gone is Rejected by name, and not taken for a lost token', async () => {
  await using room = await openSandboxRoom()
  const { next } = await readAll(room, await room.changes.tokenSince(0, call), ['email'])
  await assert.rejects(
    room.changes.leadChanges(next, ['email', 'shoeSize'], call),
    (error) => error instanceof Rejected && error.detail.field === 'shoeSize',
  )
})

const type: NewActivityType = {
  apiName: 'microsoftSyncResult',
  name: 'Microsoft Sync Result',
  description: 'What became of a person in Dynamics.',
  triggerName: 'Gets a Microsoft Sync Result',
  filterName: 'Got a Microsoft Sync Result',
  primaryAttribute: { apiName: 'outcome', name: 'Outcome', dataType: 'string' },
  attributes: [{ apiName: 'code', name: 'Code', dataType: 'string' }],
}

test('a custom activity is made once, completed later, and added to people', async () => {
  await using room = await openSandboxRoom()
  assert.equal(await room.schema.ensureActivityType(type, call), 'created')
  assert.equal(await room.schema.ensureActivityType(type, call), 'present')
  const attributes = [...type.attributes, { apiName: 'advice', name: 'Advice', dataType: 'text' }]
  assert.equal(await room.schema.ensureActivityType({ ...type, attributes }, call), 'completed')
  assert.equal(await room.schema.ensureActivityType({ ...type, attributes }, call), 'present')
  const found = (await room.schema.activityType(type.apiName, call)) ?? assert.fail('no type')
  assert.deepEqual([...found.attributes].sort(), attributes.map(({ apiName }) => apiName).sort())
  const typeId = found.id

  const marketoId = room.marketo.seed({ email: 'ann@example.org' })
  const one = { marketoId, at: 1_800_000_000_000, typeId, primaryAttributeValue: 'failed' }
  const results = await room.activityLog.add(
    [
      { ...one, attributes: { code: 'field-required', advice: 'Fill it.' } },
      { ...one, marketoId: 999_999, attributes: {} },
      { ...one, attributes: { unheard: 'of' } },
    ],
    background,
  )
  assert.deepEqual(
    results.map(({ kind }) => kind),
    ['created', 'missing', 'refused'],
  )
})

test('a write that is cut off has happened or not; a search says which', async () => {
  await using room = await openSandboxRoom({ settings: { writeTimeoutMs: 500 } })
  await room.schema.ensureField(key, call)
  const endings = [{ kind: 'cut', ending: 'abrupt' }, { kind: 'html' }, { kind: 'reset' }] as const
  for (const [index, how] of endings.entries()) {
    room.marketo.bend({ operation: 'sync', how })
    const person = { microsoftRecordId: `r${index}` }
    assert.deepEqual(await room.syncLeads.upsert([person], key.name, background), [{ kind: 'unknown' }])
    const found = await room.people.search(key.name, [person.microsoftRecordId], [key.name], background)
    const [result] = await room.syncLeads.upsert([person], key.name, background)
    assert.equal(result?.kind, found.length === 1 ? 'updated' : 'created')
  }
})

test('1,001 people with one value are too many to be listed, and the other values are found', async () => {
  await using room = await openSandboxRoom()
  await room.schema.ensureField(key, call)
  for (let count = 0; count < 1_001; count += 1) room.marketo.seed({ microsoftRecordId: 'same' })
  const id = room.marketo.seed({ microsoftRecordId: 'r1' })
  await assert.rejects(
    room.people.search(key.name, ['same', 'r1'], ['email'], background),
    (error) => error instanceof Rejected && error.detail.code === 'marketo-too-many-matches',
  )
  const found = await room.people.search(key.name, ['r1'], [key.name], background)
  assert.deepEqual(found, [{ marketoId: id, fields: { microsoftRecordId: 'r1' } }])
})

test('while the background has used its share, a campaign is still answered', async () => {
  await using room = await openSandboxRoom({ settings: { dailyCallsMax: 10, reservedDailyPercent: 20 } })
  const id = room.marketo.seed({ email: 'ann@example.org' })
  const update = () => room.syncLeads.update([{ marketoId: id, fields: { lastName: 'Ek' } }], background)
  for (let count = 0; count < 8; count += 1) assert.equal((await update())[0]?.kind, 'updated')
  assert.equal((await update())[0]?.kind, 'unsent')
  await assert.rejects(room.people.read([id], ['email'], background), Busy)
  assert.equal((await room.people.read([id], ['email'], call)).size, 1)
})

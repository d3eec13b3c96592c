import assert from 'node:assert/strict'
import test from 'node:test'
import { Busy, Rejected, Unauthorized, Unavailable } from '../../src/errors.ts'
import { type Answer, call, inTurn, json } from '../dataverse/rig.ts'
import { failure, found, openRoom } from './rig.ts'

const page = (result: unknown, more: object = {}): Answer =>
  found(result, { nextPageToken: 'T2====', moreResult: false, ...more })

const edit = {
  id: 1078,
  marketoGUID: '12024689',
  leadId: 4711,
  activityDate: '2026-03-17T22:58:18Z',
  activityTypeId: 13,
  campaignId: 2044,
  fields: [{ id: 55, name: 'lastName', newValue: 'Ek', oldValue: 'Eck' }],
  attributes: [
    { name: 'Source', value: 'Web form fillout' },
    { name: 'Lead ID', value: 4711 },
  ],
}
const readEdit = {
  guid: '12024689',
  marketoId: 4711,
  at: Date.parse('2026-03-17T22:58:18Z'),
  kind: 'changed',
  fields: [{ name: 'lastName', oldValue: 'Eck', newValue: 'Ek' }],
  source: 'Web form fillout',
}

test('a feed begins with a token for a time, in UTC', async () => {
  await using room = await openRoom(json(200, { requestId: 'r#1', success: true, nextPageToken: 'T1====' }))
  assert.equal(await room.changes.tokenSince(Date.parse('2026-03-17T22:58:18.900Z'), call), 'T1====')
  const path = '/rest/v1/activities/pagingtoken.json?sinceDatetime=2026-03-17T22%3A58%3A18Z'
  assert.deepEqual(
    room.calls().map((seen) => [seen.method, seen.path]),
    [['GET', path]],
  )
})

test('a beginning without a token is Unavailable', async () => {
  await using room = await openRoom(found([]))
  await assert.rejects(room.changes.tokenSince(0, call), Unavailable)
})

test('changes come with person, time, values as texts and source, and the token for what follows', async () => {
  const scored = {
    marketoGUID: 'g2',
    leadId: 1,
    activityDate: '2014-09-17T22:31:49+0000',
    activityTypeId: 13,
    fields: [
      { id: 1, name: 'leadScore', newValue: 7 },
      { id: 2, name: 'unsubscribed', newValue: null, oldValue: true },
    ],
  }
  const fresh = { ...scored, marketoGUID: 'g3', activityTypeId: 12, fields: undefined, attributes: [] }
  await using room = await openRoom(page([edit, scored, fresh], { moreResult: true }))
  const at = Date.parse('2014-09-17T22:31:49Z')
  const fields = [
    { name: 'leadScore', oldValue: null, newValue: '7' },
    { name: 'unsubscribed', oldValue: 'true', newValue: null },
  ]
  assert.deepEqual(await room.changes.leadChanges('T1==', ['lastName', 'leadScore'], call), {
    kind: 'page',
    items: [
      readEdit,
      { guid: 'g2', marketoId: 1, at, kind: 'changed', fields },
      { guid: 'g3', marketoId: 1, at, kind: 'new', fields: [] },
    ],
    unreadable: 0,
    next: 'T2====',
    more: true,
  })
  const query = new URL(room.calls()[0]?.path ?? '', 'http://x').searchParams
  assert.deepEqual(Object.fromEntries(query), {
    fields: 'lastName,leadScore',
    nextPageToken: 'T1==',
    batchSize: '300',
  })
})

test('activities come with type, primary attribute and the attributes that are not empty', async () => {
  const merge = {
    marketoGUID: 77,
    leadId: '4711',
    activityDate: '2026-03-17 22:58:18',
    activityTypeId: 32,
    primaryAttributeValueId: 4711,
    primaryAttributeValue: 'Ann Ek',
    attributes: [
      { name: 'Merge IDs', value: [1286861] },
      { name: 'Master Updated', value: false },
      { name: 'Merge Source', value: '' },
      { name: 'Nothing', value: null },
      { value: 'nameless' },
      'none at all',
    ],
  }
  await using room = await openRoom(page([merge]))
  const read = await room.changes.activities('T1==', [32, 37], call)
  assert.ok(read.kind === 'page')
  assert.deepEqual(read.items, [
    {
      guid: '77',
      marketoId: 4711,
      at: Date.parse('2026-03-17T22:58:18Z'),
      typeId: 32,
      primaryAttributeValueId: 4711,
      primaryAttributeValue: 'Ann Ek',
      attributes: { 'Merge IDs': '[1286861]', 'Master Updated': false },
    },
  ])
  const { pathname, searchParams } = new URL(room.calls()[0]?.path ?? '', 'http://x')
  assert.deepEqual([pathname, searchParams.get('activityTypeIds')], ['/rest/v1/activities.json', '32,37'])
})

test('deleted people come from their own feed, whatever type and key their entries have', async () => {
  const deletion = {
    id: 2,
    leadId: 4711,
    activityDate: '2026-03-17T22:58:18+0000',
    activityTypeId: 12,
    primaryAttributeValueId: 4,
    primaryAttributeValue: 'Ann Ek',
    attributes: [],
  }
  const { leadId, ...unnamed } = { ...deletion, marketoGUID: 'g2' }
  await using room = await openRoom(page([deletion, unnamed, { ...deletion, activityDate: '?' }]))
  const read = await room.changes.deletedPeople('T1==', call)
  assert.ok(read.kind === 'page')
  assert.deepEqual(
    read.items.map(({ guid, marketoId, typeId }) => [guid, marketoId, typeId]),
    [
      ['2', leadId, 37],
      ['g2', 4, 37],
    ],
  )
  assert.deepEqual([read.unreadable, read.next, read.more], [1, 'T2====', false])
  const { pathname, searchParams } = new URL(room.calls()[0]?.path ?? '', 'http://x')
  assert.equal(pathname, '/rest/v1/activities/deletedleads.json')
  assert.deepEqual(Object.fromEntries(searchParams), { nextPageToken: 'T1==', batchSize: '300' })
})

test('a page may be empty and another wait behind it, and one without a result has nothing to say', async () => {
  const nothing = json(200, { requestId: 'r#1', success: true, nextPageToken: 'T3==', moreResult: false })
  await using room = await openRoom(inTurn(page([], { moreResult: true }), nothing))
  const first = await room.changes.leadChanges('T1==', ['email'], call)
  assert.deepEqual(first, { kind: 'page', items: [], unreadable: 0, next: 'T2====', more: true })
  const second = await room.changes.leadChanges('T2====', ['email'], call)
  assert.deepEqual(second, { kind: 'page', items: [], unreadable: 0, next: 'T3==', more: false })
})

const leads: [string, object, { next: string; more: boolean }][] = [
  ['without a token leads nowhere else', { moreResult: false }, { next: 'T1==', more: false }],
  ['without a token is not read for ever', { moreResult: true }, { next: 'T1==', more: false }],
  [
    'to itself is not read for ever',
    { nextPageToken: 'T1==', moreResult: true },
    { next: 'T1==', more: false },
  ],
  [
    'with an odd word about more has none',
    { nextPageToken: 'T2', moreResult: 'yes' },
    { next: 'T2', more: false },
  ],
]

for (const [what, members, { next, more }] of leads) {
  test(`a page that leads ${what}`, async () => {
    await using room = await openRoom(found([edit], members))
    const read = await room.changes.leadChanges('T1==', ['email'], call)
    assert.ok(read.kind === 'page')
    assert.deepEqual([read.next, read.more, read.items.length], [next, more, 1])
  })
}

const unreadable: [string, unknown][] = [
  ['that is none', 7],
  ['that is nothing', null],
  ['without a key', { ...edit, marketoGUID: undefined }],
  ['with an empty key', { ...edit, marketoGUID: '' }],
  ['without a person', { ...edit, leadId: undefined }],
  ['of a person who is no number', { ...edit, leadId: { id: 1 } }],
  ['without a date', { ...edit, activityDate: undefined }],
  ['with a date that is none', { ...edit, activityDate: 'today' }],
  ['of another type', { ...edit, activityTypeId: 110 }],
  ['without fields', { ...edit, fields: [] }],
  ['whose fields are no list', { ...edit, fields: { name: 'email' } }],
  ['with a field without a name', { ...edit, fields: [...edit.fields, { newValue: 'x' }] }],
  ['with a value that is no plain one', { ...edit, fields: [{ name: 'email', newValue: { a: 1 } }] }],
]

for (const [what, entry] of unreadable) {
  test(`an entry ${what} is counted, told in the log, and the others are read`, async () => {
    await using room = await openRoom(page([edit, entry, edit]))
    const read = await room.changes.leadChanges('T1==', ['lastName'], call)
    assert.ok(read.kind === 'page')
    assert.deepEqual([read.items, read.unreadable, read.next], [[readEdit, readEdit], 1, 'T2===='])
    const told = room.lines
      .map((line) => JSON.parse(line))
      .find(({ event }) => event === 'marketo-entries-unreadable')
    assert.deepEqual(
      [told.request, told.count, told.vendorRequestId],
      ['read changes', 1, '6227#17d4f044661'],
    )
  })
}

const refusals: [
  string,
  Answer,
  'lost' | typeof Rejected | typeof Busy | typeof Unavailable | typeof Unauthorized,
][] = [
  ['1003', failure('1003', 'Invalid nextPageToken'), 'lost'],
  ['1001', failure('1001', 'Invalid value'), 'lost'],
  ['704', failure('704', 'Invalid date format'), 'lost'],
  ['a new code that speaks of the token', failure('1099', 'The paging token has expired'), 'lost'],
  ['an unknown field', failure('1006', "Field 'x' not found"), Rejected],
  ['an unknown address', failure('610', 'Requested resource not found'), Rejected],
  ['a feature that is off', failure('703', 'Not enabled'), Rejected],
  ['a request that is too large', failure('x', 'x', 414), Unavailable],
  ['413', json(413, {}), Rejected],
  ['603', failure('603', 'Access denied'), Unauthorized],
  ['606', failure('606', 'Rate'), Busy],
  ['607', failure('607', 'Quota'), Busy],
  ['a new code', failure('1099', 'Something'), Unavailable],
  ['HTML', (response) => response.writeHead(502).end('<html>'), Unavailable],
  ['a cut body', (response) => response.end('{"success":true,"result":[{"id":1'), Unavailable],
  ['a result that is no list', found({ id: 1 }), Unavailable],
]

for (const [what, answer, expected] of refusals) {
  test(`${what} ${expected === 'lost' ? 'means that the token is lost' : `is ${expected.name}`}`, async () => {
    await using room = await openRoom(answer)
    const read = room.changes.leadChanges('T1==', ['email'], call)
    if (expected === 'lost') assert.deepEqual(await read, { kind: 'lost' })
    else await assert.rejects(read, expected)
  })
}

test('a token that was just issued is not lost when it is refused: another would not help', async () => {
  const issued = json(200, { success: true, nextPageToken: 'T1==' })
  const no = failure('1003', 'No')
  await using room = await openRoom(inTurn(issued, no, page([edit]), no))
  await room.changes.tokenSince(0, call)
  await assert.rejects(room.changes.leadChanges('T1==', ['email'], call), Rejected)
  await room.changes.leadChanges('T1==', ['email'], call)
  assert.deepEqual(await room.changes.leadChanges('T1==', ['email'], call), { kind: 'lost' })
})

test('a token that is too long for an address goes as a form', async () => {
  await using room = await openRoom(page([]))
  const token = `${'T'.repeat(9_000)}====`
  await room.changes.leadChanges(token, ['email'], call)
  const [{ method = '', path = '', body = '' } = {}] = room.calls()
  assert.deepEqual([method, path], ['POST', '/rest/v1/activities/leadchanges.json?_method=GET'])
  assert.equal(new URLSearchParams(body).get('nextPageToken'), token)
})

test('each kind of call has its own time', async () => {
  const settings = { feedTimeoutMs: 50, feedStartTimeoutMs: 60_000 }
  const held: (() => void)[] = []
  const slowly: Answer = (response, seen) => {
    if (seen.path.includes('pagingtoken')) held.push(() => page([])(response, seen))
  }
  await using room = await openRoom(slowly, { settings })
  const start = room.changes.tokenSince(0, call)
  await assert.rejects(room.changes.leadChanges('T1==', ['email'], call), Unavailable)
  held[0]?.()
  assert.equal(await start, 'T2====')
})

test('a page of 20,000 entries is read', async () => {
  const many = Array.from({ length: 20_000 }, (_, index) => ({ ...edit, marketoGUID: `g${index}` }))
  await using room = await openRoom(page(many))
  const read = await room.changes.leadChanges('T1==', ['email'], call)
  assert.ok(read.kind === 'page')
  assert.equal(read.items.length, 20_000)
})

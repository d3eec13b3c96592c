import assert from 'node:assert/strict'
import test from 'node:test'
import type { Bend } from '../../sandbox/index.ts'
import type { ChangePage } from '../../src/dataverse/changes.ts'
import type { Update } from '../../src/dataverse/rows.ts'
import { Busy, Rejected, Unavailable } from '../../src/errors.ts'
import { call } from './rig.ts'
import { openRoom } from './room.ts'

const columns = ['firstname', 'lastname', 'emailaddress1', 'revenue', '_ownerid_value']
const selects = { lead: columns, contact: ['lastname'] }

type Room = Awaited<ReturnType<typeof openRoom>>

/** All pages from here to the delta link. */
async function toTheEnd(room: Room, first: ChangePage) {
  const pages = [first]
  for (let page = first; page.more; ) {
    const next = await room.changes.follow('lead', page.next, call)
    assert.ok(next.kind === 'page')
    pages.push(next)
    page = next
  }
  return {
    pages: pages.length,
    rows: pages.flatMap(({ rows }) => rows),
    deletedIds: pages.flatMap(({ deletedIds }) => deletedIds),
    unreadable: pages.flatMap(({ unreadable }) => unreadable),
    next: pages.at(-1)?.next ?? assert.fail(),
  }
}

async function delta(room: Room, next: string) {
  const page = await room.changes.follow('lead', next, call)
  assert.ok(page.kind === 'page')
  return toTheEnd(room, page)
}

const startAll = async (room: Room) => toTheEnd(room, await room.changes.start('lead', columns, call))

test('a first read shows every row, and each delta what has happened since', async () => {
  await using room = await openRoom({ settings: { changesPageSize: 10 } })
  const { dataverse } = room.sandbox
  const ids = Array.from({ length: 25 }, (_, count) => dataverse.seed('lead', { lastname: `Ng ${count}` }))
  const first = await startAll(room)
  assert.deepEqual([first.pages, first.deletedIds, first.unreadable], [3, [], []])
  assert.deepEqual(first.rows.map(({ id }) => id).sort(), [...ids].sort())
  const quiet = await delta(room, first.next)
  assert.deepEqual([quiet.rows, quiet.deletedIds], [[], []])

  const [changed = '', removed = ''] = ids
  dataverse.update('lead', changed, { lastname: 'Lovelace' })
  dataverse.remove('lead', removed)
  const added = dataverse.seed('lead', { lastname: 'New' })
  const later = await delta(room, quiet.next)
  assert.deepEqual(
    later.rows.map(({ id, columns: { lastname } }) => [id, lastname]),
    [
      [changed, 'Lovelace'],
      [added, 'New'],
    ],
  )
  assert.deepEqual(later.deletedIds, [removed])
  const again = await delta(room, quiet.next)
  assert.deepEqual(
    again.rows.map(({ id }) => id),
    later.rows.map(({ id }) => id),
  )
})

test('the etag of a change is the one that an update needs, and the answer has the next one', async () => {
  await using room = await openRoom()
  const { dataverse } = room.sandbox
  const id = dataverse.seed('lead', { lastname: 'Ng' })
  const { rows, next } = await startAll(room)
  const update = (etag: string, lastname: string): Update => ({
    ref: { table: 'lead', id },
    etag,
    columns: { lastname },
  })
  const [first] = await room.rows.update([update(rows[0]?.etag ?? '', 'Ada')], selects, call)
  assert.ok(first?.kind === 'updated')
  assert.equal(first.row.columns.lastname, 'Ada')
  const [stale, second] = await room.rows.update(
    [update(rows[0]?.etag ?? '', 'Late'), update(first.row.etag, 'Grace')],
    selects,
    call,
  )
  assert.ok(stale?.kind === 'stale' && second?.kind === 'updated')
  assert.equal(dataverse.row('lead', id)?.lastname, 'Grace')
  const echo = await delta(room, next)
  assert.deepEqual(
    echo.rows.map(({ etag, columns: { lastname } }) => [etag, lastname]),
    [[second.row.etag, 'Grace']],
  )
  dataverse.remove('lead', id)
  assert.deepEqual(await room.rows.update([update(second.row.etag, 'Nobody')], selects, call), [
    { kind: 'missing' },
  ])
  assert.equal((await room.rows.readRows([{ table: 'lead', id }], selects, call)).size, 0)
})

test('of two who update the same state one is told that it is stale', async () => {
  await using room = await openRoom()
  const id = room.sandbox.dataverse.seed('lead', { lastname: 'Ng' })
  const [row] = (await startAll(room)).rows
  const one = (lastname: string) =>
    [{ ref: { table: 'lead', id }, etag: row?.etag ?? '', columns: { lastname } }] as const
  const results = await Promise.all([
    room.rows.update(one('Ada'), selects, call),
    room.rows.update(one('Grace'), selects, call),
  ])
  assert.deepEqual(
    results
      .flat()
      .map(({ kind }) => kind)
      .sort(),
    ['stale', 'updated'],
  )
})

test('a thousand updates and the reading of a thousand rows are one request each', async () => {
  await using room = await openRoom()
  const { dataverse } = room.sandbox
  for (let count = 0; count < 1_000; count += 1) dataverse.seed('lead', { lastname: `Ng ${count}` })
  const { rows } = await startAll(room)
  const before = dataverse.calls.length
  const updates = rows.map(
    ({ id, etag }): Update => ({ ref: { table: 'lead', id }, etag, columns: { firstname: 'Ada' } }),
  )
  const results = await room.rows.update(updates, selects, call)
  assert.ok(results.every((one, index) => one.kind === 'updated' && one.row.id === rows[index]?.id))
  const read = await room.rows.readRows(
    updates.map(({ ref }) => ref),
    selects,
    call,
  )
  assert.equal(read.size, 1_000)
  assert.ok([...read.values()].every((row) => row.columns.firstname === 'Ada'))
  assert.equal(dataverse.calls.length - before, 2)
})

test('refusals of single rows name their column, and the others are updated', async () => {
  await using room = await openRoom()
  const { dataverse } = room.sandbox
  const email = 'twin@example.invalid'
  for (let count = 0; count < 4; count += 1)
    dataverse.seed('lead', { lastname: `Ng ${count}`, emailaddress1: email })
  const { rows } = await startAll(room)
  const given = [
    { lastname: 'x'.repeat(51) },
    { nonsense: 'x' },
    { 'parentcontactid@odata.bind': '/contacts(6d81597f-0f9f-4711-8122-000d3aa2331c)' },
    { lastname: 'Twin' },
  ]
  const updates = rows.map(
    ({ id, etag }, index): Update => ({ ref: { table: 'lead', id }, etag, columns: given[index] ?? {} }),
  )
  const results = await room.rows.update(updates, selects, call)
  assert.deepEqual(
    results.map((one) => (one.kind === 'refused' ? [one.detail.code, one.detail.field] : one.kind)),
    [
      ['field-too-long', 'lastname'],
      ['mapping-invalid', 'nonsense'],
      ['lookup-not-found', undefined],
      'updated',
    ],
  )
})

const drifts: [string, (room: Room) => void][] = [
  ['when the tokens have expired', ({ sandbox }) => sandbox.dataverse.expireTokens('lead')],
  ['when a column was added', ({ sandbox }) => void sandbox.dataverse.changeColumn('lead', 'new_x', {})],
  [
    'when a column of it is gone',
    ({ sandbox }) => sandbox.dataverse.changeColumn('lead', 'revenue', { remove: true }),
  ],
]

for (const [name, drift] of drifts) {
  test(`a link is expired ${name}`, async () => {
    await using room = await openRoom()
    room.sandbox.dataverse.seed('lead', { lastname: 'Ng' })
    const { next } = await startAll(room)
    drift(room)
    assert.deepEqual(await room.changes.follow('lead', next, call), { kind: 'expired' })
    const live = await room.metadata.table('lead', call, { fresh: true })
    const left = columns.filter((column) => column.startsWith('_') || live.columns.has(column))
    assert.equal((await room.changes.start('lead', left, call)).rows.length, 1)
  })
}

test('a column that is not there and tracking that is off are told at the start', async () => {
  await using room = await openRoom()
  const codeOf = (code: string) => (error: unknown) => error instanceof Rejected && error.detail.code === code
  await assert.rejects(room.changes.start('lead', ['nonsense'], call), codeOf('mapping-invalid'))
  room.sandbox.dataverse.setChangeTracking('lead', false)
  await assert.rejects(room.changes.start('lead', columns, call), codeOf('change-tracking-off'))
  assert.equal((await room.metadata.table('lead', call, { fresh: true })).changeTracking, false)
})

const spoilt: [string, Bend['how'], typeof Busy | typeof Rejected | typeof Unavailable][] = [
  ['links to another origin', { kind: 'foreign-link', origin: 'http://127.0.0.1:1' }, Rejected],
  ['HTML with status 200', { kind: 'html-200' }, Unavailable],
  ['a body cut off', { kind: 'cut-body-after-commit' }, Unavailable],
  ['a reset', { kind: 'reset-before-commit' }, Unavailable],
  ['a throttle', { kind: 'throttle', code: '0x80072322', retryAfter: '0' }, Busy],
]

for (const [name, how, thrown] of spoilt) {
  test(`after ${name} the same link still shows everything`, async () => {
    await using room = await openRoom({ settings: { retryAfterMinMs: 1, changesPageSize: 2 } })
    const { dataverse } = room.sandbox
    const { next } = await startAll(room)
    const ids = Array.from({ length: 5 }, () => dataverse.seed('lead', { lastname: 'Ng' }))
    dataverse.bend({ operation: 'changes', how })
    await assert.rejects(room.changes.follow('lead', next, call), thrown)
    while (room.stats().pausedForMs > 0) await new Promise((resolve) => setImmediate(resolve))
    const { rows } = await delta(room, next)
    assert.deepEqual(rows.map(({ id }) => id).sort(), [...ids].sort())
  })
}

test('a row that was spoilt on its way can be read by its id', async () => {
  await using room = await openRoom()
  const { dataverse } = room.sandbox
  const { next } = await startAll(room)
  const ids = Array.from({ length: 3 }, () => dataverse.seed('lead', { lastname: 'Ng' }))
  dataverse.bend({ operation: 'changes', how: { kind: 'spoil-row', at: 1, unset: ['@odata.etag'] } })
  const { rows, unreadable } = await delta(room, next)
  assert.deepEqual([rows.length, unreadable.length], [2, 1])
  const id = unreadable[0]?.id ?? assert.fail()
  assert.ok(ids.includes(id))
  assert.equal((await room.rows.readRows([{ table: 'lead', id }], selects, call)).size, 1)
})

test('a row that was deleted and restored between two reads is not taken for gone', async () => {
  await using room = await openRoom()
  const { dataverse } = room.sandbox
  const id = dataverse.seed('lead', { lastname: 'Ng' })
  const { next } = await startAll(room)
  dataverse.remove('lead', id)
  dataverse.restore('lead', id)
  const { rows, deletedIds, unreadable } = await delta(room, next)
  assert.deepEqual(deletedIds, [])
  assert.deepEqual(
    [...rows, ...unreadable].map((one) => one.id),
    [id],
  )
})

const lost: [string, Bend['how']][] = [
  ['a reset', { kind: 'reset-after-commit' }],
  ['an HTML 502', { kind: 'html-502-after-commit' }],
  ['a body cut off', { kind: 'cut-body-after-commit' }],
  ['a body cut off that looks complete', { kind: 'cut-body-after-commit', ending: 'clean' }],
  ['a reset in the middle', { kind: 'reset-mid-batch', after: 1 }],
]

for (const [name, how] of lost) {
  test(`what a batch lost to ${name} has done is unknown, and a read tells`, async () => {
    await using room = await openRoom()
    const { dataverse } = room.sandbox
    for (let count = 0; count < 2; count += 1) dataverse.seed('lead', { lastname: 'Ng' })
    const { rows } = await startAll(room)
    dataverse.bend({ operation: 'batch', how })
    const updates = rows.map(
      ({ id, etag }): Update => ({ ref: { table: 'lead', id }, etag, columns: { lastname: 'Ada' } }),
    )
    const kinds = async () => (await room.rows.update(updates, selects, call)).map(({ kind }) => kind)
    assert.deepEqual(await kinds(), ['unknown', 'unknown'])
    const read = await room.rows.readRows(
      updates.map(({ ref }) => ref),
      selects,
      call,
    )
    const done = rows.map(({ id }) => read.get(`lead:${id}`)?.columns.lastname === 'Ada')
    assert.deepEqual(done, [true, how.kind !== 'reset-mid-batch'])
    assert.deepEqual(
      await kinds(),
      done.map((one) => (one ? 'stale' : 'updated')),
    )
  })
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import type { ChangePage } from '../../src/dataverse/changes.ts'
import type { Rows, SeenRow } from '../../src/dataverse/rows.ts'
import { Busy, Rejected, Unauthorized, Unavailable } from '../../src/errors.ts'
import { defaultSelection } from '../../src/person/selection.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { SqliteLeases } from '../../src/store/sqlite/leases.ts'
import { SqliteSyncStore } from '../../src/store/sqlite/sync-store.ts'
import { RowIntake } from '../../src/sync/intake/row-intake.ts'
import { defaultSyncSettings } from '../../src/sync/settings.ts'
import { schemaOf } from '../person/live-schemas.ts'

const REFUSED = { code: 'row-unreadable', advice: 'a' }

const rowOf = (id: string): SeenRow => ({ id, etag: 'e', columns: {} })

/** The page that is taken in after one with these rows unreadable, when Dynamics answers like that by id. */
async function clearUp(ids: readonly string[], readRows: (id: string) => SeenRow | undefined) {
  using database = new Database({ path: ':memory:' })
  const asked: string[][] = []
  const rows: Pick<Rows, 'readRows'> = {
    async readRows(refs) {
      asked.push(refs.map(({ id }) => id))
      const found = refs.flatMap(({ id }) => readRows(id) ?? [])
      return new Map(found.map((row) => [`lead:${row.id}`, row]))
    },
  }
  const intake = new RowIntake({
    ...{ recordType: 'lead', clock: systemClock, settings: defaultSyncSettings },
    ...{ rows, store: new SqliteSyncStore(database, new SqliteLeases(systemClock)) },
  })
  const page: ChangePage = {
    ...{ kind: 'page', rows: [rowOf('seen')], deletedIds: [], next: 'n', more: false },
    unreadable: [{}, ...ids.map((id) => ({ id }))],
  }
  const schema = schemaOf(defaultSelection())
  const cleared = await intake.clearUp(page, { schema, signal: new AbortController().signal })
  return { asked, rows: cleared.rows.map(({ id }) => id), unreadable: cleared.unreadable }
}

test('a row that a page told unreadably is read by its id', async () => {
  const { rows, unreadable } = await clearUp(['a'], rowOf)
  assert.deepEqual([rows, unreadable], [['seen', 'a'], [{}]])
})

test('a row that stays unreadable is passed over, and keeps no other one from being read', async () => {
  const { rows, unreadable } = await clearUp(['a', 'bad', 'c'], (id) => {
    if (id === 'bad') throw new Rejected('no row', REFUSED)
    return rowOf(id)
  })
  assert.deepEqual(
    [rows, unreadable],
    [
      ['seen', 'a', 'c'],
      [{}, { id: 'bad' }],
    ],
  )
})

test('many rows that are refused together are not asked for one by one', async () => {
  const ids = Array.from({ length: 50 }, (_, index) => `id-${index}`)
  const { asked, unreadable } = await clearUp(ids, () => {
    throw new Rejected('no column', REFUSED)
  })
  assert.deepEqual([asked.length, unreadable.length], [1, 51])
})

for (const error of [
  new Busy('wait', 1_000),
  new Unavailable('away'),
  new Unauthorized('no', { code: 'c', advice: 'a' }),
]) {
  test(`${error.name} says nothing about a row: the page is read again later`, async () => {
    const ask = () => {
      throw error
    }
    await assert.rejects(clearUp(['a', 'b'], ask), error)
  })
}

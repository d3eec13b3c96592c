import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Bindings } from '../../src/store/binding-port.ts'
import { PostgresBindings } from '../../src/store/postgres/bindings.ts'
import { SqliteBindings } from '../../src/store/sqlite/bindings.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { withoutPostgres } from '../postgres/cluster.ts'
import { openPostgres } from './postgres-rig.ts'

async function firstWins(bindings: Bindings): Promise<void> {
  assert.equal(await bindings.bound('organisation'), undefined)
  const [one, other] = await Promise.all([
    bindings.bind('organisation', 'a'),
    bindings.bind('organisation', 'b'),
  ])
  assert.equal(one, other, 'two that start at once are told the same')
  assert.equal(await bindings.bind('organisation', 'c'), one)
  assert.equal(await bindings.bound('organisation'), one)
  assert.equal(await bindings.bound('subscription'), undefined)
}

describe('what a store is bound to', () => {
  it('is what came first, on SQLite', async () => {
    using database = new Database({ path: ':memory:' })
    await firstWins(new SqliteBindings(database))
  })

  it('is what came first, on PostgreSQL', { skip: withoutPostgres }, async () => {
    await using rig = await openPostgres()
    await firstWins(new PostgresBindings(rig.postgres))
  })
})

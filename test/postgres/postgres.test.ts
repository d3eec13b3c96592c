import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import pg from 'pg'
import { systemClock, systemRandom } from '../../src/clock.ts'
import { StoreUnavailable } from '../../src/errors.ts'
import { migrate, readFunctions } from '../../src/store/postgres/migrations.ts'
import { Postgres } from '../../src/store/postgres/postgres.ts'
import { statement } from '../../src/store/postgres/statement.ts'
import { PostgresStore } from '../../src/store/postgres/store.ts'
import { accept, deriveRecordId, newRequest } from '../store/contract.ts'
import { openPostgres } from '../store/postgres-rig.ts'
import { Cluster, withoutPostgres, withoutServers } from './cluster.ts'
import { Forwarder } from './forwarder.ts'
import { sharedCluster } from './shared-cluster.ts'

const COUNT = statement('select count(*) as links from link')
const ADD = statement(
  `insert into link (state, canonical_key, record_type, record_id, generation, created_at)
   values ('claimed', :key, 'lead', 'r', 0, 0)`,
  { key: 'email:a@x' },
)

function connect(url: string, lost: (error: Error) => void = () => {}): Postgres {
  return new Postgres({ url, poolMax: 3, clock: systemClock, random: systemRandom, lost })
}

async function empty() {
  const cluster = await sharedCluster()
  const postgres = connect(await cluster.createDatabase())
  await migrate(postgres)
  return { postgres, [Symbol.asyncDispose]: () => postgres.close() }
}

describe('statements on PostgreSQL', { skip: withoutPostgres }, () => {
  it('takes parameters by name, and whole numbers come back as numbers', async () => {
    await using under = await empty()
    const sql = 'select :at::bigint as at, :word as word, :at::bigint + 1 as later'
    const rows = await under.postgres.query(sql, { at: 1_700_000_000_000, word: 'ett' })
    assert.deepEqual(rows, [{ at: 1_700_000_000_000, word: 'ett', later: 1_700_000_000_001 }])
    assert.throws(() => statement('select :at', { now: 1 }), /no value for :at/)
  })

  it('does all of a transaction or nothing, and names the first error', async () => {
    await using under = await empty()
    const broken = under.postgres.transaction([ADD, { text: 'select 1 / 0', values: [] }, ADD])
    await assert.rejects(broken, /division by zero/)
    assert.deepEqual(await under.postgres.run(COUNT), [{ links: 0 }])
    assert.deepEqual(await under.postgres.transaction([ADD, COUNT]), [[], [{ links: 1 }]])
  })

  it('is brought up to date by one of several that start together', async () => {
    const cluster = await sharedCluster()
    const url = await cluster.createDatabase()
    const replicas = [connect(url), connect(url), connect(url)]
    const schemas = await Promise.all(replicas.map((one) => migrate(one)))
    assert.equal(new Set(schemas).size, 1)
    await Promise.all(replicas.map((one) => one.close()))
  })
})

describe('two versions of the service', { skip: withoutPostgres }, () => {
  it('work side by side on one database, each with its own functions', async () => {
    await using older = await openPostgres()
    const functions = await migrate(older.postgres, `${readFunctions()} -- as the next version has them`)
    assert.notEqual(functions, older.functions)
    const { postgres, jobs } = older
    const newer = new PostgresStore({ postgres, functions, jobs, deriveRecordId })
    const work = await accept(older.store, newRequest({ marketoId: 1, email: 'a@x' }))
    const { recordId, recordType } = work.link
    const intent = await newer.storeIntent(work.requestId, recordId, '{}', 1_000_000)
    assert.equal(intent.kind, 'stored')
    const { outcome } = await older.store.settle(
      work.requestId,
      { kind: 'linked', recordType, recordId, provenAt: 1_000_000 },
      1_000_000,
    )
    assert.equal(outcome.outcome, 'created')
    const again = await accept(newer, newRequest({ email: 'a@x' }))
    assert.equal(again.link.linkId, work.link.linkId)
    assert.equal(await migrate(older.postgres), older.functions)
  })
})

describe('PostgreSQL in trouble', { skip: withoutServers }, () => {
  it('goes on by itself when its connections are cut or the server restarts', async () => {
    await using cluster = await Cluster.start()
    const postgres = connect(await cluster.createDatabase())
    await migrate(postgres)
    await postgres.run(ADD)
    await cluster.cutConnections()
    assert.deepEqual(await postgres.run(COUNT), [{ links: 1 }])
    await cluster.restart()
    assert.deepEqual(await postgres.run(COUNT), [{ links: 1 }])
    await postgres.close()
  })

  it('does not wait for ever for a network that swallows everything', async () => {
    await using cluster = await Cluster.start()
    await using forwarder = await Forwarder.listen(cluster.port)
    const url = forwarder.urlOf(await cluster.createDatabase())
    const limits = { verbMs: 300, probeMs: 200, retryForMs: 100 }
    const postgres = new Postgres({
      url,
      poolMax: 1,
      clock: systemClock,
      random: systemRandom,
      lost: () => {},
      limits,
    })
    await postgres.once('select 1')
    forwarder.swallow()
    await assert.rejects(postgres.run({ text: 'select 1', values: [] }), StoreUnavailable)
    assert.deepEqual(await postgres.query('select 1 as one'), [{ one: 1 }], 'on a new connection')
    forwarder.swallow()
    await assert.rejects(postgres.once('select 1'))
    await postgres.close()
  })

  it('does nothing any more of what it gave up, whoever held the lock', async () => {
    await using cluster = await Cluster.start()
    const url = await cluster.createDatabase()
    const postgres = new Postgres({
      url,
      poolMax: 9,
      clock: systemClock,
      random: systemRandom,
      lost: () => {},
      limits: { verbMs: 400, retryForMs: 100 },
    })
    await postgres.query('create table note (text text)')
    const add = statement("insert into note values ('late')")
    await postgres.run(add)
    const holder = new pg.Client({ connectionString: url })
    await holder.connect()
    await holder.query('begin; lock table note in exclusive mode')
    const held = [1, 2, 3].flatMap(() => [
      postgres.run(add),
      postgres.transaction([statement('select 1'), add]),
      postgres.once(add.text),
    ])
    for (const { status, reason } of (await Promise.allSettled(held)) as PromiseRejectedResult[]) {
      assert.equal(status, 'rejected')
      assert.ok(reason instanceof StoreUnavailable)
      assert.equal(reason.message, 'the database did not do it in time')
    }
    await holder.query('commit')
    await untilNobodyWorks(holder)
    assert.deepEqual(await postgres.query('select count(*) as notes from note'), [{ notes: 1 }])
    await holder.end()
    await postgres.close()
  })

  it('says that the store is away when the server does not come back, and at once when it is only asked', async () => {
    await using cluster = await Cluster.start()
    const postgres = connect(await cluster.createDatabase())
    await postgres.once('select 1')
    await cluster.stop()
    await assert.rejects(postgres.once('select 1'))
    await assert.rejects(postgres.run({ text: 'select 1', values: [] }), StoreUnavailable)
    await postgres.close()
  })
})

/** Until no other connection of the database is in the middle of something. */
async function untilNobodyWorks(client: pg.Client): Promise<void> {
  const query = `select count(*)::int as busy from pg_stat_activity
                  where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'`
  for (;;) {
    const { rows } = await client.query(query)
    if (rows[0]?.busy === 0) return
  }
}

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SqliteLeases } from '../../src/store/sqlite/leases.ts'
import { withoutPostgres } from '../postgres/cluster.ts'
import { whileHeld } from '../postgres/held.ts'
import { leaseContract } from './lease-contract.ts'
import { openPostgres } from './postgres-rig.ts'

leaseContract('SQLite', async () => {
  let now = 1_700_000_000_000
  return {
    leases: new SqliteLeases({ now: () => now }),
    async pass(ms) {
      now += ms
    },
    async [Symbol.asyncDispose]() {},
  }
})

async function onPostgres() {
  const opened = await openPostgres()
  return {
    ...opened,
    /** The server's clock goes its own way: what was stored gets older instead. */
    pass: async (ms: number) =>
      void (await opened.postgres.query('update lease set until = until - :ms::bigint', { ms })),
  }
}

leaseContract('PostgreSQL', onPostgres, withoutPostgres)

describe('the fence in PostgreSQL', { skip: withoutPostgres }, () => {
  it('lets pass who needs none and whose lease it is, and nobody of the past', async () => {
    await using under = await onPostgres()
    const { postgres, functions, leases } = under
    const passes = async (fence: number | null) => {
      const [row] = await postgres.query(`select ${functions}.require_fence(:fence) as passes`, { fence })
      return row?.passes
    }
    assert.deepEqual([await passes(null), await passes(0), await passes(1)], [true, false, false])
    await leases.acquire('background-sync', 'a', 60_000)
    assert.deepEqual([await passes(1), await passes(2)], [true, false])
    await under.pass(60_001)
    assert.deepEqual([await passes(null), await passes(1)], [true, false])
    await leases.acquire('background-sync', 'b', 60_000)
    assert.deepEqual([await passes(1), await passes(2)], [false, true])
  })

  it('keeps the lease from being taken until what was found out under it is written', async () => {
    await using under = await onPostgres()
    const { url, functions, leases } = under
    await leases.acquire('background-sync', 'a', 60_000)
    const asked = [`select ${functions}.require_fence(1)`]
    const acquire = () => leases.acquire('background-sync', 'b', 60_000)
    assert.deepEqual(await whileHeld(url, asked, [acquire]), [undefined])
  })

  it('says no to who had to wait for the lease while another one took it', async () => {
    await using under = await onPostgres()
    const { url, leases, sync } = under
    await leases.acquire('background-sync', 'a', 60_000)
    await leases.release('background-sync', 1)
    const taken = [`update lease set fence = 2, holder = 'b', until = until + 4102444800000`]
    const save = () => sync.save({ now: 1, fence: 1, cursors: [{ stream: 'marketo-life', position: 'p' }] })
    assert.deepEqual(await whileHeld(url, taken, [save]), [{ kind: 'fenced' }])
    assert.deepEqual((await sync.readState()).cursors, [])
  })
})

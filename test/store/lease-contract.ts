import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Leases } from '../../src/store/lease-port.ts'

export interface LeasesUnderTest extends AsyncDisposable {
  leases: Leases
  /** Time goes by for whoever decides when a lease is over. */
  pass(ms: number): Promise<void>
}

const NAME = 'background-sync'
const TTL_MS = 60_000

/** What every driver of leases must do. One suite for all of them. */
export function leaseContract(
  name: string,
  open: () => Promise<LeasesUnderTest>,
  skip: string | false = false,
) {
  const test = (title: string, run: (under: LeasesUnderTest) => Promise<void>) =>
    it(title, async () => {
      await using under = await open()
      await run(under)
    })
  const acquire = ({ leases }: LeasesUnderTest, holder: string) => leases.acquire(NAME, holder, TTL_MS)

  describe(`leases on ${name}`, { skip }, () => {
    test('of many who ask at once, one gets it', async (under) => {
      const asked = Array.from({ length: 12 }, (_, number) => acquire(under, `r${number}`))
      const granted = (await Promise.all(asked)).filter((one) => one !== undefined)
      assert.deepEqual(granted, [{ fence: 1 }])
    })

    test('who has it keeps it and its fence, whoever else asks, until it is over', async (under) => {
      assert.deepEqual(await acquire(under, 'a'), { fence: 1 })
      await under.pass(TTL_MS - 10_000)
      assert.equal(await acquire(under, 'b'), undefined)
      assert.deepEqual(await acquire(under, 'a'), { fence: 1 })
      await under.pass(TTL_MS - 10_000)
      assert.equal(await acquire(under, 'b'), undefined)
      await under.pass(10_001)
      assert.deepEqual(await acquire(under, 'b'), { fence: 2 })
      assert.equal(await acquire(under, 'a'), undefined)
    })

    test('who let it end gets a new fence, even when nobody had it in between', async (under) => {
      assert.deepEqual(await acquire(under, 'a'), { fence: 1 })
      await under.pass(TTL_MS + 1)
      assert.deepEqual(await acquire(under, 'a'), { fence: 2 })
      assert.equal(await under.leases.renew(NAME, 1, TTL_MS), false)
    })

    test('a renewal makes it longer, and comes too late once it is over', async (under) => {
      const { leases, pass } = under
      assert.equal(await leases.renew(NAME, 1, TTL_MS), false, 'nobody ever had it')
      await acquire(under, 'a')
      await pass(TTL_MS - 10_000)
      assert.equal(await leases.renew(NAME, 1, TTL_MS), true)
      await pass(TTL_MS - 10_000)
      assert.equal(await acquire(under, 'b'), undefined)
      await pass(10_001)
      assert.equal(await leases.renew(NAME, 1, TTL_MS), false)
      await acquire(under, 'b')
      assert.equal(await leases.renew(NAME, 1, TTL_MS), false)
      assert.equal(await leases.renew(NAME, 2, TTL_MS), true)
    })

    test('released it is free at once; a release by a fence of the past does nothing', async (under) => {
      const { leases } = under
      await leases.release(NAME, 1)
      await acquire(under, 'a')
      await leases.release(NAME, 1)
      await leases.release(NAME, 1)
      assert.equal(await leases.renew(NAME, 1, TTL_MS), false)
      assert.deepEqual(await acquire(under, 'b'), { fence: 2 })
      await leases.release(NAME, 1)
      assert.equal(await acquire(under, 'c'), undefined)
    })

    test('everybody can read who has it since when, and what was said last', async (under) => {
      const { leases, pass } = under
      assert.equal(await leases.read(NAME), undefined)
      await acquire(under, 'a')
      const { since = 0, ...lease } = (await leases.read(NAME)) ?? {}
      assert.deepEqual(lease, { holder: 'a', fence: 1, isOver: false })
      await leases.renew(NAME, 1, TTL_MS, 'one')
      await leases.renew(NAME, 1, TTL_MS)
      await acquire(under, 'a')
      const said = { holder: 'a', fence: 1, note: 'one' }
      assert.deepEqual(await leases.read(NAME), { ...said, since, isOver: false })
      await pass(TTL_MS + 1)
      const { since: _, ...over } = (await leases.read(NAME)) ?? {}
      assert.deepEqual(over, { ...said, isOver: true })
      await acquire(under, 'b')
      const { since: later = 0, ...next } = (await leases.read(NAME)) ?? {}
      assert.deepEqual(next, { holder: 'b', fence: 2, note: 'one', isOver: false })
      assert.ok(later >= since)
      assert.equal(await leases.renew(NAME, 1, TTL_MS, 'by a'), false)
      assert.equal((await leases.read(NAME))?.note, 'one')
    })
  })
}

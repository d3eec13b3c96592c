import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoreUnavailable } from '../../src/errors.ts'
import { StoreProbe } from '../../src/store/store-probe.ts'
import { manualClock } from '../dataverse/manual-clock.ts'

function rig() {
  const time = manualClock()
  const asked = { looks: 0, failure: undefined as Error | undefined }
  const probe = async () => {
    asked.looks += 1
    if (asked.failure) throw asked.failure
  }
  return { ...time, asked, store: new StoreProbe({ probe }, time.clock) }
}

test('the database is looked at once in three seconds, however many ask', async () => {
  const { store, asked, advance } = rig()
  assert.deepEqual(await Promise.all([store.reason(), store.reason()]), [undefined, undefined])
  await advance(2_999)
  await store.reason()
  assert.equal(asked.looks, 1)
  await advance(1)
  await store.reason()
  assert.equal(asked.looks, 2)
})

test('the reason is there within three seconds, in words for everybody, and goes by itself', async () => {
  const { store, asked, advance } = rig()
  asked.failure = new StoreUnavailable('the disk is full')
  assert.equal(await store.reason(), 'the disk is full')
  asked.failure = new TypeError('of ours, with a path: /data/x')
  await advance(3_000)
  assert.equal(await store.reason(), 'the database reports an error')
  asked.failure = undefined
  await advance(3_000)
  assert.equal(await store.reason(), undefined)
})

test('a clock that is set back does not keep an old answer', async () => {
  const { store, asked, advance } = rig()
  await store.reason()
  await advance(-3_600_000)
  await store.reason()
  assert.equal(asked.looks, 2)
})

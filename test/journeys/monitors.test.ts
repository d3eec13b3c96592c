import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startRig } from './rig.ts'

const CALLS = 20

for (const path of ['/flow-step/status', '/v1/sync/fields']) {
  test(`a monitor that reads ${path} again and again costs the vendors no more than one that reads it once`, async () => {
    await using rig = await startRig({ STATUS_CACHE_SECONDS: '60', SYNC_INTERVAL_SECONDS: '0' })
    const { dataverse, marketo } = rig.sandbox
    const cost = () => dataverse.calls.length + marketo.calls.length
    const before = cost()
    const once = await rig.request('GET', path)
    assert.equal(once.status, 200)
    const ofOne = cost() - before
    assert(ofOne > 0, 'the vendors are asked')
    const answers = await Promise.all(Array.from({ length: CALLS }, () => rig.request('GET', path)))
    assert.deepEqual(new Set(answers.map(({ text }) => text)), new Set([once.text]))
    assert.equal(cost() - before, ofOne)
  })
}

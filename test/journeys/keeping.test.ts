import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Clock, systemClock } from '../../src/clock.ts'
import { startRig } from './rig.ts'

const HOUR_MS = 3_600_000
const PERSON = { marketoId: 4711, email: 'ann@example.com', lastName: 'Ek' }

/** The system's clock, as far ahead as a test wants. */
function movableClock(): Clock & { ahead(ms: number): void } {
  let offset = 0
  return {
    ...systemClock,
    now: () => systemClock.now() + offset,
    ahead: (ms) => {
      offset += ms
    },
  }
}

describe('in the long run', () => {
  it('a person whom Dynamics never takes ends as a recorded failure, and is created when sent again', async () => {
    const clock = movableClock()
    await using rig = await startRig({ REST_DEADLINE_MS: '200', GIVE_UP_AFTER_HOURS: '1' }, {}, { clock })
    const { dataverse } = rig.sandbox
    for (const retryAfter of ['1', '300']) {
      dataverse.bend({ operation: 'batch', how: { kind: 'throttle', code: '0x80072322', retryAfter } })
    }
    const { body } = await rig.sync(PERSON)
    assert.equal(body.outcome, 'queued')
    clock.ahead(HOUR_MS)
    const ended = await rig.outcomeOf(body.requestId)
    assert.deepEqual([ended.outcome, ended.code], ['failed', 'gave-up'])
    clock.ahead(HOUR_MS)
    const again = (await rig.sync(PERSON)).body
    assert.equal((await rig.outcomeOf(again.requestId)).outcome, 'created')
  })

  it('requests and activities are forgotten after RETENTION_DAYS, links are not', async () => {
    const clock = movableClock()
    await using rig = await startRig({ RETENTION_DAYS: '1' }, {}, { clock })
    const { body } = await rig.sync(PERSON)
    // More than is forgotten in one transaction.
    await Promise.all(Array.from({ length: 520 }, () => rig.sync(PERSON)))
    clock.ahead(25 * HOUR_MS)
    await rig.restart()
    const pruned = () => rig.log.find((line) => line.includes('"event":"pruned"'))
    while (!pruned()) await rig.request('GET', '/livez')
    assert.match(pruned() ?? '', /"requests":521,"activities":521/)
    assert.equal((await rig.request('GET', `/v1/requests/${body.requestId}`)).status, 404)
    const { activities } = (await rig.request('GET', '/v1/people/4711/activities')).body
    assert.deepEqual(activities, [])
    assert.equal((await rig.request('GET', '/v1/people/4711')).body.recordId, body.recordId)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Bend } from '../../sandbox/index.ts'
import { created, startRig } from './rig.ts'

const PERSON = { marketoId: 4711, email: 'ann@example.com', firstName: 'Ann', lastName: 'Ek' }

/** A call is given up quickly, so that a hang is an unknown outcome soon. */
const HASTY = { DATAVERSE_CALL_TIMEOUT_MS: '1500' }

const bends: [title: string, how: Bend['how']][] = [
  ['is refused for the moment (503)', { kind: 'fail-before-commit', status: 503 }],
  ['meets a dead connection before it took effect', { kind: 'reset-before-commit' }],
  ['takes effect, then the connection dies', { kind: 'reset-after-commit' }],
  ['takes effect, then the body is cut in the middle', { kind: 'cut-body-after-commit', ending: 'abrupt' }],
  [
    'takes effect, then the body ends half-way as if it were whole',
    { kind: 'cut-body-after-commit', ending: 'clean' },
  ],
  ['hangs before it took effect', { kind: 'hang-before-commit' }],
  ['takes effect, then hangs', { kind: 'hang-after-commit' }],
  ['takes effect, then drips', { kind: 'drip-after-commit', gapMs: 100 }],
  ['takes effect, then a gateway answers in HTML', { kind: 'html-502-after-commit' }],
  ['meets a gateway that answers in HTML', { kind: 'html-502-before-commit' }],
  ['loses a deadlock', { kind: 'deadlock' }],
  ['meets a token that is no longer accepted', { kind: 'unauthorized' }],
  ['takes effect later, after a second try may have', { kind: 'commit-late', afterMs: 1_600 }],
]

describe('one lead comes to be, and the request that made it is told so, when its create', {
  concurrency: 4,
}, () => {
  for (const [title, how] of bends) {
    it(title, async () => {
      await using rig = await startRig(HASTY)
      await rig.sync({ marketoId: 1, lastName: 'Warm up' })
      rig.sandbox.dataverse.bend({ operation: 'create', how })
      const { status, body } = await rig.sync(PERSON)
      assert.deepEqual([status, body.outcome], [200, 'created'])
      const again = await rig.sync(PERSON)
      assert.deepEqual([again.body.outcome, again.body.recordId], ['exists', body.recordId])
      assert.deepEqual(
        created(rig).map(({ id }) => id),
        [created(rig)[0]?.id, body.recordId],
      )
    })
  }

  it('is followed by a duplicate rule that finds the row of the first try', async () => {
    await using rig = await startRig(HASTY)
    await rig.sync({ marketoId: 1, lastName: 'Warm up' })
    rig.sandbox.dataverse.bend({ operation: 'create', how: { kind: 'reset-after-commit' } })
    assert.equal((await rig.sync(PERSON)).body.outcome, 'created')
    assert.equal(created(rig).length, 2)
  })
})

describe('when the look-up has no answer', { concurrency: 4 }, () => {
  for (const [title, how] of bends.filter(
    ([, { kind }]) => !kind.includes('after') && kind !== 'commit-late',
  )) {
    it(`because it ${title}, the person is created all the same`, async () => {
      await using rig = await startRig(HASTY)
      await rig.sync({ marketoId: 1, lastName: 'Warm up' })
      rig.sandbox.dataverse.bend({ operation: 'batch', how })
      assert.equal((await rig.sync(PERSON)).body.outcome, 'created')
      assert.equal(created(rig).length, 2)
    })
  }
})

describe('at the deadline', { concurrency: 4 }, () => {
  it('the answer is queued, and the person is created once Dynamics answers again', async () => {
    await using rig = await startRig({ ...HASTY, REST_DEADLINE_MS: '250', DATAVERSE_CALL_TIMEOUT_MS: '1000' })
    await rig.sync({ marketoId: 1, lastName: 'Warm up' })
    rig.sandbox.dataverse.bend({ operation: 'create', how: { kind: 'hang-after-commit' } })
    const { status, body, headers } = await rig.sync(PERSON)
    assert.deepEqual([status, body.outcome], [202, 'queued'])
    assert.equal(headers.get('location'), `/v1/requests/${body.requestId}`)
    assert.equal((await rig.outcomeOf(body.requestId)).outcome, 'created')
    assert.equal(created(rig).length, 2)
    const { activities } = (await rig.request('GET', '/v1/people/4711/activities')).body
    assert.ok(Array.isArray(activities))
    assert.deepEqual(
      activities.map(({ outcome }) => outcome),
      ['created', 'queued'],
    )
  })

  it('a keyed answer of queued is what a replay gets, even after the end', async () => {
    await using rig = await startRig({ ...HASTY, REST_DEADLINE_MS: '100', DATAVERSE_CALL_TIMEOUT_MS: '1000' })
    rig.sandbox.dataverse.bend({ operation: 'batch', how: { kind: 'hang-before-commit' } })
    const first = await rig.sync(PERSON, { 'idempotency-key': 'one' })
    await rig.outcomeOf(first.body.requestId)
    const again = await rig.sync(PERSON, { 'idempotency-key': 'one' })
    assert.deepEqual([first.status, again.status, again.text], [202, 202, first.text])
    assert.equal(again.headers.get('location'), first.headers.get('location'))
  })

  it('a service that was stopped in between finishes after its next start', async () => {
    await using rig = await startRig({ REST_DEADLINE_MS: '100' })
    rig.sandbox.dataverse.bend({ operation: 'create', how: { kind: 'hang-after-commit' } })
    const { body } = await rig.sync(PERSON)
    assert.equal(body.outcome, 'queued')
    await rig.restart()
    const ended = await rig.outcomeOf(body.requestId)
    assert.deepEqual([ended.outcome, created(rig).length], ['created', 1])
  })
})

describe('when Dynamics asks us to wait', { concurrency: 4 }, () => {
  const inTwoSeconds = () => new Date(Date.now() + 3_000).toUTCString()
  const replies = [
    ['0x80072321', () => '2'],
    ['0x80072322', () => '2'],
    ['0x80072326', () => '2'],
    ['0x80072322', inTwoSeconds],
  ] as const
  for (const [code, retryAfter] of replies) {
    const form = retryAfter === inTwoSeconds ? 'an HTTP date' : 'seconds'
    it(`with ${code} and ${form}: the caller is told queued at once, nobody calls before the time, then it is done`, async () => {
      await using rig = await startRig({ REST_DEADLINE_MS: '1500' })
      await rig.sync({ marketoId: 1, lastName: 'Warm up' })
      const { dataverse } = rig.sandbox
      const value = retryAfter()
      dataverse.bend({ operation: 'create', how: { kind: 'throttle', code, retryAfter: value } })
      const { status, body } = await rig.sync(PERSON)
      assert.deepEqual([status, body.outcome], [202, 'queued'])
      const other = await rig.sync({ marketoId: 5, email: 'other@example.com', lastName: 'Ek' })
      assert.equal(other.status, 202)
      assert.equal((await rig.outcomeOf(body.requestId)).outcome, 'created')
      const throttled = dataverse.calls.findLast((call) => call.status === 429)
      assert.ok(throttled)
      const until = form === 'seconds' ? throttled.at + 2_000 : Date.parse(value)
      const early = dataverse.calls.filter(({ at }) => at > throttled.at && at < until - 50)
      assert.deepEqual(early, [])
    })
  }

  it('a person who is known already exists all the same', async () => {
    await using rig = await startRig()
    await rig.sync(PERSON)
    rig.sandbox.dataverse.bend({
      operation: 'batch',
      how: { kind: 'throttle', code: '0x80072322', retryAfter: '300' },
    })
    await rig.sync({ person: { marketoId: 5, lastName: 'Ek' }, campaign: { type: 'trigger' } })
    assert.equal((await rig.sync(PERSON)).body.outcome, 'exists')
  })
})

describe('when our own credentials are not accepted', { concurrency: 4 }, () => {
  it('one fresh token mends a token that was revoked', async () => {
    await using rig = await startRig()
    await rig.sync({ marketoId: 1, lastName: 'Warm up' })
    const tokens = rig.sandbox.entra.tokenRequests.length
    rig.sandbox.entra.revokeTokens()
    assert.equal((await rig.sync(PERSON)).body.outcome, 'created')
    assert.equal(rig.sandbox.entra.tokenRequests.length, tokens + 1)
  })

  it('nobody is failed for it: the people wait, the log says what to do, and a mended secret finishes them', async () => {
    await using rig = await startRig({ ENTRA_CLIENT_SECRET: 'wrong', REST_DEADLINE_MS: '1000' })
    const { status, body } = await rig.sync(PERSON)
    assert.deepEqual([status, body.outcome], [202, 'queued'])
    const errors = rig.log.filter((line) => line.includes('"level":"error"'))
    assert.ok(errors.some((line) => line.includes('entra-secret-wrong')))
    await rig.restart({ ENTRA_CLIENT_SECRET: rig.sandbox.environment().ENTRA_CLIENT_SECRET ?? '' })
    assert.equal((await rig.outcomeOf(body.requestId)).outcome, 'created')
  })
})

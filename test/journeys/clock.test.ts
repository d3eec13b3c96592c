import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createClock } from '../../src/clock.ts'
import { takeMachineClock } from '../machine-clock.ts'
import { type Rig, startRig } from './rig.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const BRIEF = { REST_DEADLINE_MS: '200', WEBHOOK_DEADLINE_MS: '200' }
const PERSON = { marketoId: 4711, email: 'ann@example.com', firstName: 'Ann', lastName: 'Ek' }
/** Far longer than what a vendor asks for below, far shorter than what the clock is set by. */
const SOON_MS = 20_000

/** Each start of the service reads the machine's clock anew, as a process does. */
const ports = () => ({
  get clock() {
    return createClock()
  },
})

async function endsSoon(rig: Rig, requestId: unknown): Promise<unknown> {
  const late = AbortSignal.timeout(SOON_MS)
  const outOfTime = new Promise<never>((_, reject) =>
    late.addEventListener('abort', () => reject(new Error('It waits for what a wrong clock says'))),
  )
  return (await Promise.race([rig.outcomeOf(requestId), outOfTime])).outcome
}

const events = ({ log }: Rig, name: string) =>
  log.map((line) => JSON.parse(line)).filter(({ event }) => event === name)

for (const [how, byMs] of [
  ['back', -HOUR_MS],
  ['ahead', HOUR_MS],
] as const) {
  describe(`when the machine’s clock is set ${how} by an hour`, () => {
    it('a Retry-After of 3 s stays one of 3 s, and so does a person’s next attempt', async () => {
      using machine = takeMachineClock()
      await using rig = await startRig(BRIEF, {}, ports())
      const throttle = { kind: 'throttle', code: '0x80072322', retryAfter: '3' } as const
      rig.sandbox.dataverse.bend({ operation: 'batch', how: throttle })
      const { body } = await rig.sync(PERSON)
      assert.equal(body.outcome, 'queued')
      machine.set(byMs)
      assert.equal(await endsSoon(rig, body.requestId), 'created')
    })

    it('a token that Entra refused is asked for again as soon as before', async () => {
      using machine = takeMachineClock()
      await using rig = await startRig(BRIEF, {}, ports())
      rig.sandbox.entra.revokeTokens()
      rig.sandbox.entra.bend({ kind: 'throttle', retryAfter: '3' })
      const { body } = await rig.sync(PERSON)
      assert.equal(body.outcome, 'queued')
      machine.set(byMs)
      assert.equal(await endsSoon(rig, body.requestId), 'created')
    })

    it('that is logged, and the metrics show it', async () => {
      using machine = takeMachineClock()
      await using rig = await startRig({}, {}, ports())
      machine.set(byMs)
      const { text } = await rig.request('GET', '/metrics')
      assert.match(text, new RegExp(`^clock_offset_seconds ${byMs / 1_000}$`, 'm'))
    })

    it('between two starts, who waits is taken up soon', async () => {
      using machine = takeMachineClock()
      await using rig = await startRig(BRIEF, {}, ports())
      const throttle = { kind: 'throttle', code: '0x80072322', retryAfter: '3' } as const
      rig.sandbox.dataverse.bend({ operation: 'batch', how: throttle })
      const { body } = await rig.sync(PERSON)
      machine.set(byMs)
      await rig.restart()
      assert.equal(await endsSoon(rig, body.requestId), 'created')
      assert.equal(events(rig, 'clock-behind-store').length, byMs < 0 ? 1 : 0)
    })
  })
}

describe('when the clock was two days ahead until now', () => {
  it('a record that it had proven and that is gone is made anew', async () => {
    using machine = takeMachineClock()
    machine.set(2 * DAY_MS)
    await using rig = await startRig({}, {}, ports())
    const first = (await rig.sync(PERSON)).body
    assert.equal(first.outcome, 'created')
    rig.sandbox.dataverse.remove('lead', String(first.recordId))
    machine.set(-2 * DAY_MS)
    await rig.restart()
    const again = (await rig.sync(PERSON)).body
    assert.equal(again.outcome, 'created')
    assert.notEqual(again.recordId, first.recordId)
    const { body } = await rig.callsDuring(() => rig.sync(PERSON)).then((calls) => ({ body: calls.length }))
    assert.equal(body, 0, 'the new proof is believed')
  })
})

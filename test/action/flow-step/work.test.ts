import assert from 'node:assert/strict'
import { test } from 'node:test'
import { workRig } from './work-rig.ts'

const HOUR_MS = 3_600_000
const LONGEST_WAIT_MS = 300_000
/** Of tries of one callback, more than any setting of these tests allows. */
const MANY = 100

type Rig = Awaited<ReturnType<typeof workRig>>

/** Moves the clock from one try to the next until the callback has ended. */
async function untilEnded({ time, chunks, chunkWhen }: Rig): Promise<number> {
  let tries = 0
  for (;;) {
    const chunk = await chunkWhen((one) => one?.endedAt !== undefined || (one?.attempts ?? 0) > tries)
    if (!chunk || chunk.endedAt !== undefined) return tries
    tries = chunk.attempts
    // A try that the clock overtakes is one without an answer.
    const settled = await chunkWhen(() => chunks.settledTries >= tries)
    if (settled?.endedAt !== undefined) return tries
    await time.advance(LONGEST_WAIT_MS)
  }
}

for (const callbackGiveUpHours of [1, 2]) {
  test(`a callback that Marketo does not take is sent again for ${callbackGiveUpHours} h, then given up`, async () => {
    await using rig = await workRig({ callbackGiveUpHours })
    const { receiver, chunkWhen, ended } = rig
    receiver.answers = Array.from({ length: MANY }, () => 503)
    await rig.submit()
    await untilEnded(rig)
    const { state, lastReason, answeringSince = 0, endedAt = 0 } = (await chunkWhen(() => true)) ?? {}
    assert.deepEqual([state, lastReason, ended], ['failed', 'http-503', ['failed']])
    const triedForMs = endedAt - answeringSince
    const allowedMs = callbackGiveUpHours * HOUR_MS
    assert.ok(triedForMs <= allowedMs, 'no longer than allowed')
    assert.ok(triedForMs > allowedMs - LONGEST_WAIT_MS, 'and as long as another wait fits')
  })
}

test('a callback that is sent again by hand has its hours anew', async () => {
  await using rig = await workRig({ callbackGiveUpHours: 1 })
  const { receiver, time, work, chunks, chunkId, ended } = rig
  receiver.answers = [403, 503]
  await rig.submit()
  await rig.chunkWhen((chunk) => chunk?.state === 'failed')
  await time.advance(10 * HOUR_MS)
  assert.equal(await chunks.resendCallback(chunkId, time.clock.now()), true)
  work.wake()
  await rig.chunkWhen((chunk) => chunk?.lastReason === 'http-503')
  await time.advance(LONGEST_WAIT_MS)
  await receiver.takenFor('t-1')
  await rig.chunkWhen((chunk) => chunk?.state === 'done')
  assert.deepEqual(ended, ['failed', 'done'])
})

test('a chunk that is claimed again while its step is ending is given back, and answered once', async () => {
  await using rig = await workRig()
  const { work, chunks, receiver, chunkId } = rig
  const claimed: boolean[] = []
  chunks.afterPutOff = async () => {
    await work.tick(rig.stopping)
    const now = rig.time.clock.now()
    claimed.push((await chunks.claimChunks(false, 1, now, now)).length === 0)
  }
  await rig.submit()
  // The clock stands still: no lease ends.
  await receiver.takenFor('t-1')
  await rig.chunkWhen((chunk) => chunk?.state === 'done')
  assert.deepEqual(claimed, [true], 'the tick has claimed it')
  assert.deepEqual([receiver.received.length, (await chunks.readChunk(chunkId))?.attempts], [1, 1])
})

test('a chunk that ended is forgotten after its retention, and not before', async () => {
  await using rig = await workRig({ retentionDays: 1 })
  const { time, chunks, chunkId } = rig
  await rig.submit()
  await rig.chunkWhen((chunk) => chunk?.state === 'done')
  await time.advance(23 * HOUR_MS)
  assert.ok(await chunks.readChunk(chunkId))
  await time.advance(3 * HOUR_MS)
  assert.equal(await rig.chunkWhen((chunk) => chunk === undefined), undefined)
})

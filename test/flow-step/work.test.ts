import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../crash/until.ts'
import { newChunk, readChunk } from '../store/chunk-contract.ts'
import { workRig } from './work-rig.ts'

const HOUR_MS = 3_600_000
const LONGEST_WAIT_MS = 300_000
const STEP_MS = 20_000
const LEASE_MS = 15_000
const HOLD_INTERVAL_MS = 4_000
const PATIENCE_MS = 10_000
/** Of tries of one callback, more than any setting of these tests allows. */
const MANY = 100

type Rig = Awaited<ReturnType<typeof workRig>>

/** Moves the clock until the callback has ended, and stops it during each try: one that it overtakes has no answer. */
async function untilEnded({ time, chunks, chunkWhen }: Rig): Promise<void> {
  for (;;) {
    const chunk = await chunkWhen(() => chunks.settledTries === chunks.startedTries)
    if (chunk?.endedAt !== undefined) return
    await time.advance(STEP_MS)
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
    assert.ok(triedForMs <= allowedMs + 3 * STEP_MS, 'no try begins later than allowed')
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
  await untilEnded(rig)
  assert.deepEqual(ended, ['failed', 'done'])
})

/** Who else would be given by now, and goes on having nothing. */
async function dueForOthers({ chunks, time }: Rig): Promise<string[]> {
  const due = await chunks.claimChunks({ batch: false, limit: 9, except: [] }, 0, time.clock.now())
  return due.map(({ chunkId }) => chunkId)
}

test('a chunk that is put off is not taken up again before its step has ended, and answered once', async () => {
  await using rig = await workRig()
  const { work, chunks, receiver, chunkId } = rig
  const due: string[][] = []
  chunks.afterPutOff = async () => {
    await work.tick(rig.stopping)
    due.push(await dueForOthers(rig))
  }
  await rig.submit()
  // The clock stands still: no lease ends.
  await receiver.takenFor('t-1')
  await rig.chunkWhen((chunk) => chunk?.state === 'done')
  assert.deepEqual(due, [[chunkId]], 'the tick has left it')
  assert.deepEqual([receiver.received.length, (await readChunk(chunks, chunkId))?.attempts], [1, 1])
})

test('a chunk is kept from others as long as it is worked on', async () => {
  await using rig = await workRig()
  const { receiver, time } = rig
  receiver.answers = [-1]
  await rig.submit()
  await until(() => receiver.received.length === 1, AbortSignal.timeout(PATIENCE_MS))
  for (let passedMs = 0; passedMs < 2 * LEASE_MS; passedMs += HOLD_INTERVAL_MS) {
    await time.advance(HOLD_INTERVAL_MS)
    assert.deepEqual(await dueForOthers(rig), [])
  }
})

test('the chunk of a worker that died is taken up within 20 s', async () => {
  await using rig = await workRig({ recoveryIntervalSeconds: 5 })
  const { chunks, receiver, time } = rig
  const now = time.clock.now()
  const { leaseMs } = chunks
  const made = { people: 0, pages: [], callbackUrl: receiver.url, now, deadline: now }
  await Promise.all([
    chunks.acceptChunk(newChunk('left', made)),
    chunks.claimChunks({ batch: false, limit: 1, except: [] }, leaseMs, now),
  ])
  await time.advance(leaseMs - 1)
  assert.deepEqual([await dueForOthers(rig), receiver.received.length], [[], 0])
  await time.advance(20_000 - leaseMs + 1)
  await receiver.takenFor('token of left')
})

test('who stops gives back at once what is being sent, and others send the same', async () => {
  await using rig = await workRig()
  const { chunks, chunkId, receiver } = rig
  receiver.answers = [-1]
  await rig.submit()
  await until(() => receiver.received.length === 1, AbortSignal.timeout(PATIENCE_MS))
  assert.deepEqual(await dueForOthers(rig), [])
  await rig.stop()
  assert.deepEqual(await dueForOthers(rig), [chunkId])
  assert.deepEqual(await chunks.readCallback(chunkId), [receiver.received[0]?.body])
})

test('who stops gives back at once a chunk whose people are not all requests', async () => {
  await using rig = await workRig()
  await rig.stop()
  const pages = [{ position: 0, items: 1, lines: JSON.stringify({ person: { id: 1, fields: {} } }) }]
  await rig.submit({ crowd: { pages, people: 1, unreadable: 0 } })
  await rig.work.tick(rig.stopping)
  await rig.work.run(rig.stopping)
  assert.deepEqual(await dueForOthers(rig), [rig.chunkId])
  assert.equal((await readChunk(rig.chunks, rig.chunkId))?.expanded, 0)
})

test('who is late with a callback that another has had taken sends nothing', async () => {
  await using rig = await workRig()
  const { chunks, receiver, chunkId } = rig
  chunks.beforeReadCallback = () => chunks.settleCallback(chunkId, { kind: 'done' }, rig.time.clock.now())
  await rig.submit()
  await rig.chunkWhen((chunk) => chunk?.state === 'done')
  await rig.stop()
  assert.deepEqual(receiver.received, [])
})

test('a chunk that ended is forgotten after its retention, and not before', async () => {
  await using rig = await workRig({ retentionDays: 1 })
  const { time, chunks, chunkId } = rig
  await rig.submit()
  await rig.chunkWhen((chunk) => chunk?.state === 'done')
  await time.advance(23 * HOUR_MS)
  assert.ok(await readChunk(chunks, chunkId))
  await time.advance(3 * HOUR_MS)
  assert.equal(await rig.chunkWhen((chunk) => chunk === undefined), undefined)
})

test('one token is a chunk of its own for each caller and each subscription', async () => {
  await using rig = await workRig()
  const answers = [
    await rig.submit(),
    await rig.submit({ munchkinId: '123-abc-456' }),
    await rig.submit({ caller: 'others' }),
    await rig.submit({ munchkinId: '123-ABC-457' }),
    await rig.submit({ token: 't-2' }),
    await rig.submit({ caller: 'others' }),
  ]
  assert.deepEqual(answers, ['accepted', 'seen', 'accepted', 'accepted', 'accepted', 'seen'])
})

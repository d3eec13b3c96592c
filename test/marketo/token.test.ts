import assert from 'node:assert/strict'
import test from 'node:test'
import { Unauthorized, Unavailable } from '../../src/errors.ts'
import { defaultSettings, type MarketoSettings } from '../../src/marketo/settings.ts'
import { type AskIdentity, createTokens } from '../../src/marketo/token.ts'
import { manualClock, settled } from '../dataverse/manual-clock.ts'
import { call, listeningLog } from '../dataverse/rig.ts'

const hourMs = 3_600_000

/** A Marketo whose current token is shared and lives on until its end, counted in whole seconds. */
function setUp(settings: Partial<MarketoSettings> = {}, firstLifeMs = hourMs) {
  const time = manualClock()
  const closing = new AbortController()
  const { log, lines } = listeningLog()
  const shared = { number: 1, endsAtMs: time.clock.now() + firstLifeMs }
  const state = { asked: 0, answer: async () => {} }
  const ask: AskIdentity = async () => {
    state.asked += 1
    await state.answer()
    const now = time.clock.now()
    if (now >= shared.endsAtMs) Object.assign(shared, { number: shared.number + 1, endsAtMs: now + hourMs })
    const leftMs = Math.floor((shared.endsAtMs - now) / 1_000) * 1_000
    return { text: `t${shared.number}`, expiresAtMs: now + leftMs }
  }
  const tokens = createTokens({
    ask,
    settings: { ...defaultSettings, ...settings },
    clock: time.clock,
    log,
    closing: closing.signal,
  })
  return { time, tokens, shared, state, lines, closing }
}

test('50 cold callers make one request, and later ones none', async () => {
  const { tokens, state } = setUp()
  const texts = await Promise.all(Array.from({ length: 50 }, () => tokens.get(call)))
  assert.deepEqual([new Set(texts), state.asked], [new Set(['t1']), 1])
  assert.deepEqual([await tokens.get(call), state.asked], ['t1', 1])
})

test('what counts is the remaining life of a token that others have used before', async () => {
  const { time, tokens, state } = setUp({}, 518_000)
  await tokens.get(call)
  await time.advance(516_000)
  assert.deepEqual([await tokens.get(call), state.asked], ['t1', 1])
  await time.advance(2_000)
  assert.deepEqual([await tokens.get(call), state.asked], ['t2', 2])
})

test('a token is not sent in its last moments', async () => {
  const { time, tokens, state } = setUp({ expirySafetyMs: 1_000 })
  await tokens.get(call)
  await time.advance(hourMs - 1_001)
  assert.deepEqual([await tokens.get(call), state.asked], ['t1', 1])
  await time.advance(1)
  const waiting = tokens.get(call)
  await time.advance(1_500)
  assert.deepEqual([await waiting, state.asked], ['t2', 3])
})

test('a refused token is not sent again when no other can be had', async () => {
  const { tokens, state } = setUp()
  const refused = await tokens.get(call)
  state.answer = () => Promise.reject(new Unavailable('down'))
  await assert.rejects(tokens.replace(refused, call), Unavailable)
  await assert.rejects(tokens.get(call), Unavailable)
})

test('a token in its last second is waited out, since Marketo gives no other before', async () => {
  const { time, tokens, state } = setUp({}, 900)
  const waiting = tokens.get(call)
  await time.advance(499)
  assert.equal(state.asked, 1)
  await time.advance(1)
  assert.equal(state.asked, 2)
  await time.advance(500)
  assert.deepEqual([await waiting, state.asked, time.sleeping], ['t2', 3, 0])
})

test('a refused token that comes back with seconds to live is waited out', async () => {
  const { time, tokens, state } = setUp({ dyingWaitMaxMs: 5_000 }, 4_000)
  const refused = await tokens.get(call)
  const other = tokens.replace(refused, call)
  await time.advance(4_500)
  assert.deepEqual([await other, state.asked], ['t2', 3])
})

test('a refused token that Marketo insists on is given once more', async () => {
  const { tokens, state } = setUp()
  const refused = await tokens.get(call)
  assert.deepEqual([await tokens.replace(refused, call), state.asked], ['t1', 2])
})

test('callers who were refused the same token share one new one', async () => {
  const { tokens, shared, state } = setUp()
  const refused = await tokens.get(call)
  shared.number = 2
  const fresh = await Promise.all(Array.from({ length: 20 }, () => tokens.replace(refused, call)))
  assert.deepEqual([new Set(fresh), state.asked], [new Set(['t2']), 2])
  assert.deepEqual([await tokens.replace(refused, call), state.asked], ['t2', 2])
})

test('tokens without any life are given up after some requests', async () => {
  const { time, tokens, shared, state } = setUp({ tokenAsksMax: 3, tokenEndSlackMs: 500 })
  shared.endsAtMs = time.clock.now() + 500
  state.answer = async () => {
    shared.endsAtMs = time.clock.now() + 500
  }
  const waiting = assert.rejects(tokens.get(call), Unavailable)
  await time.advance(5_000)
  await waiting
  assert.equal(state.asked, 3)
})

test('a failure is repeated for a while without asking again, and then it is asked again', async () => {
  const { time, tokens, state, lines } = setUp({ tokenRetryMs: 1_000 })
  const detail = { code: 'marketo-credentials-wrong', advice: 'Copy them.' }
  state.answer = () => Promise.reject(new Unauthorized('refused', detail))
  for (let count = 0; count < 5; count += 1) await assert.rejects(tokens.get(call), Unauthorized)
  assert.deepEqual([state.asked, lines.length], [1, 1])
  state.answer = async () => {}
  await time.advance(1_000)
  assert.equal(await tokens.get(call), 't1')
})

test('a caller who gives up leaves alone; the others get the token', async () => {
  const { tokens, state } = setUp()
  let release = () => {}
  state.answer = () => new Promise<void>((resolve) => (release = resolve))
  const leaving = new AbortController()
  const gone = assert.rejects(tokens.get({ signal: leaving.signal }), Unavailable)
  const staying = tokens.get(call)
  leaving.abort(new Error('deadline'))
  await gone
  release()
  assert.deepEqual([await staying, state.asked], ['t1', 1])
})

test('closing releases whoever waits for a token', async () => {
  const { time, tokens, closing } = setUp({}, 900)
  const waiting = assert.rejects(tokens.get(call), Unavailable)
  await settled()
  assert.equal(time.sleeping, 1)
  closing.abort(new Error('closed'))
  await waiting
  assert.equal(time.sleeping, 0)
})

import assert from 'node:assert/strict'
import test from 'node:test'
import { defaultSettings } from '../../src/dataverse/settings.ts'
import { type AcquireToken, createTokens } from '../../src/dataverse/token.ts'
import { Busy, Unauthorized, Unavailable } from '../../src/errors.ts'
import { manualClock, settled } from './manual-clock.ts'
import { call, listeningLog } from './rig.ts'

const hourMs = 3_600_000

/** Tokens from an Entra that issues t1, t2, … when `answer` lets it. */
function setUp(settings = {}, lifeMs = hourMs) {
  const time = manualClock()
  const closing = new AbortController()
  const { log, lines } = listeningLog()
  const state = { requests: 0, answer: async () => {} }
  const acquire: AcquireToken = async () => {
    state.requests += 1
    const text = `t${state.requests}`
    await state.answer()
    return { text, expiresAtMs: time.clock.now() + lifeMs }
  }
  const tokens = createTokens({
    acquire,
    settings: { ...defaultSettings, ...settings },
    clock: time.clock,
    log,
    closing: closing.signal,
  })
  return { time, tokens, state, lines, closing }
}

test('50 cold callers make one request', async () => {
  const { tokens, state } = setUp()
  const texts = await Promise.all(Array.from({ length: 50 }, () => tokens.get(call)))
  assert.deepEqual([new Set(texts), state.requests], [new Set(['t1']), 1])
})

test('near its end a token is replaced in the background while the old one is served', async () => {
  const { time, tokens, state } = setUp({ refreshEarlyMs: 300_000 })
  await tokens.get(call)
  await time.advance(hourMs - 300_001)
  assert.deepEqual([await tokens.get(call), state.requests], ['t1', 1])
  let release = () => {}
  state.answer = () => new Promise<void>((resolve) => (release = resolve))
  await time.advance(1)
  assert.deepEqual([await tokens.get(call), await tokens.get(call), state.requests], ['t1', 't1', 2])
  release()
  await settled()
  assert.deepEqual([await tokens.get(call), state.requests], ['t2', 2])
})

test('a token that lives for a minute is used for most of it, not replaced at every call', async () => {
  const { time, tokens, state } = setUp({ refreshEarlyMs: 300_000, expirySafetyMs: 90_000 }, 60_000)
  await tokens.get(call)
  await time.advance(29_999)
  assert.deepEqual([await tokens.get(call), state.requests], ['t1', 1])
  await time.advance(1)
  assert.equal(await tokens.get(call), 't1')
  await settled()
  assert.deepEqual([await tokens.get(call), state.requests], ['t2', 2])
})

test('a background replacement that fails leaves the old token in use and is not repeated at once', async () => {
  const { time, tokens, state } = setUp({ refreshEarlyMs: 300_000, tokenRetryMs: 1_000 })
  await tokens.get(call)
  await time.advance(hourMs - 200_000)
  state.answer = () => Promise.reject(new Unavailable('down'))
  assert.equal(await tokens.get(call), 't1')
  await settled()
  assert.deepEqual([await tokens.get(call), state.requests], ['t1', 2])
  state.answer = async () => {}
  await time.advance(1_000)
  await tokens.get(call)
  await settled()
  assert.deepEqual([await tokens.get(call), state.requests], ['t3', 3])
})

test('a token is not sent in its last seconds', async () => {
  const { time, tokens, state } = setUp({ expirySafetyMs: 30_000 })
  await tokens.get(call)
  state.answer = () => Promise.reject(new Unavailable('down'))
  await time.advance(hourMs - 30_000)
  await assert.rejects(tokens.get(call), Unavailable)
})

test('callers who were refused the same token share one new one', async () => {
  const { tokens, state } = setUp()
  const refused = await tokens.get(call)
  const fresh = await Promise.all(Array.from({ length: 20 }, () => tokens.refresh(refused, call)))
  assert.deepEqual([new Set(fresh), state.requests], [new Set(['t2']), 2])
  assert.deepEqual([await tokens.refresh(refused, call), state.requests], ['t2', 2])
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
  assert.deepEqual([await staying, state.requests], ['t1', 1])
})

test('a Retry-After of Entra is kept: callers are Busy with what is left, and Entra is not asked', async () => {
  const { time, tokens, state } = setUp()
  state.answer = () => Promise.reject(new Busy('Entra asks to wait', 90_000))
  await assert.rejects(tokens.get(call), Busy)
  await time.advance(30_000)
  await assert.rejects(tokens.get(call), (error) => error instanceof Busy && error.retryAfterMs === 60_000)
  assert.equal(state.requests, 1)
  state.answer = async () => {}
  await time.advance(60_000)
  assert.equal(await tokens.get(call), 't2')
})

test('a wrong credential is repeated to callers for a moment, then asked about again', async () => {
  const { time, tokens, state, lines } = setUp({ tokenRetryMs: 1_000 })
  const detail = { code: 'entra-secret-wrong', advice: 'Set the secret.' }
  state.answer = () => Promise.reject(new Unauthorized('refused', detail))
  for (let count = 0; count < 5; count += 1) await assert.rejects(tokens.get(call), Unauthorized)
  assert.deepEqual([state.requests, lines.length], [1, 1])
  state.answer = async () => {}
  await time.advance(1_000)
  assert.equal(await tokens.get(call), 't2')
})

test('closing releases whoever waits for a token', async () => {
  const time = manualClock()
  const closing = new AbortController()
  const tokens = createTokens({
    acquire: (signal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    settings: defaultSettings,
    clock: time.clock,
    log: listeningLog().log,
    closing: closing.signal,
  })
  const waiting = assert.rejects(tokens.get(call), Unavailable)
  closing.abort(new Error('closed'))
  await waiting
})

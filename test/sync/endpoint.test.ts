import assert from 'node:assert/strict'
import { test } from 'node:test'
import { whyOff } from '../../src/sync/control.ts'
import { counts, NOW, openEndpoints, scriptedControl } from './endpoint-rig.ts'

const ON = () => ({ kind: 'on', control: scriptedControl().control }) as const
const OFF = { kind: 'off', blocked: { code: 'sync-off', advice: 'Set it.' } } as const

test('status joins what the engine, the store and the limiters know', async (t) => {
  const { control } = scriptedControl({
    lastCycle: { startedAt: NOW - 30_000, tookMs: 840, result: 'done', counts: counts({ updated: 12 }) },
    nextCycleAt: NOW + 30_000,
    streams: { 'dynamics-leads': { behind: true, isAtEnd: false } },
    initialSync: { state: 'loading', rowsRead: 300, startedAt: NOW - 60_000 },
  })
  const { ask, store, link } = await openEndpoints(t, { kind: 'on', control })
  const linkId = await link('6f1c0d5e-0c1f-5c43-9d0a-3b8c5f1b2a10', 4711)
  const [replica] = await store.findReplicas({ linkIds: [linkId] })
  assert(replica)
  await store.save({
    now: NOW,
    cursors: [
      { stream: 'dynamics-leads', position: 'https://secret.example/?$deltatoken=1', readAt: NOW - 5_000 },
    ],
    replicas: [{ ...replica, dueAt: NOW - 2_000, dirtySince: NOW - 8_000 }],
  })

  const { status, body, text } = await ask('GET', '/v1/sync/status')
  assert.equal(status, 200)
  const { streams, links, ...rest } = body
  assert.deepEqual(rest, {
    state: 'running',
    paused: false,
    intervalSeconds: 60,
    lastCycle: {
      startedAt: '2026-03-02T08:19:30.000Z',
      tookMs: 840,
      result: 'done',
      counts: counts({ updated: 12 }),
    },
    nextCycleAt: '2026-03-02T08:20:30.000Z',
    totals: { since: '2026-03-02T07:20:00.000Z', counts: counts() },
    backlog: { live: 1, initial: 0, oldestChangeAt: '2026-03-02T08:19:52.000Z', lagMs: 8_000 },
    openFailures: 0,
    waiting: [{ code: 'vendor-busy', requests: 2, oldestAt: '2026-03-02T08:19:55.000Z', ageMs: 5_000 }],
    initialSync: {
      state: 'loading',
      rowsRead: 300,
      left: 0,
      startedAt: '2026-03-02T08:19:00.000Z',
    },
    calls: { dynamics: { calls: 3, throttled: 0, pausedForMs: 0 } },
  })
  assert.equal(links.linked, 1)
  const [{ cursor, ...stream }] = streams
  assert.deepEqual(stream, {
    stream: 'dynamics-leads',
    readToEndAt: '2026-03-02T08:19:55.000Z',
    ageMs: 5_000,
    behind: true,
    lagMs: 5_000,
  })
  assert.match(cursor, /^[\da-f]{12}$/)
  assert.doesNotMatch(text, /deltatoken/, 'a cursor is never shown as it is')
})

const LEADER = { replica: 'r', since: NOW - 9_000 }
const READ_AT = NOW - 40_000
const BLOCKED = { code: 'setup-missing', advice: 'Run npm run setup.' }
const LAGS: readonly [
  string,
  Parameters<typeof scriptedControl>[0],
  number | undefined,
  number | undefined,
][] = [
  [
    'at its end has none, whatever its last change is',
    { leader: LEADER, streams: { 'marketo-changes': { behind: false, isAtEnd: true } } },
    READ_AT,
    0,
  ],
  [
    'with more pages has that of its last end',
    { leader: LEADER, streams: { 'marketo-changes': { behind: true, isAtEnd: false } } },
    READ_AT,
    40_000,
  ],
  [
    'that could not be read has that of its last end',
    {
      leader: LEADER,
      streams: { 'marketo-changes': { behind: false, isAtEnd: false, code: 'vendor-unavailable' } },
    },
    READ_AT,
    40_000,
  ],
  [
    'of a leader that has not read it yet has that of its last end',
    { leader: LEADER, streams: {} },
    READ_AT,
    40_000,
  ],
  [
    'that nobody reads has that of its last end',
    { streams: { 'marketo-changes': { behind: false, isAtEnd: true } } },
    READ_AT,
    40_000,
  ],
  [
    'of a sync that is blocked has that of its last end',
    { leader: LEADER, blocked: BLOCKED, streams: { 'marketo-changes': { behind: false, isAtEnd: true } } },
    READ_AT,
    40_000,
  ],
  [
    'that was never read to its end has none to show',
    { leader: LEADER, streams: { 'marketo-changes': { behind: true, isAtEnd: false } } },
    undefined,
    undefined,
  ],
]
for (const [what, engine, readAt, lagMs] of LAGS) {
  test(`the lag of a stream ${what}`, async (t) => {
    const { ask, store } = await openEndpoints(t, { kind: 'on', control: scriptedControl(engine).control })
    const cursor = {
      stream: 'marketo-changes',
      position: 'p',
      ...(readAt !== undefined && { readAt }),
    } as const
    await store.save({ now: NOW, cursors: [cursor] })
    const { body } = await ask('GET', '/v1/sync/status')
    assert.equal(body.streams[0].lagMs, lagMs)
  })
}

const SETUP_MISSING = { code: 'setup-missing', advice: 'Run npm run setup.' }
const STATES = [
  ['running', { paused: false }],
  ['paused', { paused: true }],
  ['blocked', { paused: true, blocked: SETUP_MISSING }],
] as const
for (const [state, { paused, ...engine }] of STATES) {
  test(`a sync that is ${state} says so`, async (t) => {
    const { ask, store } = await openEndpoints(t, { kind: 'on', control: scriptedControl(engine).control })
    await store.setPaused(paused)
    const { body } = await ask('GET', '/v1/sync/status')
    assert.equal(body.state, state)
    assert.deepEqual(body.blocked, 'blocked' in engine ? SETUP_MISSING : undefined)
  })
}

test('a sync that is off says why, and its levers are refused with the same sentence', async (t) => {
  const { ask } = await openEndpoints(t, OFF)
  const { status, body } = await ask('GET', '/v1/sync/status')
  assert.deepEqual([status, body.state, body.blocked], [200, 'off', OFF.blocked])
  for (const endpoint of ['pause', 'resume', 'preview', 'failures/1/retry']) {
    const { status, body } = await ask('POST', `/v1/sync/${endpoint}`)
    assert.deepEqual([status, body.code, body.advice], [409, 'sync-off', 'Set it.'], endpoint)
  }
  for (const endpoint of ['failures', 'conflicts', 'fields']) {
    assert.equal((await ask('GET', `/v1/sync/${endpoint}`)).status, 200, endpoint)
  }
})

test('pause, resume and preview reach the engine once each', async (t) => {
  const { control, asked } = scriptedControl()
  const { ask } = await openEndpoints(t, { kind: 'on', control })
  assert.deepEqual((await ask('POST', '/v1/sync/pause')).body, { paused: true })
  assert.deepEqual((await ask('POST', '/v1/sync/resume')).body, { paused: false })
  const preview = await ask('POST', '/v1/sync/preview?limit=5')
  assert.equal(preview.status, 200)
  assert.deepEqual(preview.body.items[0].fields, ['title'])
  await ask('POST', '/v1/sync/preview', {})
  assert.deepEqual(asked, ['pause', 'resume', 'preview 5', 'preview 20'])
})

test('a blocked sync can be paused, but has nothing to preview', async (t) => {
  const { control, asked } = scriptedControl({ blocked: SETUP_MISSING })
  const { ask } = await openEndpoints(t, { kind: 'on', control })
  assert.equal((await ask('POST', '/v1/sync/pause')).status, 200)
  const { status, body } = await ask('POST', '/v1/sync/preview')
  assert.deepEqual([status, body.code, body.advice], [409, 'setup-missing', 'Run npm run setup.'])
  assert.deepEqual(asked, ['pause'])
})

test('no lever takes a member that it does not know', async (t) => {
  const { control, asked } = scriptedControl()
  const { ask } = await openEndpoints(t, { kind: 'on', control })
  for (const endpoint of ['pause', 'resume', 'preview', 'failures/1/retry']) {
    for (const answer of [
      await ask('POST', `/v1/sync/${endpoint}`, { force: true }),
      await ask('POST', `/v1/sync/${endpoint}?force=true`),
      await ask('POST', `/v1/sync/${endpoint}`, []),
    ]) {
      assert.equal(answer.status, 400, `${endpoint}: ${answer.text}`)
    }
    const { body } = await ask('POST', `/v1/sync/${endpoint}`, { force: true })
    assert.deepEqual([body.code, body.field], ['unknown-member', 'force'], endpoint)
  }
  assert.deepEqual(asked, [])
})

test('an endpoint that asks the vendors gives up at its deadline', async (t) => {
  const { ask } = await openEndpoints(t, ON(), {
    deadlineMs: 20,
    fields: ({ signal }) =>
      new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
      ),
  })
  const { status, body } = await ask('GET', '/v1/sync/fields')
  assert.deepEqual([status, body.code], [503, 'vendor-unavailable'])
})

test('the endpoints are behind the key', async (t) => {
  const { app } = await openEndpoints(t, ON())
  for (const endpoint of ['status', 'failures', 'conflicts', 'fields']) {
    assert.equal((await app.inject({ url: `/v1/sync/${endpoint}` })).statusCode, 401, endpoint)
  }
  for (const endpoint of ['pause', 'resume', 'preview', 'failures/1/retry']) {
    assert.equal(
      (await app.inject({ method: 'POST', url: `/v1/sync/${endpoint}` })).statusCode,
      401,
      endpoint,
    )
  }
})

test('the configuration says why there is no sync', () => {
  assert.equal(whyOff({ syncIntervalSeconds: 60, marketo: {} }), undefined)
  assert.equal(whyOff({ syncIntervalSeconds: 0, marketo: {} })?.code, 'sync-off')
  assert.equal(whyOff({ syncIntervalSeconds: 60 })?.code, 'marketo-not-configured')
})

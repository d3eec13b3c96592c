import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Json, pass, type SyncRig, setUpSandbox, startSyncRig } from './sync-rig.ts'

/** What an operator sees and does: first start, pause, preview, restart, a large first load. */

const EK = { lastname: 'Ek', subject: 'Fair' }
const SETTLE_MS = 101_000

async function preview(rig: SyncRig): Promise<Json> {
  const { status, body } = await rig.request('POST', '/v1/sync/preview')
  assert.equal(status, 200)
  return body
}

async function cursors(rig: SyncRig): Promise<unknown[]> {
  const { streams } = await rig.status()
  return (streams as Json[]).map(({ stream, cursor }) => [stream, cursor])
}

/** Writes of a kind, by way and record type; zeros left out. */
function nonZero(counts: unknown, rename: Readonly<Record<string, string>>): Json {
  const sums: Record<string, number> = {}
  for (const [way, perType] of Object.entries(
    counts as Record<string, Record<string, Record<string, number>>>,
  )) {
    for (const [recordType, kinds] of Object.entries(perType)) {
      for (const [kind, count] of Object.entries(kinds)) {
        const key = `${way} ${recordType} ${rename[kind]}`
        if (count > 0 && rename[kind] !== undefined) sums[key] = (sums[key] ?? 0) + count
      }
    }
  }
  return sums
}

test('without the set-up in Marketo it is blocked and says what to run; set up, it runs without a restart', async () => {
  await using rig = await startSyncRig({ setUp: false })
  const before = await rig.status()
  assert.deepEqual([before.state, (before.blocked as Json).code], ['blocked', 'setup-missing'])
  assert.match(String((before.blocked as Json).advice), /npm run setup/)
  const id = rig.dataverse.seed('lead', { ...EK, emailaddress1: 'early@example.com' })
  await rig.cycle()
  assert.equal(rig.marketo.people().length, 0)
  const { body } = await rig.sync({ email: 'flow@example.com', lastName: 'Ek' })
  assert.equal(body.outcome, 'created')

  await setUpSandbox(rig.sandbox)
  await rig.cycle()
  assert.equal((await rig.status()).state, 'running')
  assert.ok(rig.marketo.people().some(({ microsoftRecordId }) => microsoftRecordId === id))
})

test('a pause queues what changes on both sides, over a restart too, and resume catches up', async () => {
  await using rig = await startSyncRig()
  const pair = await rig.pair('lead', { ...EK, emailaddress1: 'paused@example.com' })
  assert.deepEqual((await rig.request('POST', '/v1/sync/pause')).body, { paused: true })
  rig.marketo.update(pair.marketoId, { city: 'Lund' })
  rig.dataverse.update('lead', pair.id, { jobtitle: 'Chef' })
  const writes = await rig.writesDuring(async () => {
    await rig.cycle()
    await rig.restart()
    await rig.idle()
    await rig.cycle()
  })
  assert.deepEqual(writes, { toDynamics: [], toMarketo: [] })
  const paused = await rig.status()
  assert.deepEqual([paused.state, (paused.backlog as Json).live], ['paused', 1])
  assert.ok(Number((paused.backlog as Json).lagMs) > 0)
  assert.equal((await rig.sync({ email: 'meanwhile@example.com', lastName: 'Ek' })).body.outcome, 'created')

  await rig.request('POST', '/v1/sync/resume')
  await rig.cycle()
  assert.deepEqual([pair.lead().address1_city, pair.person().title], ['Lund', 'Chef'])
  assert.equal((await rig.status()).state, 'running')
})

test('a preview says exactly what the next cycle then does, shows no value, and changes nothing', async () => {
  await using rig = await startSyncRig()
  const [ann, bo] = [
    await rig.pair('lead', { ...EK, emailaddress1: 'preview-ann@example.com' }),
    await rig.pair('contact', { lastname: 'Ek', emailaddress1: 'preview-bo@example.com' }),
  ]
  rig.marketo.seed({ email: 'preview-free@example.com', lastName: 'Ek' })
  rig.marketo.update(ann.marketoId, { city: 'Lund' })
  rig.marketo.update(bo.marketoId, { city: 'Visby' })
  rig.dataverse.update('contact', bo.id, { address1_city: 'Ystad', jobtitle: 'Chef' })
  for (const name of ['new', 'free']) {
    rig.dataverse.seed('lead', { ...EK, emailaddress1: `preview-${name}@example.com` })
  }
  pass(21_000)
  const before = await cursors(rig)
  let said: Json = {}
  const writes = await rig.writesDuring(async () => {
    said = await preview(rig)
    assert.deepEqual(await preview(rig), said)
  })
  assert.deepEqual([writes, await cursors(rig)], [{ toDynamics: [], toMarketo: [] }, before])
  assert.doesNotMatch(JSON.stringify(said), /Lund|Ystad|@example/)
  const items = (said.items as Json[]).map(({ way, action, recordType }) => `${way} ${action} ${recordType}`)
  assert.deepEqual(items.sort(), [
    'toDynamics update lead',
    'toMarketo create lead',
    'toMarketo link lead',
    'toMarketo update contact',
  ])

  const { counts } = await rig.cycle()
  assert.deepEqual(
    nonZero(said.counts, { create: 'new', link: 'updated', update: 'updated' }),
    nonZero(counts, { new: 'new', updated: 'updated' }),
  )
})

test('status shows streams, lag, counts since the start and the calls of both quotas', async () => {
  await using rig = await startSyncRig()
  const pair = await rig.pair('lead', { ...EK, emailaddress1: 'status@example.com' })
  rig.dataverse.update('lead', pair.id, { jobtitle: 'Chef' })
  await rig.cycle()
  const { streams, totals, calls, links, openFailures, initialSync, lastCycle } = await rig.status()
  assert.deepEqual((streams as Json[]).map(({ stream }) => stream).sort(), [
    'dynamics-contacts',
    'dynamics-leads',
    'marketo-changes',
    'marketo-deletions',
    'marketo-life',
  ])
  const { toMarketo } = (totals as { counts: { toMarketo: { lead: Json } } }).counts
  assert.deepEqual([toMarketo.lead.new, toMarketo.lead.updated], [1, 1])
  const used = calls as { marketo: Json; dynamics: Json }
  assert.ok(Number(used.marketo.callsToday) > 0 && Number(used.dynamics.calls) > 0)
  assert.deepEqual([links, openFailures], [{ linked: 1 }, 0])
  assert.equal((initialSync as Json).state, 'done')
  assert.equal((lastCycle as Json).result, 'done')
})

test('/metrics tells backlog, lag, failures, pause, the last cycle and the calls, and no person', async () => {
  await using rig = await startSyncRig()
  const pair = await rig.pair('lead', { ...EK, emailaddress1: 'metrics@example.com' })
  const read = async () => (await rig.request('GET', '/metrics')).text
  const calm = await read()
  for (const line of [
    'sync_backlog_records{priority="live"} 0',
    'sync_lag_seconds 0',
    'sync_open_failures 0',
    'sync_paused 0',
    'sync_blocked 0',
    'marketo_calls_daily_max 25000',
    'dataverse_throttled_calls 0',
  ])
    assert.ok(calm.includes(`\n${line}\n`), line)
  assert.match(calm, /^sync_last_cycle_seconds\{result="done"\} [\d.]+$/m)
  assert.match(calm, /^sync_stream_age_seconds\{stream="marketo-deletions"\} [\d.]+$/m)
  assert.match(calm, /^marketo_calls_today [1-9]\d*$/m)

  await rig.request('POST', '/v1/sync/pause')
  rig.dataverse.update('lead', pair.id, { jobtitle: 'Chef' })
  rig.dataverse.bend({
    operation: 'changes',
    how: { kind: 'throttle', code: '0x80072322', retryAfter: '1' },
  })
  await rig.cycle()
  await rig.cycle()
  pass(10_000)
  const paused = await read()
  assert.match(paused, /^sync_backlog_records\{priority="live"\} 1$/m)
  assert.match(paused, /^sync_lag_seconds 1\d(\.\d+)?$/m)
  assert.match(paused, /^sync_paused 1$/m)
  assert.match(paused, /^dataverse_throttled_calls 1$/m)
  assert.doesNotMatch(paused, /@example/)
})

for (const [what, commit] of [
  ['before Marketo has executed it', 'never'],
  ['after Marketo has executed it', 'first'],
] as const) {
  test(`a restart in the middle of a write, ${what}, loses and doubles nothing`, async () => {
    await using rig = await startSyncRig()
    const pair = await rig.pair('lead', { ...EK, emailaddress1: 'restart@example.com' })
    rig.dataverse.update('lead', pair.id, { jobtitle: 'Chef' })
    const id = rig.dataverse.seed('lead', { ...EK, emailaddress1: 'restart-new@example.com' })
    const calls = rig.marketo.calls.length
    rig.marketo.bend({ operation: 'sync', how: { kind: 'hang', commit } })
    await rig.beginCycle()
    while (!rig.marketo.calls.slice(calls).some(({ operation }) => operation === 'sync')) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    await rig.restart()
    await rig.idle()
    for (let cycles = 0; cycles < 3; cycles += 1) await rig.cycle(SETTLE_MS)
    assert.equal(pair.person().title, 'Chef')
    assert.equal(rig.marketo.people().filter(({ microsoftRecordId }) => microsoftRecordId === id).length, 1)
    assert.deepEqual(await rig.failuresOf(pair.id), [])
  })
}

test('campaigns are answered at once while 5,000 records load, which survive a restart and crooked pages', async () => {
  const TOTAL = 5_000
  await using rig = await startSyncRig({
    settled: false,
    sandbox: { marketo: { limits: { callsPerWindow: 1_000 } } },
    prepare: ({ dataverse }) => {
      for (let index = 0; index < TOTAL; index += 1) {
        const email = index % 2 === 0 ? {} : { emailaddress1: `load-${index}@example.com` }
        dataverse.seed('lead', { ...EK, firstname: `Load ${index}`, ...email })
      }
      dataverse.bend({ operation: 'changes', path: /leads/, how: { kind: 'swap-pages' } })
      dataverse.bend({ operation: 'changes', path: /leads/, how: { kind: 'repeat-page' } })
    },
  })
  const startedAt = performance.now()
  const replies = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      rig.sync({ email: `urgent-${index}@example.com`, lastName: 'Ek' }),
    ),
  )
  const tookMs = performance.now() - startedAt
  assert.deepEqual([...new Set(replies.map(({ body }) => body.outcome))], ['created'])
  const left = TOTAL - rig.marketo.people().length
  assert.ok(left > 0, 'the load goes on meanwhile')
  assert.ok(tookMs < 3_000, `${tookMs} ms`)

  await rig.restart()
  pass(SETTLE_MS)
  await rig.idle()
  for (let cycles = 0; cycles < 3; cycles += 1) await rig.cycle(SETTLE_MS)
  const status = await rig.status()
  assert.equal((status.initialSync as Json).state, 'done')
  const names = rig.marketo.people().map(({ firstName }) => firstName)
  const loaded = names.filter((name) => String(name).startsWith('Load '))
  assert.deepEqual([loaded.length, new Set(loaded).size], [TOTAL, TOTAL])
  assert.deepEqual(await rig.failuresOf(), [])
})

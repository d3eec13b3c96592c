import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SyncRig, startSyncRig } from './rig.ts'

/** Marketo refuses a whole call because of one record or one field of it, or answers in a way that we do not know. */

const PEOPLE = 24
const LONG_MS = 7 * 3_600_000

/** As many records, each with its person. */
async function pairs(rig: SyncRig, count = PEOPLE): Promise<{ id: string; marketoId: number }[]> {
  const { dataverse, marketo } = rig.sandbox
  const ids = Array.from({ length: count }, (_, index) =>
    dataverse.seed('lead', {
      lastname: `Ek ${index}`,
      subject: 'Fair',
      emailaddress1: `p${index}@example.com`,
    }),
  )
  await rig.cycle()
  await rig.cycle()
  const idOf = new Map(marketo.people().map((one) => [one.microsoftRecordId, Number(one.id)]))
  return ids.map((id) => ({ id, marketoId: idOf.get(id) ?? 0 }))
}

function callsOf(rig: SyncRig, operation: string, since = 0): number {
  return rig.sandbox.marketo.calls.slice(since).filter((call) => call.operation === operation).length
}

async function failuresOf(rig: SyncRig) {
  const failures = await rig.store.readFailures({ limit: 100 })
  return failures.map(({ code, field, recordId, vendorCode }) => [code, field, recordId, vendorCode])
}

const wholes = [
  ['609', 'marketo-record-refused', '609'],
  ['1001', 'marketo-value-invalid', '1001'],
  ['1003', 'marketo-value-invalid', '1003'],
  ['610', 'marketo-record-refused', '610'],
  ['413', 'marketo-too-large', 'HTTP 413'],
] as const

for (const [code, ours, vendorCode] of wholes) {
  test(`one record for which Marketo refuses the whole call with ${code} holds back nobody else, and is a failure`, async () => {
    await using rig = await startSyncRig()
    const { dataverse, marketo } = rig.sandbox
    const all = await pairs(rig)
    marketo.refuseWhole({ containing: 'poison', code, message: 'No.' })
    const bad = all[17] ?? assert.fail()
    for (const { id } of all) dataverse.update('lead', id, { jobtitle: id === bad.id ? 'poison' : 'Chef' })
    const before = marketo.calls.length
    await rig.cycle()
    const titles = all.map(({ marketoId }) => marketo.person(marketoId)?.title)
    assert.deepEqual(
      titles.map((title, index) => title ?? index),
      all.map((one, index) => (one === bad ? index : 'Chef')),
    )
    assert.deepEqual(await failuresOf(rig), [[ours, undefined, bad.id, vendorCode]])
    assert.ok(callsOf(rig, 'sync', before) <= 2 * Math.ceil(Math.log2(PEOPLE)) + 1)
    // Alone from now on, it costs the others nothing.
    const after = marketo.calls.length
    for (const { id } of all) if (id !== bad.id) dataverse.update('lead', id, { jobtitle: 'Boss' })
    await rig.cycle()
    assert.equal(callsOf(rig, 'sync', after), 1)
    dataverse.update('lead', bad.id, { jobtitle: 'cured' })
    await rig.cycle()
    assert.equal(marketo.person(bad.marketoId)?.title, 'cured')
    assert.deepEqual(await failuresOf(rig), [])
  })
}

test('one record for which Marketo refuses a whole read holds back nobody else, is a failure, and is not taken for deleted', async () => {
  await using rig = await startSyncRig()
  const { marketo, dataverse } = rig.sandbox
  await rig.cycle()
  // By their e-mail, records without a person are looked for.
  marketo.refuseWhole({ containing: 'p3@example.com', code: '1003', message: 'No.' })
  await pairs(rig, 8)
  assert.equal(marketo.people().length, 7)
  const [[code, , recordId] = []] = await failuresOf(rig)
  assert.equal(code, 'marketo-value-invalid')
  assert.equal(dataverse.row('lead', String(recordId))?.emailaddress1, 'p3@example.com')
})

test('one activity for which Marketo refuses the whole call costs the others nothing', async () => {
  await using rig = await startSyncRig()
  const { marketo, dataverse } = rig.sandbox
  const all = await pairs(rig, 5)
  const bad = all[2] ?? assert.fail()
  marketo.refuseWhole({ containing: `"leadId":${bad.marketoId}`, code: '1003', message: 'No.' })
  // Each change that Dynamics refuses is an activity of the person.
  for (const { marketoId } of all) marketo.update(marketoId, { title: 'x'.repeat(200) })
  dataverse.changeColumn('lead', 'jobtitle', { type: 'String', maxLength: 10 })
  await rig.cycle()
  await rig.cycle()
  const told = marketo.log().filter(({ typeId }) => typeId > 100_000)
  assert.deepEqual(
    told.map(({ leadId }) => leadId).sort(),
    all.flatMap(({ marketoId }) => (marketoId === bad.marketoId ? [] : [marketoId])),
  )
})

test('an activity that Marketo answers with another status than expected is written once', async () => {
  await using rig = await startSyncRig()
  const { marketo, dataverse } = rig.sandbox
  const [one] = await pairs(rig, 1)
  marketo.setKnobs({ oddStatus: 'queued' })
  dataverse.changeColumn('lead', 'jobtitle', { type: 'String', maxLength: 10 })
  marketo.update(one?.marketoId ?? 0, { title: 'x'.repeat(200) })
  for (let cycles = 0; cycles < 11; cycles += 1) {
    await rig.cycle()
    rig.pass(60_000)
  }
  assert.equal(marketo.log().filter(({ typeId }) => typeId > 100_000).length, 1)
  const line = rig.log.find((text) => text.includes('activity-answer-unknown'))
  assert.ok(line?.includes('marketo-answer-unknown'), line)
})

test('an activity that gets no answer is sent again at growing distances', async () => {
  await using rig = await startSyncRig()
  const { marketo, dataverse } = rig.sandbox
  const [one] = await pairs(rig, 1)
  dataverse.changeColumn('lead', 'jobtitle', { type: 'String', maxLength: 10 })
  marketo.update(one?.marketoId ?? 0, { title: 'x'.repeat(200) })
  const before = marketo.calls.length
  for (let times = 0; times < 60; times += 1) {
    marketo.bend({ path: 'activities/external.json', how: { kind: 'reset', commit: 'first' } })
  }
  for (let cycles = 0; cycles < 60; cycles += 1) {
    await rig.cycle()
    rig.pass(10_000)
  }
  const sent = marketo.calls.slice(before).filter(({ path }) => path.includes('activities/external.json'))
  assert.ok(sent.length > 1 && sent.length < 12, `${sent.length} times in ten minutes`)
})

test('a write that Marketo answers with a status that nobody knows is a failure, is tried at growing distances, and ends', async () => {
  await using rig = await startSyncRig()
  const { marketo, dataverse } = rig.sandbox
  const [one] = await pairs(rig, 1)
  const { id, marketoId } = one ?? assert.fail()
  marketo.setKnobs({ oddStatus: 'queued' })
  marketo.blockField('title', true)
  dataverse.update('lead', id, { jobtitle: 'Chef' })
  const before = marketo.calls.length
  await rig.cycle()
  assert.deepEqual(await failuresOf(rig), [['marketo-answer-unknown', undefined, id, undefined]])
  for (let cycles = 0; cycles < 60; cycles += 1) {
    rig.pass(60_000)
    await rig.cycle()
  }
  assert.ok(callsOf(rig, 'sync', before) < 10)
  marketo.setKnobs({ oddStatus: '' })
  marketo.blockField('title', false)
  rig.pass(LONG_MS)
  await rig.cycle()
  await rig.cycle()
  assert.equal(marketo.person(marketoId)?.title, 'Chef')
  assert.deepEqual(await failuresOf(rig), [])
})

for (const unknownFieldWords of ['1006', '1003'] as const) {
  test(`fields that are gone from Marketo are set aside by name (${unknownFieldWords}), and the others travel in the same cycle`, async () => {
    await using rig = await startSyncRig()
    const { marketo, dataverse } = rig.sandbox
    marketo.setKnobs({ unknownField: 'call', unknownFieldWords })
    const [one] = await pairs(rig, 1)
    const { id, marketoId } = one ?? assert.fail()
    marketo.removeField('title')
    marketo.removeField('fax')
    dataverse.update('lead', id, { jobtitle: 'Chef', fax: '1', address1_city: 'Lund' })
    await rig.cycle()
    assert.equal(marketo.person(marketoId)?.city, 'Lund')
    const gone = (await failuresOf(rig)).filter(([code]) => code === 'marketo-field-missing')
    assert.deepEqual(gone.map(([, field]) => field).sort(), ['fax', 'title'])
  })

  test(`fields that Marketo lists and refuses (${unknownFieldWords}) are set aside by name, visibly, and taken back later`, async () => {
    await using rig = await startSyncRig()
    const { marketo, dataverse } = rig.sandbox
    const [one, other] = await pairs(rig, 2)
    assert.ok(one && other)
    const message = unknownFieldWords === '1003' ? 'Invalid fields [title, fax]' : "Field 'title' not found"
    const names = unknownFieldWords === '1003' ? ['fax', 'title'] : ['title']
    for (const name of names) marketo.refuseWhole({ containing: name, code: unknownFieldWords, message })
    dataverse.update('lead', one.id, { jobtitle: 'Chef', address1_city: 'Lund' })
    marketo.update(other.marketoId, { city: 'Falun' })
    await rig.cycle()
    await rig.cycle()
    assert.equal(marketo.person(one.marketoId)?.city, 'Lund')
    assert.equal(dataverse.row('lead', other.id)?.address1_city, 'Falun')
    const open = (await failuresOf(rig)).filter(([, , recordId]) => recordId === undefined)
    assert.deepEqual(
      open.sort(),
      names.map((name) => ['marketo-field-unknown', name, undefined, undefined]),
    )
    const before = marketo.calls.length
    await rig.cycle()
    assert.deepEqual(
      marketo.calls.slice(before).filter(({ errorCode }) => errorCode !== undefined),
      [],
      'not asked for again with each cycle',
    )
    marketo.refuseNothing()
    rig.pass(LONG_MS)
    await rig.cycle()
    await rig.cycle()
    assert.equal(marketo.person(one.marketoId)?.title, 'Chef')
    assert.deepEqual(await failuresOf(rig), [])
  })
}

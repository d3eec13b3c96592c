import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import type { Sandbox } from '../../sandbox/index.ts'
import { type Json, type Pair, type SyncRig, startSyncRig } from './sync-rig.ts'

/** Somebody changes a table in Dynamics or a field in Marketo while the service runs. */

const ADD = [{ marketo: 'hobby', lead: 'new_hobby', type: 'string' }]
const CHOICE = [{ marketo: 'segment', lead: 'new_segment', type: 'string' }]
const OPTIONS = [
  { value: 1, label: 'Retail' },
  { value: 2, label: 'Public' },
]
/** A schema that nobody was refused for is read anew that often. */
const SCHEMA_MS = 3_600_000

function asItWas({ dataverse, marketo }: Sandbox): void {
  dataverse.changeColumn('lead', 'new_hobby', { type: 'String', maxLength: 100, required: 'None' })
  dataverse.changeColumn('lead', 'new_segment', { type: 'Picklist', options: OPTIONS })
  marketo.addField({ name: 'hobby', dataType: 'string' })
  marketo.addField({ name: 'segment', dataType: 'string' })
}

let rig: SyncRig
before(async () => {
  rig = await startSyncRig({
    settings: { FIELDS_FILE: JSON.stringify({ add: [...ADD, ...CHOICE] }) },
    prepare: asItWas,
  })
})
after(() => rig[Symbol.asyncDispose]())
afterEach(async () => {
  asItWas(rig.sandbox)
  await rig.cycle(SCHEMA_MS)
  await rig.cycle()
  assert.deepEqual(await rig.failuresOf(), [], 'the set-up is as it was')
})

let count = 0
function lead(columns: Json): Promise<Pair> {
  count += 1
  const emailaddress1 = `drift-${count}@example.com`
  return rig.pair('lead', { lastname: 'Ek', subject: 'Fair', emailaddress1, ...columns })
}

/** The rest of the person travels both ways, within three cycles and without anybody's help. */
async function assertRestTravels(pair: Pair): Promise<void> {
  rig.marketo.update(pair.marketoId, { city: 'Lund' })
  rig.dataverse.update('lead', pair.id, { jobtitle: 'Chef' })
  for (let cycles = 0; cycles < 3; cycles += 1) await rig.cycle()
  assert.deepEqual([pair.lead().address1_city, pair.person().title], ['Lund', 'Chef'])
}

async function setUpFailures(): Promise<unknown[]> {
  return (await rig.failuresOf()).map(({ side, code, field }) => [side, code, field])
}

const dynamicsDrift: readonly { what: string; drift: () => void; code: string }[] = [
  {
    what: 'deleted',
    drift: () => rig.dataverse.changeColumn('lead', 'new_hobby', { remove: true }),
    code: 'column-missing',
  },
  {
    what: 'renamed',
    drift: () => rig.dataverse.renameColumn('lead', 'new_hobby', 'new_pastime'),
    code: 'column-missing',
  },
  {
    what: 'made a number',
    drift: () => rig.dataverse.changeColumn('lead', 'new_hobby', { type: 'Integer' }),
    code: 'pair-one-way',
  },
]
for (const { what, drift, code } of dynamicsDrift) {
  test(`a column in Dynamics that is ${what} is set aside with a failure that says so, and nothing of it is lost`, async () => {
    const pair = await lead({ new_hobby: 'Chess' })
    drift()
    await assertRestTravels(pair)
    assert.deepEqual(await setUpFailures(), [['dynamics', code, 'new_hobby']])
    assert.equal(pair.person().hobby, 'Chess')
    await rig.cycle(SCHEMA_MS)
    assert.equal(pair.person().hobby, 'Chess')
    if (what === 'renamed') rig.dataverse.changeColumn('lead', 'new_pastime', { remove: true })
  })
}

test('a column that is shortened or made required costs only its own field', async () => {
  const pair = await lead({ new_hobby: 'Chess' })
  rig.dataverse.changeColumn('lead', 'new_hobby', { maxLength: 8, required: 'ApplicationRequired' })
  rig.marketo.update(pair.marketoId, { hobby: 'Orienteering' })
  await assertRestTravels(pair)
  const [short] = await rig.failuresOf(pair.id)
  assert.deepEqual([short?.code, short?.field], ['field-too-long', 'new_hobby'])
  rig.marketo.update(pair.marketoId, { hobby: null })
  await rig.cycle(SCHEMA_MS)
  const [required] = await rig.failuresOf(pair.id)
  assert.deepEqual([required?.code, required?.field], ['field-required', 'new_hobby'])
  assert.equal(pair.lead().new_hobby, 'Chess')
  rig.marketo.update(pair.marketoId, { hobby: 'Go' })
  await rig.cycle()
  assert.equal(pair.lead().new_hobby, 'Go')
  assert.deepEqual(await rig.failuresOf(pair.id), [])
})

test('an option that is removed is refused with its field, and one that is renamed arrives under its new label', async () => {
  const pair = await lead({ new_segment: 1 })
  assert.equal(pair.person().segment, 'Retail')
  rig.dataverse.changeOption('lead', 'new_segment', 2, undefined)
  rig.marketo.update(pair.marketoId, { segment: 'Public' })
  await assertRestTravels(pair)
  const [failure] = await rig.failuresOf(pair.id)
  assert.deepEqual([failure?.code, failure?.field], ['option-unknown', 'new_segment'])
  assert.equal(pair.lead().new_segment, 1)

  rig.marketo.update(pair.marketoId, { segment: 'Retail' })
  await rig.cycle()
  rig.dataverse.changeOption('lead', 'new_segment', 1, 'Shops')
  await rig.cycle(SCHEMA_MS)
  await rig.cycle()
  await rig.cycle()
  assert.equal(pair.person().segment, 'Shops')
  assert.equal(pair.lead().new_segment, 1)
  assert.deepEqual(await rig.failuresOf(pair.id), [])
})

const marketoDrift: readonly { what: string; drift: () => void; code: string; undo?: () => void }[] = [
  { what: 'deleted', drift: () => rig.marketo.removeField('hobby'), code: 'marketo-field-missing' },
  {
    what: 'renamed',
    drift: () => rig.marketo.renameField('hobby', 'pastime'),
    code: 'marketo-field-missing',
    undo: () => rig.marketo.removeField('pastime'),
  },
  { what: 'made a number', drift: () => rig.marketo.retypeField('hobby', 'integer'), code: 'pair-one-way' },
]
for (const { what, drift, code, undo } of marketoDrift) {
  test(`a field in Marketo that is ${what} is set aside with a failure that says so, and Dynamics keeps what it has`, async () => {
    const pair = await lead({ new_hobby: 'Chess' })
    drift()
    rig.dataverse.update('lead', pair.id, { new_hobby: 'Go' })
    await rig.cycle()
    await assertRestTravels(pair)
    assert.deepEqual(
      (await setUpFailures()).map((failure) => (failure as unknown[])[1]),
      [code],
    )
    await rig.cycle(SCHEMA_MS)
    assert.equal(pair.lead().new_hobby, 'Go')
    undo?.()
  })
}

test('a field in Marketo that is shortened costs only the values that are too long for it', async () => {
  const pair = await lead({ new_hobby: 'Chess' })
  rig.marketo.shortenField('hobby', 6)
  rig.dataverse.update('lead', pair.id, { new_hobby: 'Orienteering' })
  await assertRestTravels(pair)
  const [failure] = await rig.failuresOf(pair.id)
  assert.deepEqual([failure?.field, failure?.side], ['hobby', 'marketo'])
  assert.equal(pair.lead().new_hobby, 'Orienteering')
  await rig.cycle(SCHEMA_MS)
  assert.equal((await rig.failuresOf(pair.id))[0]?.code, 'field-too-long')
  rig.dataverse.update('lead', pair.id, { new_hobby: 'Go' })
  await rig.cycle()
  assert.equal(pair.person().hobby, 'Go')
  assert.deepEqual(await rig.failuresOf(pair.id), [])
})

test('a system field that is deleted in Marketo stops the sync with a reason, and set up again it goes on', async () => {
  const pair = await lead({})
  rig.marketo.removeField('microsoftIsDeleted')
  rig.dataverse.update('lead', pair.id, { jobtitle: 'Chef' })
  await rig.cycle(SCHEMA_MS)
  const { state, blocked } = await rig.status()
  assert.deepEqual([state, (blocked as Json).code], ['blocked', 'setup-missing'])
  rig.marketo.addField({ name: 'microsoftIsDeleted', dataType: 'boolean' })
  await rig.cycle()
  assert.equal((await rig.status()).state, 'running')
  assert.equal(pair.person().title, 'Chef')
})

/** Longer than a schema must be old before a value that it forbids makes it be read again. */
const MINUTE_MS = 61_000

test('edits of a cycle in which a column was renamed travel in that cycle, and no record is left refused', async () => {
  for (const zeroCodes of [false, true]) {
    rig.dataverse.setKnobs({ zeroCodes })
    const pair = await lead({ new_hobby: 'Chess' })
    // Marketo's edit alone: the table is met with by a write.
    rig.dataverse.renameColumn('lead', 'new_hobby', 'new_pastime')
    rig.marketo.update(pair.marketoId, { city: 'Lund', hobby: 'Go' })
    await rig.cycle()
    assert.equal(pair.lead().address1_city, 'Lund')
    assert.deepEqual(await rig.failuresOf(pair.id), [])
    assert.deepEqual(await setUpFailures(), [['dynamics', 'column-missing', 'new_hobby']])
    rig.dataverse.changeColumn('lead', 'new_pastime', { remove: true })
    asItWas(rig.sandbox)
    await rig.cycle(SCHEMA_MS)
    await rig.cycle()
  }
  rig.dataverse.setKnobs({ zeroCodes: false })
})

test('a value that was too long travels once the column is enlarged, without waiting for a back-off', async () => {
  rig.dataverse.changeColumn('lead', 'new_hobby', { maxLength: 5 })
  await rig.cycle(SCHEMA_MS)
  const pairs = [await lead({}), await lead({})]
  for (const { marketoId } of pairs) rig.marketo.update(marketoId, { hobby: 'Orienteering' })
  await rig.cycle()
  const [failure] = await rig.failuresOf(pairs[0]?.id)
  assert.deepEqual([failure?.code, failure?.field], ['field-too-long', 'new_hobby'])
  rig.dataverse.changeColumn('lead', 'new_hobby', { maxLength: 50 })
  // One record is asked for by an operator; the schema that it makes be read again lets the other go as well.
  const { status } = await rig.request('POST', `/v1/sync/failures/${failure?.failureId}/retry`)
  assert.equal(status, 202)
  await rig.cycle(MINUTE_MS)
  await rig.cycle()
  assert.deepEqual(
    pairs.map((pair) => pair.lead().new_hobby),
    ['Orienteering', 'Orienteering'],
  )
  assert.ok(rig.log.some((line) => line.includes('"schema-reread"') && line.includes('"because":"check"')))
})

test('a preview decides by the schemas as they are now', async () => {
  const pair = await lead({ new_hobby: 'Chess' })
  rig.dataverse.changeColumn('lead', 'new_hobby', { remove: true })
  rig.marketo.update(pair.marketoId, { city: 'Lund', hobby: 'Go' })
  const { status, body } = await rig.request('POST', '/v1/sync/preview')
  assert.equal(status, 200)
  const items = body.items as Json[]
  assert.deepEqual(
    items.filter(({ recordId }) => recordId === pair.id).map(({ fields }) => fields),
    [['city']],
  )
  await rig.cycle()
})

test('a refusal of a read that no schema explains is asked about once, and the cycle says what it was', async () => {
  const before = rig.log.length
  for (let reads = 0; reads < 4; reads += 1) {
    rig.dataverse.bend({
      operation: 'changes',
      path: 'leads',
      how: { kind: 'error', status: 400, code: '0x80040203', message: 'Invalid argument.' },
    })
  }
  rig.dataverse.expireTokens('lead')
  await rig.cycle()
  const rereads = rig.log.slice(before).filter((line) => line.includes('"schema-reread"'))
  assert.ok(rereads.length <= 1, rereads.join())
  for (let cycles = 0; cycles < 4; cycles += 1) await rig.cycle()
})

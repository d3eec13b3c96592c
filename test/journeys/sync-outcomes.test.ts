import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Json, type Pair, type SyncRig, startSyncRig } from './sync-rig.ts'

/** Writes whose outcome nobody knows, and calls that a quota refuses: nothing is lost or doubled, and no edit is undone. */

/** A write without an answer may be executed until then. */
const SETTLE_MS = 101_000
const EK = { lastname: 'Ek', subject: 'Fair' }

let rig: SyncRig
before(async () => {
  rig = await startSyncRig()
})
after(() => rig[Symbol.asyncDispose]())

let count = 0
function lead(columns: Json = {}): Promise<Pair> {
  count += 1
  return rig.pair('lead', { ...EK, emailaddress1: `outcome-${count}@example.com`, ...columns })
}

async function calm(cycles = 3): Promise<void> {
  for (let cycle = 0; cycle < cycles; cycle += 1) await rig.cycle(SETTLE_MS)
}

type DataverseBend = Parameters<SyncRig['dataverse']['bend']>[0]
type MarketoBend = Parameters<SyncRig['marketo']['bend']>[0]

const unknownToDynamics: readonly { when: string; how: DataverseBend['how'] }[] = [
  { when: 'before it was executed', how: { kind: 'reset-before-commit' } },
  { when: 'after it was executed', how: { kind: 'reset-after-commit' } },
  { when: 'in the middle of its answer', how: { kind: 'cut-body-after-commit' } },
  { when: 'behind a gateway error', how: { kind: 'html-502-after-commit' } },
  { when: 'and is executed late', how: { kind: 'commit-late', afterMs: 1 } },
]
for (const { when, how } of unknownToDynamics) {
  test(`an update of Dynamics whose connection is lost ${when} arrives, and a human's edit in between is kept`, async () => {
    const pair = await lead({ jobtitle: 'Buyer' })
    rig.dataverse.bend({ operation: 'batch', how })
    rig.marketo.update(pair.marketoId, { city: 'Lund' })
    await rig.cycle()
    rig.dataverse.update('lead', pair.id, { jobtitle: 'Chef' })
    await calm()
    assert.deepEqual([pair.lead().address1_city, pair.lead().jobtitle], ['Lund', 'Chef'])
    assert.deepEqual([pair.person().city, pair.person().title], ['Lund', 'Chef'])
    assert.deepEqual(await rig.conflictsOf(pair.id), [])
    assert.deepEqual(await rig.writesDuring(() => calm()), { toDynamics: [], toMarketo: [] })
  })
}

const unknownToMarketo: readonly { when: string; how: MarketoBend['how'] }[] = [
  { when: 'before it was executed', how: { kind: 'reset' } },
  { when: 'after it was executed', how: { kind: 'reset', commit: 'first' } },
  { when: 'in the middle of its answer', how: { kind: 'cut' } },
  { when: 'behind a gateway error', how: { kind: 'html', commit: 'first' } },
  { when: 'and is executed late', how: { kind: 'reset', commit: 'late', afterMs: 1 } },
]
for (const { when, how } of unknownToMarketo) {
  test(`a new person whose connection to Marketo is lost ${when} is made once`, async () => {
    rig.marketo.bend({ operation: 'sync', how })
    const id = rig.dataverse.seed('lead', { ...EK, emailaddress1: `once-${when.length}@example.com` })
    await rig.cycle()
    await calm()
    const people = rig.marketo.people().filter(({ microsoftRecordId }) => microsoftRecordId === id)
    assert.equal(people.length, 1)
    rig.dataverse.update('lead', id, { jobtitle: 'Chef' })
    await rig.cycle()
    assert.equal(rig.marketo.person(Number(people[0]?.id))?.title, 'Chef')
  })

  test(`an update of Marketo whose connection is lost ${when} arrives, and a human's edit in between is kept`, async () => {
    const pair = await lead({ jobtitle: 'Buyer' })
    rig.marketo.bend({ operation: 'sync', how })
    rig.dataverse.update('lead', pair.id, { jobtitle: 'Chef' })
    await rig.cycle()
    rig.marketo.update(pair.marketoId, { city: 'Lund' })
    await calm()
    assert.deepEqual([pair.person().title, pair.person().city], ['Chef', 'Lund'])
    assert.deepEqual([pair.lead().jobtitle, pair.lead().address1_city], ['Chef', 'Lund'])
    assert.deepEqual(await rig.conflictsOf(pair.id), [])
    assert.deepEqual(await rig.failuresOf(pair.id), [])
  })
}

test('a record that somebody edits between our read and our write is read and decided on again', async () => {
  const pair = await lead({ jobtitle: 'Buyer' })
  rig.marketo.update(pair.marketoId, { city: 'Lund' })
  rig.dataverse.bend({
    operation: 'batch',
    how: {
      kind: 'fail-part',
      at: 0,
      status: 412,
      code: '0x80060882',
      message: 'The version does not match.',
    },
  })
  await rig.cycle()
  await rig.cycle()
  assert.deepEqual([pair.lead().address1_city, await rig.failuresOf(pair.id)], ['Lund', []])
})

const throttles = ['0x80072321', '0x80072322', '0x80072326'] as const
for (const code of throttles) {
  test(`Dynamics' throttle ${code} is waited out, and what it held back travels then`, async () => {
    const pair = await lead()
    rig.marketo.update(pair.marketoId, { city: 'Lund' })
    rig.dataverse.bend({ operation: 'batch', how: { kind: 'throttle', code, retryAfter: '60' } })
    await rig.cycle()
    const calls = rig.dataverse.calls.length
    const { result } = await rig.cycle(1_000)
    assert.equal(rig.dataverse.calls.length, calls, 'no call inside the Retry-After')
    assert.equal(result, 'partial')
    await rig.cycle(60_000)
    assert.equal(pair.lead().address1_city, 'Lund')
    assert.deepEqual(await rig.failuresOf(pair.id), [])
  })
}

const refusals = ['606', '607', '615', '604', '608', '713'] as const
for (const code of refusals) {
  test(`Marketo's ${code} is waited out, and what it held back travels then`, async () => {
    const pair = await lead()
    rig.dataverse.update('lead', pair.id, { jobtitle: 'Chef' })
    rig.marketo.bend({ operation: 'sync', how: { kind: 'error', code } })
    await rig.cycle()
    await calm(code === '607' ? 0 : 2)
    if (code === '607') await rig.cycle(86_400_000)
    if (code === '607') await calm()
    assert.equal(pair.person().title, 'Chef')
    assert.deepEqual(await rig.failuresOf(pair.id), [])
  })
}

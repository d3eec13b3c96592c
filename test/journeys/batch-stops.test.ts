import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Json, type Pair, type SyncRig, startSyncRig } from './sync-rig.ts'

/** A $batch ends at its first error although it was asked to go on. */

let rig: SyncRig
before(async () => {
  rig = await startSyncRig()
  rig.dataverse.setKnobs({ batchStops: true })
})
after(() => rig[Symbol.asyncDispose]())

let count = 0
function email(): string {
  count += 1
  return `stops-${count}@example.com`
}

test('healthy edits arrive in the cycle in which others of their batch are refused', async () => {
  const pairs: Pair[] = []
  for (let made = 0; made < 8; made += 1) {
    pairs.push(await rig.pair('lead', { lastname: 'Ek', subject: 'Fair', emailaddress1: email() }))
  }
  rig.dataverse.addPlugIn({
    table: 'lead',
    column: 'address1_city',
    value: 'Atlantis',
    message: 'There is no such city.',
  })
  const isBad = (index: number) => index % 3 === 0
  for (const [index, { marketoId }] of pairs.entries()) {
    rig.marketo.update(marketoId, { city: isBad(index) ? 'Atlantis' : 'Lund' })
  }
  await rig.cycle()
  assert.deepEqual(
    pairs.map((pair) => pair.lead().address1_city ?? null),
    pairs.map((_, index) => (isBad(index) ? null : 'Lund')),
  )
  const [failure] = await rig.failuresOf(pairs[0]?.id)
  assert.deepEqual([failure?.code, failure?.vendorMessage], ['business-rule', 'There is no such city.'])
  assert.deepEqual(await rig.failuresOf(pairs[1]?.id), [])
  rig.dataverse.removePlugIns()
})

test('people of a batch campaign are created beside one whom a plug-in refuses', async () => {
  rig.dataverse.addPlugIn({
    table: 'lead',
    column: 'lastname',
    value: 'Nix',
    message: 'Nobody is called Nix.',
  })
  const campaign = { id: 7, type: 'batch' }
  const names = ['Ek', 'Nix', 'Alm', 'Nix', 'Berg', 'Dahl']
  const queued = await Promise.all(
    names.map((lastName) =>
      rig.sync({ person: { email: email(), lastName, microsoftTopic: 'Fair' }, campaign }),
    ),
  )
  const ended = await Promise.all(queued.map(({ body }) => rig.outcomeOf(body.requestId)))
  assert.deepEqual(
    ended.map(({ outcome, code, vendorMessage }): Json => ({ outcome, code, vendorMessage })),
    names.map((name) =>
      name === 'Nix'
        ? { outcome: 'failed', code: 'business-rule', vendorMessage: 'Nobody is called Nix.' }
        : { outcome: 'created', code: undefined, vendorMessage: undefined },
    ),
  )
})

test('records are told apart as deleted and there by a full read', async () => {
  const kept = await rig.pair('lead', { lastname: 'Ek', subject: 'Fair', emailaddress1: email() })
  const gone = await rig.pair('lead', { lastname: 'Ek', subject: 'Fair', emailaddress1: email() })
  rig.dataverse.expireTokens('lead')
  rig.dataverse.remove('lead', gone.id)
  for (let cycles = 0; cycles < 3; cycles += 1) await rig.cycle()
  assert.deepEqual(
    [kept.person().microsoftIsDeleted ?? false, gone.person().microsoftIsDeleted],
    [false, true],
  )
})

test('a disabled organisation is a trouble of the cycle and no failure of any record, and edits arrive afterwards', async () => {
  const healthy = await rig.pair('lead', { lastname: 'Ek', subject: 'Fair', emailaddress1: email() })
  const pairs = [
    await rig.pair('lead', { lastname: 'Ek', subject: 'Fair', emailaddress1: email() }),
    await rig.pair('lead', { lastname: 'Ek', subject: 'Fair', emailaddress1: email() }),
  ]
  rig.dataverse.addPlugIn({
    table: 'lead',
    column: 'address1_city',
    value: 'Lund',
    message: 'The organization is disabled.',
    code: '0x8004a104',
  })
  // One row is answered before the others are refused: the batch as a whole is no refusal.
  rig.marketo.update(healthy.marketoId, { city: 'Malmö' })
  for (const { marketoId } of pairs) rig.marketo.update(marketoId, { city: 'Lund' })
  const { result, code } = await rig.cycle()
  assert.deepEqual([result, code], ['partial', 'organisation-disabled'])
  assert.equal(healthy.lead().address1_city, 'Malmö')
  assert.deepEqual((await Promise.all(pairs.map(({ id }) => rig.failuresOf(id)))).flat(), [])
  rig.dataverse.removePlugIns()
  await rig.cycle()
  assert.deepEqual(
    pairs.map((pair) => pair.lead().address1_city),
    ['Lund', 'Lund'],
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SyncRig, startSyncRig } from './rig.ts'

/** Dynamics answers the read of one record with neither the record nor the news that it is gone. */

const LONG_MS = 7 * 3_600_000

/** As many records, each with its person; the plug-in will not give the first one. */
async function pairs(rig: SyncRig, count: number, refusal: { status: number; code: string }) {
  const { dataverse, marketo } = rig.sandbox
  const ids = Array.from({ length: count }, (_, index) =>
    dataverse.seed('lead', { lastname: `Ek ${index}`, emailaddress1: `p${index}@example.com` }),
  )
  await rig.cycle()
  await rig.cycle()
  const idOf = new Map(marketo.people().map((one) => [one.microsoftRecordId, Number(one.id)]))
  const column = { table: 'lead', column: 'emailaddress1', value: 'p0@example.com' } as const
  dataverse.addPlugIn({ ...column, on: 'read', message: 'Not this one.', ...refusal })
  return ids.map((id) => ({ id, marketoId: idOf.get(id) ?? assert.fail() }))
}

/** The writes get no answer, so that each record is to be read. */
async function loseWrites(rig: SyncRig, all: readonly { marketoId: number }[]): Promise<void> {
  const { dataverse, marketo } = rig.sandbox
  for (const { marketoId } of all) marketo.update(marketoId, { title: 'Chef' })
  dataverse.bend({ operation: 'batch', how: { kind: 'reset-before-commit' } })
  await rig.cycle()
}

async function failuresOf(rig: SyncRig) {
  const failures = await rig.store.readFailures({ limit: 100 })
  return failures.map(({ side, code, recordId, vendorCode }) => [side, code, recordId, vendorCode])
}

const refusals = [
  [500, '0x80040216', 'row-unreadable'],
  [500, '0x80049999', 'row-unreadable'],
  [400, '0x80040265', 'business-rule'],
  [403, '0x80040220', 'privilege-missing'],
] as const

for (const count of [1, 6]) {
  for (const [status, code, ours] of refusals) {
    test(`one of ${count} records whose read always fails with ${status} ${code} is a failure, and holds back nobody else`, async () => {
      await using rig = await startSyncRig()
      const { dataverse } = rig.sandbox
      const all = await pairs(rig, count, { status, code })
      const [bad, ...healthy] = all
      assert.ok(bad)
      await loseWrites(rig, all)
      rig.pass(60_000)
      const { result } = await rig.cycle()
      const titles = healthy.map(({ id }) => dataverse.row('lead', id)?.jobtitle)
      assert.deepEqual(
        titles,
        healthy.map(() => 'Chef'),
      )
      assert.deepEqual(await failuresOf(rig), [['dynamics', ours, bad.id, code]])
      assert.equal(result, 'done')
      const before = dataverse.calls.length
      await rig.cycle()
      assert.equal(
        dataverse.calls.slice(before).filter(({ path }) => path.endsWith('$batch')).length,
        0,
        'it waits by itself',
      )
      dataverse.removePlugIns()
      rig.pass(LONG_MS)
      await rig.cycle()
      assert.equal(dataverse.row('lead', bad.id)?.jobtitle, 'Chef')
      assert.deepEqual(await failuresOf(rig), [])
    })
  }
}

test('when no record of the table can be read, that is a fault of the set-up, and nobody has a failure of their own', async () => {
  await using rig = await startSyncRig()
  const { dataverse } = rig.sandbox
  const all = await pairs(rig, 3, { status: 500, code: '0x80040216' })
  dataverse.removePlugIns()
  dataverse.denyPrivileges(['prvReadLead'])
  await loseWrites(rig, all)
  rig.pass(60_000)
  assert.notEqual((await rig.cycle()).result, 'done')
  const codes = new Set((await failuresOf(rig)).map(([, code, recordId]) => `${code} ${recordId}`))
  assert.deepEqual([...codes], ['privilege-missing undefined'])
  dataverse.denyPrivileges([])
  rig.pass(60_000)
  await rig.cycle()
  assert.deepEqual(
    all.map(({ id }) => dataverse.row('lead', id)?.jobtitle),
    all.map(() => 'Chef'),
  )
})

test('a record that is said to be deleted and cannot be read is not taken for deleted, and its page goes on', async () => {
  await using rig = await startSyncRig()
  const { dataverse, marketo } = rig.sandbox
  const [bad, other] = await pairs(rig, 2, { status: 500, code: '0x80040216' })
  assert.ok(bad && other)
  dataverse.remove('lead', bad.id)
  dataverse.update('lead', other.id, { jobtitle: 'Chef' })
  rig.afterPage(() => dataverse.restore('lead', bad.id))
  await rig.cycle()
  assert.equal(marketo.person(other.marketoId)?.title, 'Chef')
  assert.notEqual(marketo.person(bad.marketoId)?.microsoftIsDeleted, true)
  assert.deepEqual(await failuresOf(rig), [['dynamics', 'row-unreadable', bad.id, '0x80040216']])
  dataverse.removePlugIns()
  rig.pass(LONG_MS)
  dataverse.update('lead', bad.id, { jobtitle: 'Boss' })
  await rig.cycle()
  await rig.cycle()
  assert.equal(marketo.person(bad.marketoId)?.title, 'Boss')
  assert.deepEqual(await failuresOf(rig), [])
})

test('a record that was merged into one that cannot be read is followed, and holds back nobody else', async () => {
  await using rig = await startSyncRig()
  const { dataverse, marketo } = rig.sandbox
  const [, loser, other] = await pairs(rig, 3, { status: 500, code: '0x80040216' })
  assert.ok(loser && other)
  const column = { table: 'lead', column: 'emailaddress1', value: 'h@example.com' } as const
  dataverse.addPlugIn({ ...column, on: 'read', message: 'No.', status: 500, code: '0x80040216' })
  const heir = dataverse.seed('lead', { lastname: 'Heir', emailaddress1: 'h@example.com' })
  dataverse.merge('lead', heir, loser.id, {})
  dataverse.update('lead', other.id, { jobtitle: 'Chef' })
  await rig.cycle()
  assert.equal(marketo.person(other.marketoId)?.title, 'Chef')
  const linked = await rig.store.findReplicas({ records: [{ recordType: 'lead', recordId: heir }] })
  assert.deepEqual(
    linked.map(({ marketoId }) => marketoId),
    [loser.marketoId],
  )
})

test('a record that a full read did not show and that cannot be read is not taken for deleted', async () => {
  await using rig = await startSyncRig()
  const { dataverse, marketo } = rig.sandbox
  const [bad, other] = await pairs(rig, 2, { status: 500, code: '0x80040216' })
  assert.ok(bad && other)
  dataverse.expireTokens('lead')
  const how = { kind: 'spoil-row', at: 0, unset: ['leadid'] } as const
  // An expired token casts doubt on the schema, so the first page is read twice.
  for (let reads = 0; reads < 2; reads += 1) {
    dataverse.bend({ path: 'leads\\?(?!.*deltatoken)', operation: 'changes', how })
  }
  dataverse.update('lead', other.id, { jobtitle: 'Chef' })
  await rig.cycle()
  assert.equal(marketo.person(other.marketoId)?.title, 'Chef')
  assert.notEqual(marketo.person(bad.marketoId)?.microsoftIsDeleted, true)
  assert.deepEqual(await failuresOf(rig), [['dynamics', 'row-unreadable', bad.id, '0x80040216']])
  dataverse.removePlugIns()
  rig.pass(LONG_MS)
  await rig.cycle()
  assert.deepEqual(await failuresOf(rig), [])
})

test('a second record of one person that cannot be read is taken to be there, and the sync goes on', async () => {
  await using rig = await startSyncRig()
  const { dataverse, marketo } = rig.sandbox
  const [bad, other] = await pairs(rig, 2, { status: 500, code: '0x80040216' })
  assert.ok(bad && other)
  marketo.merge(other.marketoId, [bad.marketoId])
  rig.pass(LONG_MS)
  const { result } = await rig.cycle()
  assert.equal(result, 'done')
  assert.deepEqual(await failuresOf(rig), [['dynamics', 'record-shared', other.id, '0x80040216']])
  dataverse.removePlugIns()
  dataverse.remove('lead', bad.id)
  rig.pass(LONG_MS)
  await rig.cycle()
  assert.deepEqual(await failuresOf(rig), [])
})

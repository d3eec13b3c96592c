import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resultActivity } from '../../src/sync/write/result-activity.ts'
import { type SyncRig, startSyncRig } from './rig.ts'

/** A fault of the set-up is visible until it is over, whatever the cycles in between had to do. */

const HOUR_MS = 3_600_000
const SETTLE_MS = 101_000

async function pair(rig: SyncRig) {
  const { dataverse, marketo } = rig.sandbox
  const id = dataverse.seed('lead', { lastname: 'Ek', subject: 'Fair', emailaddress1: 'ann@example.com' })
  await rig.cycle()
  await rig.cycle()
  return { id, marketoId: Number(marketo.people()[0]?.id) }
}

/** Open failures of the set-up. */
async function open(rig: SyncRig) {
  const failures = await rig.store.readFailures({ limit: 100 })
  return failures.flatMap(({ side, code, linkId }) => (linkId === undefined ? [[side, code]] : []))
}

function deny(rig: SyncRig, operation: 'sync' | 'leads' | 'external', times: number): void {
  for (let count = 0; count < times; count += 1) {
    rig.sandbox.marketo.bend({ operation, how: { kind: 'error', code: '603' } })
  }
}

const DENIED = ['marketo', 'marketo-access-denied']

test('a permission that writing lacks stays open over idle cycles, who waits counts, and both end when it is there', async () => {
  await using rig = await startSyncRig()
  const ann = await pair(rig)
  deny(rig, 'sync', 2)
  rig.sandbox.dataverse.update('lead', ann.id, { jobtitle: 'Chef' })
  assert.equal((await rig.cycle()).code, 'marketo-access-denied')
  for (let cycles = 0; cycles < 3; cycles += 1) {
    rig.pass(8_000)
    await rig.cycle()
    assert.deepEqual(await open(rig), [DENIED], 'though there was nothing to write')
    assert.deepEqual(
      rig.report().faults?.map(({ side, code }) => [side, code]),
      [DENIED],
    )
    const { live, oldestDirtyAt } = await rig.store.backlog()
    assert.ok(live === 1 && oldestDirtyAt !== undefined)
  }
  rig.pass(SETTLE_MS)
  await rig.cycle()
  assert.deepEqual(await open(rig), [DENIED], 'the second time')
  rig.pass(SETTLE_MS)
  await rig.cycle()
  rig.pass(SETTLE_MS)
  await rig.cycle()
  assert.equal(rig.sandbox.marketo.person(ann.marketoId)?.title, 'Chef')
  assert.deepEqual(await open(rig), [])
  assert.deepEqual(rig.report().faults, [])
  assert.equal((await rig.store.backlog()).live, 0)
})

test('a privilege that writing to Dynamics lacks is a fault of the set-up; who waits for it counts, and goes once it is there', async () => {
  await using rig = await startSyncRig()
  const { dataverse, marketo } = rig.sandbox
  const ann = await pair(rig)
  for (let times = 0; times < 2; times += 1) {
    dataverse.bend({ operation: 'batch', how: { kind: 'fail-part', at: 0, status: 403, code: '0x80040220' } })
  }
  marketo.update(ann.marketoId, { title: 'Chef' })
  await rig.cycle()
  await rig.cycle()
  assert.deepEqual(await open(rig), [['dynamics', 'privilege-missing']])
  assert.equal((await rig.store.backlog()).live, 1)
  for (let cycles = 0; cycles < 3; cycles += 1) {
    rig.pass(300_000)
    await rig.cycle()
  }
  assert.equal(dataverse.row('lead', ann.id)?.jobtitle, 'Chef')
  assert.deepEqual([await open(rig), (await rig.store.backlog()).live], [[], 0])
})

test('it outlives the process that met it, and ends with the success of the next', async () => {
  await using rig = await startSyncRig()
  const ann = await pair(rig)
  deny(rig, 'sync', 1)
  rig.sandbox.dataverse.update('lead', ann.id, { jobtitle: 'Chef' })
  await rig.cycle()
  await rig.cycleUntil(0)
  await rig.cycle()
  assert.deepEqual(await open(rig), [DENIED])
  for (let cycles = 0; cycles < 3; cycles += 1) {
    rig.pass(SETTLE_MS)
    await rig.cycle()
  }
  assert.equal(rig.sandbox.marketo.person(ann.marketoId)?.title, 'Chef')
  assert.deepEqual(await open(rig), [])
})

test('a write without an answer proves nothing about it', async () => {
  await using rig = await startSyncRig()
  const ann = await pair(rig)
  deny(rig, 'sync', 1)
  rig.sandbox.marketo.bend({ operation: 'sync', how: { kind: 'reset', commit: 'never' } })
  rig.sandbox.dataverse.update('lead', ann.id, { jobtitle: 'Chef' })
  await rig.cycle()
  rig.pass(SETTLE_MS)
  await rig.cycle()
  await rig.cycle()
  const sent = rig.sandbox.marketo.calls.filter(({ operation }) => operation === 'sync')
  assert.equal(sent.at(-1)?.status, 0)
  assert.deepEqual(await open(rig), [DENIED])
})

test('it ends as well when nobody is left who waits for it', async () => {
  await using rig = await startSyncRig()
  const ann = await pair(rig)
  deny(rig, 'sync', 1)
  rig.sandbox.dataverse.update('lead', ann.id, { jobtitle: 'Chef' })
  await rig.cycle()
  rig.sandbox.marketo.update(ann.marketoId, { title: 'Chef' })
  rig.pass(SETTLE_MS)
  await rig.cycle()
  await rig.cycle()
  assert.deepEqual(await open(rig), [])
})

test('change tracking that is off for one table is an open failure until it is on', async () => {
  await using rig = await startSyncRig()
  rig.sandbox.dataverse.setChangeTracking('contact', false)
  await rig.cycle()
  rig.pass(8_000)
  await rig.cycle()
  assert.deepEqual(await open(rig), [['dynamics', 'change-tracking-off']])
  rig.sandbox.dataverse.setChangeTracking('contact', true)
  await rig.cycle()
  assert.deepEqual(await open(rig), [])
})

for (const [what, bend, code] of [
  ['a feed', { operation: 'deleted-leads' }, '603'],
  ['the description of people', { operation: 'describe' }, '603'],
] as const) {
  test(`access that is denied to ${what} is an open failure until it is granted`, async () => {
    await using rig = await startSyncRig()
    rig.sandbox.marketo.bend({ ...bend, how: { kind: 'error', code } })
    await rig.cycle()
    assert.deepEqual(await open(rig), [DENIED])
    await rig.cycle()
    assert.deepEqual(await open(rig), [])
  })
}

test("Marketo's own CRM sync is found at the start and once an hour, is an open failure, and stops nothing", async () => {
  await using rig = await startSyncRig()
  const { marketo, dataverse } = rig.sandbox
  const asked = () => marketo.calls.filter(({ operation }) => operation === 'crm').length
  marketo.setKnobs({ nativeCrmSync: true })
  const id = dataverse.seed('lead', { lastname: 'Ek', subject: 'Fair', emailaddress1: 'ann@example.com' })
  for (let cycles = 0; cycles < 3; cycles += 1) await rig.cycle()
  assert.deepEqual(await open(rig), [['marketo', 'marketo-native-sync-on']])
  assert.equal(marketo.people()[0]?.microsoftRecordId, id)
  assert.equal(asked(), 1)
  marketo.setKnobs({ nativeCrmSync: false })
  rig.pass(HOUR_MS)
  await rig.cycle()
  assert.deepEqual([await open(rig), asked()], [[], 2])
})

test('a role that may not see companies leaves it open whether there is a native sync, and is no fault', async () => {
  await using rig = await startSyncRig()
  rig.sandbox.marketo.bend({ operation: 'crm', how: { kind: 'error', code: '603' } })
  await rig.cycle()
  assert.deepEqual(await open(rig), [])
})

test('without the custom activity for results they wait, visibly, and are written once there is one', async () => {
  await using rig = await startSyncRig()
  const { marketo, dataverse } = rig.sandbox
  const { types } = marketo.subscription
  const { apiName, approved } = types.delete(resultActivity.apiName)
  assert.ok(approved)
  const ann = await pair(rig)
  dataverse.addPlugIn({ table: 'lead', column: 'jobtitle', value: 'Chef', message: 'No.' })
  marketo.update(ann.marketoId, { title: 'Chef' })
  await rig.cycle()
  const written = () =>
    marketo.log().filter(({ typeId }) => types.all().some(({ id }) => id === typeId)).length
  const stream = () => rig.report().streams['activity-log']
  assert.deepEqual(await open(rig), [['marketo', 'result-activity-missing']])
  assert.deepEqual([written(), stream()], [0, { behind: true, isAtEnd: false }])

  types.create(apiName, { ...approved, attributes: approved.attributes.slice(1) })
  types.approve(apiName)
  rig.pass(HOUR_MS)
  await rig.cycle()
  assert.deepEqual(await open(rig), [['marketo', 'result-activity-outdated']])
  assert.deepEqual([written(), stream()], [1, { behind: false, isAtEnd: true }])
})

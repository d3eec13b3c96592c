import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACTIVITY_TYPES } from '../../src/marketo/changes.ts'
import { observeLife } from '../../src/sync/intake/see-life.ts'
import { type SyncRig, startSyncRig } from './rig.ts'

/** People who are deleted in Marketo come from a feed of their own. */

const DAY_MS = 86_400_000

async function pair(rig: SyncRig, email: string) {
  const { dataverse, marketo } = rig.sandbox
  const id = dataverse.seed('lead', { lastname: 'Ek', subject: 'Fair', emailaddress1: email })
  await rig.cycle()
  const marketoId = Number(marketo.people().find(({ microsoftRecordId }) => microsoftRecordId === id)?.id)
  assert.ok(marketoId > 0)
  const state = async () => {
    const [replica] = await rig.store.findReplicas({ records: [{ recordType: 'lead', recordId: id }] })
    return [replica?.state, replica?.marketoId]
  }
  return { id, marketoId, state }
}

function callsOf(rig: SyncRig, operation: string): number {
  return rig.sandbox.marketo.calls.filter((call) => call.operation === operation).length
}

async function cursorOf(rig: SyncRig, stream: string) {
  const { cursors } = await rig.store.readState()
  return cursors.find((cursor) => cursor.stream === stream)
}

for (const deletionsInActivities of [false, true]) {
  const where = deletionsInActivities ? 'as an activity as well' : 'in the feed of deleted people only'
  test(`a person whose deletion is given ${where} is orphaned once`, async () => {
    await using rig = await startSyncRig({
      sandbox: { marketo: { knobs: { deletionsInActivities }, limits: { callsPerWindow: 10_000 } } },
    })
    const ann = await pair(rig, 'ann@example.com')
    rig.sandbox.marketo.remove(ann.marketoId)
    await rig.cycle()
    assert.deepEqual(await ann.state(), ['orphaned', undefined])
    rig.sandbox.dataverse.update('lead', ann.id, { jobtitle: 'Chef' })
    await rig.cycle()
    await rig.cycle()
    const [state, anew] = await ann.state()
    assert.equal(state, 'linked')
    assert.deepEqual(
      rig.sandbox.marketo.people().map(({ id, title }) => [id, title]),
      [[anew, 'Chef']],
    )
  })
}

test('a deletion is not lost with the paging token, and one that is read twice changes nothing', async () => {
  await using rig = await startSyncRig()
  const { marketo } = rig.sandbox
  const [ann, bob] = [await pair(rig, 'ann@example.com'), await pair(rig, 'bob@example.com')]
  marketo.remove(ann.marketoId)
  await rig.cycle()
  marketo.remove(bob.marketoId)
  marketo.expirePagingTokens()
  await rig.cycle()
  assert.deepEqual(await ann.state(), ['orphaned', undefined])
  assert.deepEqual(await bob.state(), ['orphaned', undefined])
  const before = await cursorOf(rig, 'marketo-deletions')
  assert.ok(before?.readAt)
})

test('a deletion that comes while the process is down is taken in by the next one', async () => {
  await using rig = await startSyncRig()
  const ann = await pair(rig, 'ann@example.com')
  rig.sandbox.marketo.remove(ann.marketoId)
  assert.equal(await rig.cycleUntil(0), 'died')
  assert.deepEqual(await ann.state(), ['linked', ann.marketoId])
  await rig.cycle()
  assert.deepEqual(await ann.state(), ['orphaned', undefined])
})

test('a store that synced before there was this feed goes back as far as Marketo keeps deletions', async () => {
  await using rig = await startSyncRig()
  const { marketo } = rig.sandbox
  for (let cycles = 0; cycles < 2; cycles += 1) {
    marketo.bend({ operation: 'deleted-leads', how: { kind: 'error', code: '611' } })
  }
  const ann = await pair(rig, 'ann@example.com')
  marketo.remove(ann.marketoId)
  await rig.cycle()
  assert.equal(await cursorOf(rig, 'marketo-deletions'), undefined)
  assert.ok(await cursorOf(rig, 'marketo-life'))
  assert.deepEqual(await ann.state(), ['linked', ann.marketoId], 'as the version before left it')

  rig.pass(13 * DAY_MS)
  await rig.cycle()
  assert.deepEqual(await ann.state(), ['orphaned', undefined])
})

test('a new store begins with the deletions of now, not with those of two weeks', async () => {
  await using rig = await startSyncRig()
  await rig.cycle()
  const since = rig.sandbox.marketo.calls
    .filter(({ operation }) => operation === 'paging-token')
    .map(({ path }) => Date.parse(new URL(path, 'http://x').searchParams.get('sinceDatetime') ?? ''))
  assert.equal(since.length, 3)
  assert.ok(Math.min(...since) > Date.now() - DAY_MS)
})

test('the loser of a merge is not taken for deleted while the merges cannot be read', async () => {
  await using rig = await startSyncRig()
  const { marketo } = rig.sandbox
  const ann = await pair(rig, 'ann@example.com')
  const winner = marketo.seed({ email: 'ann@example.com', lastName: 'Ek' })
  marketo.merge(winner, [ann.marketoId])
  // The feed of merges is asked twice in a cycle: in its turn, and before a deletion takes effect.
  for (let times = 0; times < 2; times += 1) {
    marketo.bend({ operation: 'activities', how: { kind: 'error', code: '611' } })
  }
  await rig.cycle()
  assert.deepEqual(await ann.state(), ['linked', ann.marketoId])
  const asked = callsOf(rig, 'deleted-leads')
  await rig.cycle()
  assert.deepEqual(await ann.state(), ['linked', winner])
  assert.ok(callsOf(rig, 'deleted-leads') > asked)
})

test('the merge that took a person away, read late, does not undo the write that makes a new one', async () => {
  await using rig = await startSyncRig()
  const { marketo, dataverse } = rig.sandbox
  const ann = await pair(rig, 'ann@example.com')
  marketo.remove(ann.marketoId)
  await rig.cycle()
  assert.deepEqual(await ann.state(), ['orphaned', undefined])
  dataverse.update('lead', ann.id, { jobtitle: 'Chef' })
  const [rested] = await rig.store.findReplicas({ records: [{ recordType: 'lead', recordId: ann.id }] })
  const survivor = marketo.seed({ lastName: 'Alm' })
  const merge = {
    ...{ guid: 'm', marketoId: survivor, at: Date.now(), typeId: ACTIVITY_TYPES.mergeLeads },
    attributes: { 'Merge IDs': `[${ann.marketoId}]` },
  }
  const people = { read: async () => new Map([[survivor, {}]]) }
  const seen = () =>
    observeLife([merge], Date.now(), { store: rig.store, people }, { signal: AbortSignal.timeout(9_000) })
  assert.deepEqual(
    (await seen()).moves.map(({ kind }) => kind),
    ['person', 'orphan'],
    'nobody is on the way: the survivor has the record',
  )

  marketo.bend({ operation: 'sync', how: { kind: 'reset', commit: 'first' } })
  await rig.cycle()
  const [replica] = await rig.store.findReplicas({ linkIds: [rested?.linkId ?? 0] })
  assert.ok(replica?.intent?.toMarketo, 'the person may have been made')
  assert.ok(replica.dueAt)
  assert.deepEqual(await seen(), { moves: [], replicas: [], conflicts: [] })
})

test('deletions of people whom nobody linked cost no look at the merges', async () => {
  await using rig = await startSyncRig()
  const { marketo } = rig.sandbox
  await rig.cycle()
  marketo.remove(marketo.seed({ email: 'stranger@example.com' }))
  const before = callsOf(rig, 'activities')
  await rig.cycle()
  assert.equal(callsOf(rig, 'activities') - before, 1)
})

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { writePayload } from '../../src/flow-action/payload.ts'
import { SqliteJobs } from '../../src/jobs/sqlite.ts'
import { identifiersOf } from '../../src/person/identity.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { SqliteLeases } from '../../src/store/sqlite/leases.ts'
import { SqliteStore } from '../../src/store/sqlite/store.ts'
import { SqliteSyncStore } from '../../src/store/sqlite/sync-store.ts'
import type { LinkMove, Replica } from '../../src/store/sync-port.ts'
import { created, type Rig, startRig } from './rig.ts'

const PERSON = { marketoId: 4711, email: 'ann@example.com', lastName: 'Ek' }
const REQUEST_ID = '0d2f4c1e-6c0b-4a57-8f0e-3f5a1c9b7d21'
/** Links are believed, so that only what the background sync has learnt can change an answer. */
const SETTINGS = { LINK_TRUST_SECONDS: '86400', SYNC_INTERVAL_SECONDS: '0' }

/** Gives `run` the store of the service while another data directory keeps that busy. */
async function inStore(rig: Rig, run: (sync: SqliteSyncStore, store: SqliteStore) => Promise<unknown>) {
  await rig.restart({ DATA_DIR: join(rig.directory, 'aside') })
  const database = new Database({ path: join(rig.directory, 'sync-person.sqlite') })
  const deriveRecordId = () => assert.fail('nobody new is claimed here')
  const store = new SqliteStore({ database, jobs: new SqliteJobs(database), deriveRecordId })
  await run(new SqliteSyncStore(database, new SqliteLeases(systemClock)), store)
  await store[Symbol.asyncDispose]()
  await rig.restart({ DATA_DIR: rig.directory })
}

async function move(sync: SqliteSyncStore, moveOf: (link: Replica) => LinkMove): Promise<void> {
  const [link] = await sync.findReplicas({ marketoIds: [PERSON.marketoId] })
  assert.ok(link)
  assert.equal((await sync.save({ now: Date.now(), moves: [moveOf(link)] })).kind, 'saved')
}

const tombstone = ({ linkId, recordType, recordId }: Replica): LinkMove => ({
  ...{ kind: 'tombstone', linkId, recordType, recordId },
})

describe('a person whom the background sync knows to be', () => {
  it('deleted in Dynamics gets a new record when a campaign sends them again, and only one', async () => {
    await using rig = await startRig(SETTINGS)
    const { recordId } = (await rig.sync(PERSON)).body
    rig.sandbox.dataverse.remove('lead', String(recordId))
    await inStore(rig, (sync) => move(sync, tombstone))
    assert.equal((await rig.request('GET', '/v1/people/4711')).body.state, 'tombstoned')
    const answers = await Promise.all([rig.sync(PERSON), rig.sync(PERSON)])
    assert.deepEqual(answers.map(({ body }) => body.outcome).sort(), ['created', 'exists'])
    assert.equal(created(rig).length, 2)
    const { state, generation } = (await rig.request('GET', '/v1/people/4711')).body
    assert.deepEqual([state, generation], ['linked', 1])
  })

  it('deleted while their request waits gets a new record all the same', async () => {
    await using rig = await startRig(SETTINGS)
    const { recordId } = (await rig.sync(PERSON)).body
    rig.sandbox.dataverse.remove('lead', String(recordId))
    await inStore(rig, async (sync, store) => {
      await store.acceptRequest({
        ...{ requestId: REQUEST_ID, source: 'rest', caller: 'journeys', recordType: 'lead', batch: true },
        ...{ identifiers: identifiersOf(PERSON), canonicalKey: `email:${PERSON.email}`, marketoId: 4711 },
        payload: writePayload({ person: { ...PERSON, fields: { lastName: 'Ek' } }, recordType: 'lead' }),
        leaseUntil: 0,
        now: 1,
      })
      await move(sync, tombstone)
    })
    const outcome = await rig.outcomeOf(REQUEST_ID)
    assert.equal(outcome.outcome, 'created')
    assert.notEqual(outcome.recordId, recordId)
  })

  it('deleted in Marketo exists, and their record goes to who has the e-mail now', async () => {
    await using rig = await startRig(SETTINGS)
    const { recordId } = (await rig.sync(PERSON)).body
    await inStore(rig, (sync) => move(sync, ({ linkId }) => ({ kind: 'orphan', linkId, marketoId: 4711 })))
    assert.equal((await rig.request('GET', '/v1/people/4711')).status, 404)
    const calls = await rig.callsDuring(async () => {
      for (const person of [{ email: PERSON.email }, { ...PERSON, marketoId: 4712 }]) {
        const { body } = await rig.sync(person)
        assert.deepEqual([body.outcome, body.recordId], ['exists', recordId])
      }
    })
    assert.deepEqual(calls, [])
    const { state, recordId: theirs } = (await rig.request('GET', '/v1/people/4712')).body
    assert.deepEqual([state, theirs], ['linked', recordId])
  })
})

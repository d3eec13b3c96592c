import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import type { CreateResult, Records } from '../../src/dataverse/records.ts'
import { Rejected, Unavailable } from '../../src/errors.ts'
import { writePayload } from '../../src/flow-action/payload.ts'
import { PrepareRecord } from '../../src/flow-action/prepare-record.ts'
import { SyncPerson } from '../../src/flow-action/sync-person.ts'
import { SqliteJobs } from '../../src/jobs/sqlite.ts'
import { createLog } from '../../src/log.ts'
import { defaultSelection } from '../../src/person/selection.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { SqliteStore } from '../../src/store/sqlite/store.ts'
import { countingRandom } from '../dataverse/manual-clock.ts'
import { simulatedTable } from '../simulation/vendor.ts'
import { accept, deriveRecordId, newRequest } from '../store/contract.ts'

const refusal = () => new Rejected('refused', { code: 'plug-in-refused', advice: 'a' })
const lost = () => new Unavailable('no answer')

/** `creates`: how each create in turn ends. The record is seen from `landsAt` creates on. */
async function outcomeOf(creates: readonly Error[], landsAt: number, resumed: boolean) {
  using database = new Database({ path: ':memory:' })
  const store = new SqliteStore({ database, jobs: new SqliteJobs(database), deriveRecordId })
  let sent = 0
  const records: Records = {
    find: async () => [],
    read: async (ref) => (sent >= landsAt ? { ...ref } : undefined) as Awaited<ReturnType<Records['read']>>,
    create: async (): Promise<CreateResult> => {
      const error = creates[sent]
      sent += 1
      throw error ?? refusal()
    },
  }
  const metadata = {
    table: async (t: 'lead' | 'contact') => simulatedTable(t),
    reread: async () => undefined,
  }
  const owners = { resolve: async () => ({ kind: 'team' as const, id: '' }) }
  const log = createLog({ level: 'silent' })
  const syncPerson = new SyncPerson({
    ...{ store, records, gathered: records, recordIdOf: deriveRecordId, clock: systemClock },
    random: countingRandom(),
    prepare: new PrepareRecord({ metadata, owners, selection: defaultSelection(), log }),
    limits: {
      ...{ leaseMs: 60_000, backgroundLeaseMs: 60_000, linkTrustMs: 0, twinPollMs: 1 },
      backoff: { baseMs: 1, maxMs: 1 },
    },
  })
  const now = systemClock.now()
  const person = { marketoId: 1, fields: { lastName: 'Ek', company: 'Ek AB' } }
  const payload = writePayload({ person, recordType: 'lead' })
  const work = await accept(store, newRequest({ marketoId: 1 }, { payload, now, leaseUntil: now + 60_000 }))
  if (resumed) await store.storeIntent(work.requestId, work.link.recordId, '{}', now)
  const attempt = { signal: AbortSignal.timeout(5_000), deadline: now + 5_000, note: () => {} }
  return (await syncPerson.finish(work, attempt)).outcome.outcome
}

test('a resumed intent counts as perhaps landed: a refusal is not believed while its record is there', async () => {
  assert.equal(await outcomeOf([refusal()], 1, true), 'created')
})

test('a create with an unknown outcome is remembered: a later refusal is not believed either', async () => {
  assert.equal(await outcomeOf([lost(), refusal()], 1, false), 'created')
})

test('a refusal after a lost create counts when the record is not there', async () => {
  assert.equal(await outcomeOf([lost(), refusal()], 99, false), 'failed')
})

test('a first refusal is believed at once', async () => {
  assert.equal(await outcomeOf([refusal()], 1, false), 'failed')
})

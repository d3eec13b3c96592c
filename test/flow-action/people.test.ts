import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { answerSchemas } from '../../src/flow-action/answer-schemas.ts'
import { peopleEndpoint } from '../../src/flow-action/people.ts'
import { SqliteJobs } from '../../src/jobs/sqlite.ts'
import { recordIdOf } from '../../src/person/identity.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { SqliteLeases } from '../../src/store/sqlite/leases.ts'
import { SqliteStore } from '../../src/store/sqlite/store.ts'
import { SqliteSyncStore } from '../../src/store/sqlite/sync-store.ts'
import { createEdge, WITH_KEY } from '../http/edge.ts'

const NOW = Date.parse('2026-03-02T08:20:00Z')
const RECORD = '6f1c0d5e-0c1f-5c43-9d0a-3b8c5f1b2a10'

test('a person shows how far the sync is with them, by names of fields, and its failures in their log', async (t) => {
  const database = new Database({ path: ':memory:' })
  t.after(() => database[Symbol.dispose]())
  const deriveRecordId = recordIdOf.bind(undefined, 'contoso.example')
  const store = new SqliteStore({ database, jobs: new SqliteJobs(database), deriveRecordId })
  const replicas = new SqliteSyncStore(database, new SqliteLeases(systemClock))
  const { app } = await createEdge(t, {
    schemas: answerSchemas,
    endpoints: [peopleEndpoint({ store, replicas, organisation: 'https://contoso.example' })],
  })
  const saved = await replicas.save({
    now: NOW,
    newLinks: [
      {
        link: { recordType: 'lead', recordId: RECORD, email: 'ann@example.com' },
        replica: {
          marketoId: 4711,
          shadow: { lastName: 'Ek', email: 'ann@example.com' },
          marketoSeenAt: 0,
          sent: [],
          stopped: false,
          dueAt: NOW + 300_000,
          dirtySince: NOW,
          priority: 0,
          attempts: 2,
          epoch: 1,
        },
      },
    ],
  })
  assert(saved.kind === 'saved')
  const [linkId = 0] = saved.linkIds
  await replicas.save({
    now: NOW,
    failures: [
      {
        linkId,
        failures: [{ side: 'dynamics', code: 'field-too-long', field: 'lastname', advice: 'Shorten.' }],
      },
    ],
  })

  const person = await app.inject({ url: '/v1/people/4711', headers: WITH_KEY })
  assert.deepEqual(person.json().sync, {
    agreedFields: ['email', 'lastName'],
    stopped: false,
    changedAt: '2026-03-02T08:20:00.000Z',
    dueAt: '2026-03-02T08:25:00.000Z',
    failedAttempts: 2,
  })
  assert.doesNotMatch(person.body, /ann@example\.com|"Ek"/)

  const log = await app.inject({ url: '/v1/people/4711/activities', headers: WITH_KEY })
  const [{ activityId: _, recordUrl: __, ...entry }] = log.json().activities
  assert.deepEqual(entry, {
    at: '2026-03-02T08:20:00.000Z',
    activity: 'Background Sync',
    outcome: 'failed',
    recordType: 'lead',
    recordId: RECORD,
    code: 'field-too-long',
    field: 'lastname',
    advice: 'Shorten.',
    source: 'sync',
  })
})

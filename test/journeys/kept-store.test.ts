import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { withoutPostgres } from '../postgres/cluster.ts'
import { sharedCluster } from '../postgres/shared-cluster.ts'
import { REST, type Settings } from './rig.ts'
import { pass, type SyncRig, startSyncRig } from './sync-rig.ts'

/**
 * kept/store-0.1.sqlite.gz was made by version 0.1 on 2026-11-30 against the sandbox: Ann was entered by sales and then
 * edited on both sides at once; campaigns sent Bo, who was created, Cia, whom Dynamics refused, and Di, whose request
 * was queued when the service was stopped.
 */
const KEPT = new URL('kept/store-0.1.sqlite.gz', import.meta.url)
const MADE_AT = Date.parse('2026-11-30T10:05:00Z')
const MIGRATE_MAIN = fileURLToPath(new URL('../../src/migrate-store.ts', import.meta.url))

/** At least as many as the organisation had given out. */
const ROW_VERSIONS_MADE = 50
const ANN = { marketoId: 1001, recordId: '5f0a31c1-17c3-f011-bec2-000d3a8b1a2c' }
const BO = { marketoId: 1002, recordId: '4a72f76d-8ba6-58f3-a373-e15d3ef1204d' }
const DI_REQUEST = '714af053-426b-455e-81eb-2f7d91756959'

const REPLAYS = [
  {
    key: 'fair-bo',
    person: { marketoId: BO.marketoId, email: 'bo@example.com', lastName: 'By', company: 'By AB' },
    status: 200,
    answer:
      '{"outcome":"created","recordType":"lead","recordId":"4a72f76d-8ba6-58f3-a373-e15d3ef1204d","recordUrl":"BO_URL","requestId":"9409ac41-da56-4aa7-8a0f-ca7f9f297958"}',
  },
  {
    key: 'fair-cia',
    person: { marketoId: 90_001, email: 'cia@example.com', company: 'C AB' },
    status: 422,
    answer:
      '{"type":"about:blank","title":"Unprocessable Content","status":422,"detail":"Dynamics rejected this person.","outcome":"failed","code":"field-required","field":"lastname","advice":"Fill the field in Marketo, or give the column a default in the field selection.","requestId":"d9b50f12-7c03-4521-9cb1-a0d4abdedb55"}',
  },
] as const

async function unpack() {
  const path = await mkdtemp(join(tmpdir(), 'kept-store-'))
  await writeFile(join(path, 'sync-person.sqlite'), gunzipSync(await readFile(KEPT)), { mode: 0o600 })
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}

/** The two sides as they were when the service was stopped. */
async function resume(settings: Settings): Promise<SyncRig> {
  pass(MADE_AT - Date.now())
  return startSyncRig({
    settings,
    prepare({ dataverse, marketo }) {
      const ann = { firstname: 'Ann', lastname: 'Ek', subject: 'Fair', emailaddress1: 'ann@example.com' }
      dataverse.seed('lead', { ...ann, leadid: ANN.recordId, address1_city: 'Lund' })
      const bo = { lastname: 'By', subject: 'From Marketo', emailaddress1: 'bo@example.com' }
      dataverse.seed('lead', { ...bo, leadid: BO.recordId, companyname: 'By AB' })
      // An organisation's row versions only rise.
      for (let times = 0; times < ROW_VERSIONS_MADE; times += 1) dataverse.touch('lead', BO.recordId)
      const linked = ({ recordId }: { recordId: string }) => ({
        microsoftRecordId: recordId,
        microsoftType: 'Lead',
      })
      const names = { firstName: 'Ann', lastName: 'Ek', city: 'Lund', microsoftTopic: 'Fair' }
      const ids = [
        marketo.seed({ email: 'ann@example.com', ...names, ...linked(ANN) }),
        marketo.seed({ email: 'bo@example.com', lastName: 'By', company: 'By AB', ...linked(BO) }),
      ]
      assert.deepEqual(ids.map(Number), [ANN.marketoId, BO.marketoId])
    },
  })
}

async function promisesHold(rig: SyncRig): Promise<void> {
  for (const { key, person, status, answer } of REPLAYS) {
    const replay = await rig.request('POST', REST, {
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ person, campaign: { id: 7, name: 'Fair', type: 'trigger' } }),
    })
    const bytes = replay.text.replace(/"recordUrl":"[^"]*"/, '"recordUrl":"BO_URL"')
    assert.deepEqual([replay.status, bytes], [status, answer])
  }
  assert.equal((await rig.outcomeOf(DI_REQUEST)).outcome, 'created')
  const { applicationUser } = rig.dataverse.ids
  assert.deepEqual(
    rig.dataverse.commits
      .filter(({ operation, userId }) => operation === 'create' && userId === applicationUser)
      .map(({ columns }) => columns.emailaddress1),
    ['di@example.com'],
  )
  const { state, recordId } = (await rig.request('GET', `/v1/people/${BO.marketoId}`)).body
  assert.deepEqual([state, recordId], ['linked', BO.recordId])
  assert.deepEqual(await rig.conflictsOf(ANN.recordId), [['city', 'marketo', 'Lund', 'Ystad']])

  rig.marketo.update(ANN.marketoId, { city: 'Kiruna' })
  rig.dataverse.update('lead', BO.recordId, { jobtitle: 'Chef' })
  await rig.cycle()
  await rig.cycle()
  assert.equal(rig.dataverse.row('lead', ANN.recordId)?.address1_city, 'Kiruna')
  assert.equal(rig.marketo.person(BO.marketoId)?.title, 'Chef')
  // Di's id is one that Marketo does not know: the campaign's word makes no second person.
  const emails = rig.marketo.people().map(({ email }) => email)
  assert.deepEqual(emails.toSorted(), ['ann@example.com', 'bo@example.com'])
}

describe('a store that version 0.1 made', () => {
  it('goes on where it stopped: same answers, no second record, and edits that travel', async () => {
    await using kept = await unpack()
    await using rig = await resume({ DATA_DIR: kept.path })
    await promisesHold(rig)
  })

  it('does so on PostgreSQL after npm run migrate-store', { skip: withoutPostgres }, async () => {
    await using kept = await unpack()
    const DATABASE_URL = await (await sharedCluster()).createDatabase()
    const child = spawn(process.execPath, [MIGRATE_MAIN], {
      env: { PATH: process.env.PATH ?? '', DATA_DIR: kept.path, DATABASE_URL },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [errors, [code]] = await Promise.all([text(child.stderr), once(child, 'exit'), text(child.stdout)])
    assert.deepEqual([errors, code], ['', 0])
    await using rig = await resume({ DATABASE_URL })
    await promisesHold(rig)
  })
})

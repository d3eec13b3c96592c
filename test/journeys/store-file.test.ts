import assert from 'node:assert/strict'
import { linkSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Database } from '../../src/store/sqlite/database.ts'
import { type Reply, type Rig, startRig } from './rig.ts'
import { assertAllUnavailable, assertWorks, person, readiness, untilReady } from './unavailable.ts'

/** Another hand at the files of a service that is running. */

const MARKETO = async (sandbox: { marketoEnvironment(): Record<string, string> }) =>
  sandbox.marketoEnvironment()

function start(): Promise<Rig> {
  return startRig({ REST_DEADLINE_MS: '2000', SYNC_INTERVAL_SECONDS: '1' }, {}, {}, MARKETO)
}

const fileOf = (rig: Rig) => join(rig.directory, 'sync-person.sqlite')

/** One call to every endpoint that only reads what is stored. */
function reads(rig: Rig, requestId: unknown): Record<string, Promise<Reply>> {
  const paths = [
    `/v1/requests/${requestId}`,
    '/v1/people/60',
    '/v1/people/60/activities',
    '/v1/flow-steps',
    '/v1/sync/status',
    '/v1/sync/failures',
    '/v1/sync/conflicts',
  ]
  return Object.fromEntries(paths.map((path) => [path, rig.request('GET', path)]))
}

async function assertRefusesAll(rig: Rig, requestId: unknown, detail: RegExp): Promise<void> {
  await assertAllUnavailable(rig, reads(rig, requestId))
  await untilReady(rig, 503)
  assert.match((await readiness(rig)).detail ?? '', detail)
}

async function assertKept(rig: Rig, requestId: unknown): Promise<void> {
  const { status, body } = await rig.request('GET', `/v1/requests/${requestId}`)
  assert.deepEqual([status, body.outcome], [200, 'created'])
}

function assertNoFaultOfOurs(rig: Rig): void {
  const faults = rig.log.filter((line) => /"status":500|TypeError|ERR_/.test(line))
  assert.deepEqual(faults, [])
}

describe('while the service runs', () => {
  it('a database that is deleted is refused everywhere, then written again with all that it held', async () => {
    await using rig = await start()
    const { body } = await rig.sync(person(60))
    rmSync(fileOf(rig))
    await assertRefusesAll(rig, body.requestId, /was deleted/)
    await untilReady(rig, 200)
    await assertKept(rig, body.requestId)
    await assertWorks(rig)
    assert.ok(rig.log.some((line) => line.includes('"event":"store-file-restored"')))
    assertNoFaultOfOurs(rig)
    await rig.restart()
    await assertKept(rig, body.requestId)
  })

  it('the same when its directory is gone with it', async () => {
    await using rig = await start()
    const { body } = await rig.sync(person(60))
    renameSync(rig.directory, `${rig.directory}.gone`)
    rmSync(`${rig.directory}.gone`, { recursive: true })
    await assertRefusesAll(rig, body.requestId, /was deleted/)
    await untilReady(rig, 200)
    await assertKept(rig, body.requestId)
    assertNoFaultOfOurs(rig)
  })

  it('a log of the database that is deleted: the same', async () => {
    await using rig = await start()
    const { body } = await rig.sync(person(60))
    rmSync(`${fileOf(rig)}-wal`)
    await assertRefusesAll(rig, body.requestId, /was deleted/)
    await untilReady(rig, 200)
    await assertKept(rig, body.requestId)
    await assertWorks(rig)
    await rig.restart()
    await assertKept(rig, body.requestId)
  })

  it('a database that is moved away is refused everywhere until it is back', async () => {
    await using rig = await start()
    const { body } = await rig.sync(person(60))
    renameSync(fileOf(rig), `${fileOf(rig)}.away`)
    await assertRefusesAll(rig, body.requestId, /was moved away/)
    renameSync(`${fileOf(rig)}.away`, fileOf(rig))
    await untilReady(rig, 200)
    await assertKept(rig, body.requestId)
    await assertWorks(rig)
    assertNoFaultOfOurs(rig)
  })

  it('a database that is replaced is refused everywhere until the former one is back, and both stay whole', async () => {
    await using rig = await start()
    const { body } = await rig.sync(person(60))
    const other = join(rig.directory, 'other.sqlite')
    new Database({ path: other })[Symbol.dispose]()
    linkSync(fileOf(rig), `${fileOf(rig)}.away`)
    renameSync(other, fileOf(rig))
    await assertRefusesAll(rig, body.requestId, /another file was put in the place/)
    renameSync(fileOf(rig), other)
    renameSync(`${fileOf(rig)}.away`, fileOf(rig))
    await untilReady(rig, 200)
    await assertKept(rig, body.requestId)
    await assertWorks(rig)
    assertNoFaultOfOurs(rig)
    const untouched = new Database({ path: other })
    assert.deepEqual(untouched.prepare('select count(*) as n from request').all(), [
      { __proto__: null, n: 0 },
    ])
    untouched[Symbol.dispose]()
  })
})

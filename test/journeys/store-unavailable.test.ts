import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { KEY, NOWHERE, startChild } from '../child-service.ts'
import { Cluster, withoutPostgres, withoutServers } from '../postgres/cluster.ts'
import { sharedCluster } from '../postgres/shared-cluster.ts'
import { REST, startRig } from './rig.ts'
import {
  assertAllUnavailable,
  assertWorks,
  person,
  readiness,
  smallDisk,
  until,
  untilReady,
  withoutMounts,
} from './unavailable.ts'

const JSON_BODY = { 'content-type': 'application/json' }
const withoutLimits: string | false = (() => {
  try {
    execFileSync('prlimit', ['--version'])
    return false
  } catch {
    return 'prlimit is missing: install util-linux'
  }
})()
/** Of loops that turn once a second: what is logged each time would be there more than once. */
const SEVERAL_TURNS_MS = 3_000

/** Errors by event and code: each kind at most once, and none called a fault of ours. */
function assertQuietLog(lines: readonly string[]): void {
  const kinds = lines
    .map((line) => JSON.parse(line) as { level: string; event: string; code?: string; requestId?: string })
    .filter(({ level, event }) => level === 'error' && event !== 'request-failed')
    .map(({ event, code }) => `${event} ${code}`)
  assert.deepEqual([...new Set(kinds)].sort(), kinds.sort(), 'one line of a kind a minute')
  const unknown = kinds.filter((kind) => !kind.endsWith(' store-unavailable'))
  assert.deepEqual(unknown, [], 'nothing of it is a fault of ours')
}

describe('a database that takes no writes', () => {
  it('on a full disk: every endpoint says 503, and all of it goes on by itself', {
    skip: withoutMounts,
  }, async () => {
    using disk = smallDisk(4)
    assert.ok(disk)
    const settings = { DATA_DIR: disk.path, REST_DEADLINE_MS: '2000', SYNC_INTERVAL_SECONDS: '1' }
    await using rig = await startRig(settings, {}, {}, async (sandbox) => sandbox.marketoEnvironment())
    const how = { kind: 'throttle', code: '0x80072322', retryAfter: '4' } as const
    rig.sandbox.dataverse.bend({ operation: 'batch', how })
    const waiting = await rig.sync(person(60))
    assert.equal(waiting.body.outcome, 'queued')
    assert.equal((await readiness(rig)).status, 200)

    disk.fill()
    await untilReady(rig, 503)
    assert.match((await readiness(rig)).detail ?? '', /disk is full/)
    const logged = rig.log.length
    await assertAllUnavailable(rig)
    assert.equal(
      (await rig.request('GET', `/v1/requests/${waiting.body.requestId}`)).status,
      200,
      'reads go on',
    )
    assert.match((await rig.request('GET', '/metrics')).text, /^store_writable 0$/m)
    const { body } = await rig.request('GET', '/flow-step/status')
    assert.match(String(body.errors), /Store: the disk is full/)
    await until('a failed turn', async () => rig.log.some((line) => line.includes('worker-tick-failed')))
    await pause(SEVERAL_TURNS_MS)
    assertQuietLog(rig.log.slice(logged))

    disk.empty()
    await untilReady(rig, 200)
    await assertWorks(rig)
    assert.equal((await rig.outcomeOf(waiting.body.requestId)).outcome, 'created')
    assert.match((await rig.request('GET', '/metrics')).text, /^store_writable 1$/m)
  })

  it('on a disk that reports errors: 503, and it goes on by itself', { skip: withoutLimits }, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sync-person-limited-'))
    try {
      const settings = { DATA_DIR: directory, REST_DEADLINE_MS: '300' }
      await using service = startChild({ ...NOWHERE, ...settings })
      const url = await service.url
      const limit = (bytes: string) =>
        execFileSync('prlimit', ['--pid', String(service.pid), `--fsize=${bytes}:`])
      const status = async (path: string, init: RequestInit = {}) => {
        const response = await fetch(`${url}${path}`, {
          ...init,
          headers: { ...JSON_BODY, 'x-api-key': KEY },
        })
        return { status: response.status, body: (await response.json()) as Record<string, unknown> }
      }
      const send = () => status(REST, { method: 'POST', body: JSON.stringify({ person: person(61) }) })
      const ready = async () => (await status('/readyz')).status
      limit('100')
      for (let calls = 0; calls < 3; calls += 1) {
        const refused = await send()
        assert.deepEqual([refused.status, refused.body.code], [503, 'store-unavailable'])
      }
      await until('/readyz 503', async () => (await ready()) === 503)
      assert.match(
        JSON.stringify((await status('/readyz')).body),
        /the disk reports an error \(SQLite code \d+\)/,
      )
      limit('unlimited')
      await until('/readyz 200', async () => (await ready()) === 200)
      assert.deepEqual((await send()).body.outcome, 'queued')
    } finally {
      await rm(directory, { recursive: true })
    }
  })

  it('refuses to start on a full disk, with a sentence', { skip: withoutMounts }, async () => {
    using disk = smallDisk(1)
    assert.ok(disk)
    disk.fill()
    await assert.rejects(
      startRig({ DATA_DIR: disk.path }),
      /sync-person\.sqlite \(DATA_DIR\) cannot be used: the disk is full/,
    )
  })

  it('on a read-only PostgreSQL: the same', { skip: withoutServers }, async () => {
    await using cluster = await Cluster.start()
    const url = await cluster.createDatabase()
    await using rig = await startRig(
      { DATABASE_URL: url, SYNC_INTERVAL_SECONDS: '1' },
      {},
      {},
      async (sandbox) => sandbox.marketoEnvironment(),
    )
    assert.equal((await readiness(rig)).status, 200)
    await ask(url, 'alter database :name set default_transaction_read_only = on')
    await cluster.cutConnections()
    await untilReady(rig, 503)
    assert.match((await readiness(rig)).detail ?? '', /read-only/)
    const logged = rig.log.length
    await assertAllUnavailable(rig)
    assert.equal((await rig.request('GET', '/v1/sync/status')).status, 200, 'reads go on')
    assertQuietLog(rig.log.slice(logged))

    await ask(url, 'alter database :name reset default_transaction_read_only')
    await cluster.cutConnections()
    await untilReady(rig, 200)
    await assertWorks(rig)
  })

  it('on PostgreSQL while somebody else has a lock for too long: what is answered 503 is not done later', {
    skip: withoutPostgres,
  }, async () => {
    const url = await (await sharedCluster()).createDatabase()
    await using rig = await startRig({ DATABASE_URL: url })
    const holder = new pg.Client({ connectionString: url })
    await holder.connect()
    const count = async () => (await holder.query('select count(*)::int as n from request')).rows[0]?.n
    await holder.query('begin; lock table link in exclusive mode')
    const refused = await Promise.all([70, 71, 72, 73].map((marketoId) => rig.sync(person(marketoId))))
    for (const { status, body } of refused) {
      assert.deepEqual([status, body.code], [503, 'store-unavailable'])
      assert.match(String(body.detail), /is not known. Sending it again is safe/)
    }
    await holder.query('commit')
    assert.equal((await rig.sync(person(70))).body.outcome, 'created')
    assert.equal(await count(), 1)
    await holder.end()
  })

  it('on PostgreSQL with a full disk: the same', { skip: withoutServers || withoutMounts }, async () => {
    using disk = smallDisk(24)
    assert.ok(disk)
    await using cluster = await Cluster.start()
    const url = await cluster.createDatabase()
    execFileSync('chown', ['postgres', disk.path])
    await ask(url, `create tablespace small location '${disk.path}'`)
    await cluster.cutConnections()
    await ask(
      url.replace(/[^/]+$/, 'postgres'),
      `alter database ${url.replace(/^.*\//, '')} set tablespace small`,
    )
    await using rig = await startRig({ DATABASE_URL: url })
    disk.fill()
    await untilReady(rig, 503)
    assert.match((await readiness(rig)).detail ?? '', /disk is full/)
    const { status, body } = await rig.sync({ ...person(61), mktoPersonNotes: 'x'.repeat(30_000) })
    assert.deepEqual([status, body.code], [503, 'store-unavailable'])
    disk.empty()
    await untilReady(rig, 200)
    await assertWorks(rig)
  })
})

/** In a session that may write whatever the database's preset is; `:name` is the database. */
async function ask(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, options: '-c default_transaction_read_only=off' })
  client.on('error', () => {})
  await client.connect()
  await client.query(sql.replace(':name', url.replace(/^.*\//, '')))
  await client.end()
}

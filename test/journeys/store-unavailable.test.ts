import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { Cluster, withoutServers } from '../postgres/cluster.ts'
import { REST, type Reply, type Rig, startRig, WEBHOOK } from './rig.ts'

const JSON_BODY = { 'content-type': 'application/json' }
const RECOVERS_WITHIN_MS = 15_000
const LOOK_EVERY_MS = 100
const UNTIL_FULL = 64 * 1024
/** Of loops that turn once a second: what is logged each time would be there more than once. */
const SEVERAL_TURNS_MS = 3_000

/** A file system of a few MB, which tests can fill; undefined where this process may not mount one. */
function smallDisk(megabytes: number) {
  const path = mkdtempSync(join(tmpdir(), 'sync-person-disk-'))
  const filler = join(path, 'filler')
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=777`, 'none', path], {
      stdio: 'ignore',
    })
  } catch {
    rmdirSync(path)
    return undefined
  }
  return {
    path,
    fill() {
      for (const bytes of [UNTIL_FULL, 1024, 1]) {
        try {
          for (;;) writeFileSync(filler, Buffer.alloc(bytes), { flag: 'a' })
        } catch (error) {
          assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
        }
      }
    },
    empty: () => rmSync(filler),
    [Symbol.dispose]() {
      execFileSync('umount', ['-l', path])
      rmdirSync(path)
    },
  }
}

const withoutMounts: string | false = (() => {
  using disk = smallDisk(1)
  return disk === undefined && 'this user may not mount a small file system: run the tests as root'
})()

const person = (marketoId: number) => ({
  marketoId,
  email: `person.${marketoId}@example.com`,
  firstName: 'Ann',
  lastName: 'Ek',
  company: 'Ek AB',
})

function chunk(token: string): object {
  const { marketoId: id, ...fields } = person(71)
  return {
    token,
    apiCallBackKey: 'key',
    callbackUrl: 'https://callback.adobe.io/cfa/1',
    campaignId: 1,
    context: { subscription: { munchkinId: '997-SBX-001' }, campaign: { id: 1, type: 'trigger' } },
    objectData: [
      { objectType: 'lead', objectContext: { id, ...fields }, flowStepContext: {}, triggeringContext: {} },
    ],
  }
}

/** One call to every endpoint that stores something. */
function calls(rig: Rig): Record<string, Promise<Reply>> {
  const post = (path: string, body: object, headers: Record<string, string> = {}) =>
    rig.request('POST', path, { headers: { ...JSON_BODY, ...headers }, body: JSON.stringify(body) })
  return {
    rest: post(REST, { person: person(61) }),
    'rest with a key': post(REST, { person: person(62) }, { 'idempotency-key': 'k-62' }),
    'a batch campaign': post(REST, { person: person(63), campaign: { type: 'batch' } }),
    webhook: post(WEBHOOK, person(64)),
    'flow step': post('/flow-step/submitAsyncAction', chunk('token-1')),
    pause: rig.request('POST', '/v1/sync/pause'),
  }
}

async function assertAllUnavailable(rig: Rig): Promise<void> {
  for (const [name, call] of Object.entries(calls(rig))) {
    const { status, headers, body } = await call
    assert.deepEqual([status, body.code, body.status], [503, 'store-unavailable', 503], name)
    assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/, name)
    assert.ok(Number(headers.get('retry-after')) > 0, name)
  }
  const token = await rig.request('POST', '/flow-step/oauth/token', {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'grant_type=client_credentials&client_id=journeys&client_secret=wrong',
  })
  assert.equal(token.status, 401, 'tokens need no store')
}

async function readiness(rig: Rig): Promise<{ status: number; detail: string | undefined }> {
  const { status, body } = await rig.request('GET', '/readyz')
  const checks = body.checks as { name: string; detail?: string }[]
  return { status, detail: checks.find(({ name }) => name === 'store')?.detail }
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const startedAt = performance.now()
  while (!(await isSo())) {
    assert.ok(
      performance.now() - startedAt < RECOVERS_WITHIN_MS,
      `not within ${RECOVERS_WITHIN_MS} ms: ${what}`,
    )
    await pause(LOOK_EVERY_MS)
  }
}

const untilReady = (rig: Rig, status: number) =>
  until(`/readyz ${status}`, async () => (await readiness(rig)).status === status)

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

async function assertWorks(rig: Rig): Promise<void> {
  const { status, body } = await rig.sync(person(61))
  assert.deepEqual([status, body.outcome], [200, 'created'])
}

describe('a database that takes no writes', () => {
  it('on a full disk: every endpoint says 503, and all of it goes on by itself', {
    skip: withoutMounts,
  }, async () => {
    using disk = smallDisk(4)
    assert.ok(disk)
    const settings = { DATA_DIR: disk.path, REST_DEADLINE_MS: '300', SYNC_INTERVAL_SECONDS: '1' }
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

  it('refuses to start on a full disk, with a sentence', { skip: withoutMounts }, async () => {
    using disk = smallDisk(1)
    assert.ok(disk)
    disk.fill()
    await assert.rejects(
      startRig({ DATA_DIR: disk.path }),
      /sync-person\.sqlite cannot be used: the disk is full/,
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

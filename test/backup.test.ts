import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { fileIn } from '../src/store/sqlite/data-directory.ts'
import { checkFile } from '../src/store/sqlite/soundness.ts'
import { API_KEY, type Rig, startRig } from './journeys/rig.ts'
import { withoutPostgres } from './postgres/cluster.ts'
import { openPostgres } from './store/postgres-rig.ts'

/** The command as an operator runs it, and the drill of docs/operations.md as it is written there. */

const MAIN = fileURLToPath(new URL('../src/backup.ts', import.meta.url))
const OPERATIONS = fileURLToPath(new URL('../docs/operations.md', import.meta.url))
const PAGE_BYTES = 4_096

async function run(command: string, args: readonly string[], environment: Record<string, string>) {
  const child = spawn(command, args, {
    env: { PATH: process.env.PATH ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { out, err, code }
}

function backUp(rig: Rig, more: Record<string, string> = {}) {
  const environment = { DATA_DIR: rig.directory, API_KEYS: `any:${API_KEY}`, PORT: new URL(rig.url).port }
  return run(process.execPath, [MAIN], { ...environment, ...more })
}

const backupsOf = (rig: Rig) => readdirSync(join(rig.directory, 'backups')).sort()

function person(marketoId: number): object {
  return { marketoId, email: `person.${marketoId}@example.com`, lastName: 'Ek', company: 'Ek AB' }
}

/** The page of the file that is written least lately: nothing needs it at the start. */
function damage(path: string): void {
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(PAGE_BYTES, 0xa5), 0, PAGE_BYTES, statSync(path).size - PAGE_BYTES)
  closeSync(file)
}

describe('npm run backup', () => {
  it('copies the store of a running service, which the documented drill brings back', async () => {
    await using rig = await startRig()
    const kept = (await rig.sync(person(1), { 'idempotency-key': 'one' })).body
    const writing = Array.from({ length: 50 }, (_, index) => rig.sync(person(100 + index)))
    const made = await backUp(rig)
    assert.deepEqual([made.err, made.code], ['', 0])
    for (const { status } of await Promise.all(writing)) assert.equal(status, 200)
    const [name = '', ...others] = backupsOf(rig)
    assert.deepEqual(others, [])
    const backup = join(rig.directory, 'backups', name)
    assert.ok(made.out.includes(backup), made.out)
    assert.equal(statSync(backup).mode & 0o777, 0o600)
    const lost = (await rig.sync(person(2))).body

    await rig.stop()
    damage(fileIn(rig.directory))
    await assert.rejects(rig.restart(), /is damaged.*Restoring a backup/)
    const [, section = ''] = readFileSync(OPERATIONS, 'utf8').split('\n## Restoring a backup\n')
    const [, drill = ''] = /```sh\n(.*?)```/s.exec(section) ?? []
    const away = await mkdtemp(join(tmpdir(), 'sync-person-drill-'))
    const restored = await run('sh', ['-ec', `cd ${away}\n${drill}`], {
      DATA_DIR: rig.directory,
      BACKUP: backup,
    })
    assert.deepEqual([restored.err, restored.code], ['', 0])
    await rm(away, { recursive: true })
    await rig.restart()
    const again = await rig.sync(person(1), { 'idempotency-key': 'one' })
    assert.deepEqual([again.status, again.body], [200, kept])
    assert.equal((await rig.request('GET', `/v1/requests/${lost.requestId}`)).status, 404)
    const twin = (await rig.sync(person(2))).body
    assert.deepEqual(
      [twin.outcome, twin.recordId],
      ['exists', lost.recordId],
      'what is lost makes no duplicate',
    )
  })

  it('copies the store of a service that is stopped, and keeps the latest few', async () => {
    await using rig = await startRig()
    await rig.sync(person(1))
    await rig.stop()
    const names: string[] = []
    for (let times = 0; times < 3; times += 1) {
      const made = await backUp(rig, { BACKUPS_KEPT: '2' })
      assert.equal(made.code, 0, made.err)
      names.push(/sync-person-\w+\.sqlite/.exec(made.out)?.[0] ?? '')
    }
    assert.deepEqual(backupsOf(rig), names.slice(1))
  })

  it('never leaves a copy that is not whole', async () => {
    await using rig = await startRig()
    await rig.sync(person(1))
    await rig.stop()
    damage(fileIn(rig.directory))
    const made = await backUp(rig)
    assert.equal(made.code, 1)
    assert.match(made.err, /could not be verified \(damaged\)\nNo backup was made\./)
    assert.deepEqual(backupsOf(rig), [])
  })

  it('says what is missing', async () => {
    await using rig = await startRig()
    assert.match((await backUp(rig, { API_KEYS: '' })).err, /API_KEYS is missing/)
    assert.match((await backUp(rig, { PORT: '1' })).err, /no service answers at http:\/\/127\.0\.0\.1:1 /)
    assert.match((await backUp(rig, { API_KEYS: `any:wrong-${API_KEY}` })).err, /401 unauthorized/)
    assert.match((await backUp(rig, { DATA_DIR: '/nowhere' })).err, /There is no store at \/nowhere/)
    const url = 'postgres://x:y@127.0.0.1:1/z'
    assert.match((await backUp(rig, { DATABASE_URL: url })).err, /PostgreSQL \(DATABASE_URL\).*pg_dump/)
  })

  it('leaves PostgreSQL to its own tools', { skip: withoutPostgres }, async () => {
    await using open = await openPostgres()
    await using rig = await startRig({ DATABASE_URL: open.url })
    const { status, body } = await rig.request('POST', '/v1/backups')
    assert.deepEqual([status, body.code], [409, 'backup-elsewhere'])
  })
})

describe('the check at the start', () => {
  it('refuses a damaged database that would open, unless it is switched off', async () => {
    await using rig = await startRig()
    await rig.sync(person(1))
    await rig.stop()
    damage(fileIn(rig.directory))
    await assert.rejects(rig.restart(), /sync-person\.sqlite \(DATA_DIR\) is damaged/)
    await rig.restart({ STORE_CHECK_SECONDS: '0' })
  })

  it('ends in time', async () => {
    await using rig = await startRig()
    await rig.stop()
    assert.equal(await checkFile(fileIn(rig.directory), 'quick_check', 1), 'unfinished')
    assert.equal(await checkFile(fileIn(rig.directory), 'quick_check', 60_000), 'sound')
    assert.equal(await checkFile(join(rig.directory, 'nowhere', 'x'), 'quick_check', 60_000), 'unknown')
  })
})

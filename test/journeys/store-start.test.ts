import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, statSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { SERVICE_MAIN } from '../../sandbox/launch.ts'
import { SqliteJobs } from '../../src/jobs/sqlite.ts'
import { fileIn } from '../../src/store/sqlite/data-directory.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { SqliteStore } from '../../src/store/sqlite/store.ts'
import { KEY, NOWHERE, startChild } from '../child-service.ts'
import { accept, deriveRecordId, newRequest } from '../store/contract.ts'
import { smallDisk, withoutMounts } from './unavailable.ts'

/** Starts that cannot succeed say why, with the variable and the path; so does a service that stops by itself. */

const HANGS_AFTER_MS = 20_000
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
/** Of more pages than SQLite keeps in memory. */
const PEOPLE = 3_000
const PAGE_BYTES = 4_096

const withoutUsers: string | false = (() => {
  try {
    execFileSync(NOBODY[0] ?? '', [...NOBODY.slice(1), 'test', '-r', SERVICE_MAIN], { stdio: 'ignore' })
    return false
  } catch {
    return 'no other user can run the service from here: run the tests as root, where others may read'
  }
})()

async function scratch() {
  const path = await mkdtemp(join(tmpdir(), 'sync-person-start-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

async function failureOf(directory: string, wrapper: readonly string[] = []) {
  await using service = startChild({ ...NOWHERE, DATA_DIR: directory }, wrapper)
  return await service.ended
}

describe('a start says what is wrong with DATA_DIR', () => {
  const cases: Readonly<Record<string, readonly [make: (path: string) => string, says: RegExp]>> = {
    'a file': [
      (path) => {
        writeFileSync(join(path, 'file'), '')
        return join(path, 'file')
      },
      /it is a file/,
    ],
    'below a file': [
      (path) => {
        writeFileSync(join(path, 'file'), '')
        return join(path, 'file', 'data')
      },
      /a part of its path is \(ENOTDIR\)/,
    ],
    'a link that leads nowhere': [
      (path) => {
        symlinkSync(join(path, 'nowhere'), join(path, 'link'))
        return join(path, 'link')
      },
      /dangling link/,
    ],
    'below /proc': [() => '/proc/sync-person/data', /nothing can be created there/],
    '/proc': [() => '/proc', /nothing can be created there|cannot be opened/],
    'a directory with a directory in the place of the database': [
      (path) => {
        mkdirSync(fileIn(path))
        return path
      },
      /sync-person\.sqlite, which cannot be used: it is a directory/,
    ],
    'a directory with something else in the place of the database': [
      (path) => {
        writeFileSync(fileIn(path), 'hello '.repeat(1_000))
        return path
      },
      /sync-person\.sqlite \(DATA_DIR\) is damaged.*Restoring a backup/,
    ],
  }
  for (const [name, [make, says]] of Object.entries(cases)) {
    it(`that is ${name}`, { timeout: HANGS_AFTER_MS }, async () => {
      await using directory = await scratch()
      const path = make(directory.path)
      const { code, errors } = await failureOf(path)
      assert.match(errors, says)
      assert.ok(errors.includes('DATA_DIR') && errors.includes(path), errors)
      assert.deepEqual([code, errors.trim().split('\n').length], [1, 1])
    })
  }

  it('that this user has no right to', { skip: withoutUsers }, async () => {
    await using directory = await scratch()
    const { code, errors } = await failureOf(directory.path, NOBODY)
    assert.equal(code, 1)
    assert.match(errors, /^DATA_DIR is .*this user lacks permission for it \(EACCES\)/)
  })

  it('whose file belongs to another user', { skip: withoutUsers }, async () => {
    await using directory = await scratch()
    new Database({ path: fileIn(directory.path) })[Symbol.dispose]()
    execFileSync('chmod', ['777', directory.path])
    const { code, errors } = await failureOf(directory.path, NOBODY)
    assert.equal(code, 1)
    assert.match(errors, /^DATA_DIR has the file .*sync-person\.sqlite, which .*lacks permission for it/)
  })

  it('that is read-only', { skip: withoutMounts }, async () => {
    using disk = smallDisk(4)
    assert.ok(disk)
    execFileSync('mount', ['-o', 'remount,ro', disk.path])
    const { code, errors } = await failureOf(disk.path)
    assert.equal(code, 1)
    assert.match(errors, /^DATA_DIR is .*the file system is read-only/)
  })

  it('that is full', { skip: withoutMounts }, async () => {
    using disk = smallDisk(1)
    assert.ok(disk)
    disk.fill()
    const { code, errors } = await failureOf(disk.path)
    assert.equal(code, 1)
    assert.ok(errors.includes(disk.path) && errors.includes('DATA_DIR'), errors)
    assert.match(errors, /the disk is full/)
  })
})

it('a start reports what other users may read, and goes on', async () => {
  await using directory = await scratch()
  execFileSync('chmod', ['755', directory.path])
  await using service = startChild({ ...NOWHERE, DATA_DIR: directory.path })
  await service.url
  const told = service.log
    .map((line) => JSON.parse(line))
    .filter(({ event }) => event === 'data-open-to-others')
  assert.deepEqual(
    told.map(({ level, msg }) => [level, msg]),
    [
      [
        'warn',
        `${directory.path} holds people's data and is open to other users (mode 755): chmod go= ${directory.path}`,
      ],
    ],
  )
})

describe('a database that is damaged', () => {
  it('stops the service that finds it, with a sentence, after 503 and no 500', async () => {
    await using directory = await scratch()
    const path = fileIn(directory.path)
    const requestIds = await fill(path)
    const settings = { SHUTDOWN_DELAY_MS: '2000', SHUTDOWN_GRACE_MS: '0' }
    await using service = startChild({ ...NOWHERE, ...settings, DATA_DIR: directory.path })
    const url = await service.url
    damage(path)
    const statuses = new Set<number | undefined>()
    for (const requestId of requestIds) {
      const status = await read(url, requestId)
      if (status === undefined) break
      statuses.add(status)
    }
    const { code, errors } = await service.ended
    assert.equal(code, 1)
    assert.match(errors, /^\S+sync-person\.sqlite \(DATA_DIR\) is damaged/)
    assert.ok(statuses.has(503))
    assert.deepEqual(
      [...statuses].filter((status) => status !== 200 && status !== 503),
      [],
    )
    assert.ok(service.log.some((line) => line.includes('"event":"store-damaged"')))
  })
})

/** A database that does not fit into the memory of SQLite. Gives the ids of its requests. */
async function fill(path: string): Promise<string[]> {
  const database = new Database({ path })
  const store = new SqliteStore({ database, jobs: new SqliteJobs(database), deriveRecordId })
  const accepted = await Promise.all(
    Array.from({ length: PEOPLE }, (_, index) =>
      accept(store, newRequest({ marketoId: index + 1 }, { payload: 'x'.repeat(PAGE_BYTES) })),
    ),
  )
  await store[Symbol.asyncDispose]()
  return accepted.map(({ requestId }) => requestId)
}

function damage(path: string): void {
  const garbage = Buffer.alloc(PAGE_BYTES, 0xa5)
  const file = openSync(path, 'r+')
  for (let at = PAGE_BYTES; at < statSync(path).size; at += PAGE_BYTES)
    writeSync(file, garbage, 0, PAGE_BYTES, at)
  closeSync(file)
}

/** The status; undefined where nobody listens any more. */
async function read(url: string, requestId: string): Promise<number | undefined> {
  try {
    const response = await fetch(`${url}/v1/requests/${requestId}`, { headers: { 'x-api-key': KEY } })
    await response.body?.cancel()
    return response.status
  } catch {
    return undefined
  }
}

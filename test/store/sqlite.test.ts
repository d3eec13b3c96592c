import assert from 'node:assert/strict'
import { readdirSync, readlinkSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { StoreUnavailable } from '../../src/errors.ts'
import { SqliteJobs } from '../../src/jobs/sqlite.ts'
import { SqliteChunkStore } from '../../src/store/sqlite/chunk-store.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { SqliteLeases } from '../../src/store/sqlite/leases.ts'
import { checkFile } from '../../src/store/sqlite/soundness.ts'
import { SqliteStore } from '../../src/store/sqlite/store.ts'
import { SqliteSyncStore } from '../../src/store/sqlite/sync-store.ts'
import { aliasContract } from './alias-contract.ts'
import { chunkContract, newChunk } from './chunk-contract.ts'
import { accept, create, deriveRecordId, newRequest, storeContract } from './contract.ts'
import { linkMovesContract } from './link-moves-contract.ts'
import { replicaOf, syncContract } from './sync-contract.ts'

/** SQLite keeps the first 64 KB of what it may have to undo in memory in any case. */
const PAGES = 200
const TRANSACTION_MS = 100
const CHECK_MS = 10_000
const WANTED = { batch: false, limit: 1, except: [] }

function openAt(path: string) {
  const database = new Database({ path })
  const jobs = new SqliteJobs(database)
  const store = new SqliteStore({ database, jobs, deriveRecordId })
  const leases = new SqliteLeases(systemClock)
  return {
    jobs,
    store,
    sync: new SqliteSyncStore(database, leases),
    leases,
    chunks: new SqliteChunkStore(database),
    pass: async () => {},
  }
}

async function openIn(directory: string) {
  return openAt(join(directory, 'store.sqlite'))
}

async function inMemory() {
  const opened = openAt(':memory:')
  return { ...opened, [Symbol.asyncDispose]: () => opened.store[Symbol.asyncDispose]() }
}

async function temporaryDirectory() {
  const path = await mkdtemp(join(tmpdir(), 'sync-person-store-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}

async function inFile() {
  const directory = await temporaryDirectory()
  const opened = await openIn(directory.path)
  return {
    ...opened,
    async [Symbol.asyncDispose]() {
      await opened.store[Symbol.asyncDispose]()
      await directory[Symbol.asyncDispose]()
    },
  }
}

/** Files of this process that are on a disk, those without a name included. */
function openFiles(): string[] {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  })
  return links.filter((link) => link.startsWith('/') && !link.startsWith('/proc/')).sort()
}

storeContract('SQLite', inFile)
chunkContract('SQLite', inFile)
syncContract('SQLite', inFile)
syncContract('SQLite in memory', inMemory)
linkMovesContract('SQLite', inFile)
aliasContract('SQLite', inFile)
linkMovesContract('SQLite in memory', inMemory)

describe('the SQLite file', () => {
  it('keeps everything over a restart, and frees the jobs of the former process', async () => {
    await using directory = await temporaryDirectory()
    const first = await openIn(directory.path)
    const { requestId, link } = await accept(first.store, newRequest({ email: 'a@x' }))
    await first.store[Symbol.asyncDispose]()

    const second = await openIn(directory.path)
    await second.jobs.releaseAll()
    assert.deepEqual(await second.jobs.claim('real-time', 10, 1_000_000), [{ requestId, crashes: 0 }])
    const work = await second.store.takeUp(requestId, 2_000_000, 1_000_000)
    assert.deepEqual([work?.leased, work?.link], [true, link])
    await second.store[Symbol.asyncDispose]()
  })

  it('keeps chunks over a restart, and frees those that the former process held', async () => {
    await using directory = await temporaryDirectory()
    const first = await openIn(directory.path)
    await first.chunks.acceptChunk(newChunk('a'))
    const [claimed] = await first.chunks.claimChunks(WANTED, 1_000_000, 1_000_000)
    await first.store[Symbol.asyncDispose]()

    const second = await openIn(directory.path)
    assert.deepEqual(await second.chunks.claimChunks(WANTED, 1_000_000, 1_000_000), [])
    await second.chunks.releaseAll()
    assert.deepEqual(await second.chunks.claimChunks(WANTED, 1_000_000, 1_000_000), [claimed])
    await second.store[Symbol.asyncDispose]()
  })

  it('keeps what the background sync knows over a restart', async () => {
    await using directory = await temporaryDirectory()
    const first = await openIn(directory.path)
    const { link } = await create(first.store, newRequest({ marketoId: 1 }))
    const [replica] = await first.sync.findReplicas({ marketoIds: [1] })
    assert.ok(replica)
    const cursors = [{ stream: 'dynamics-leads', position: 'p', readAt: 5 }] as const
    const shadow = { lastName: 'Ek' }
    await first.sync.save({ now: 9, cursors, replicas: [{ ...replica, shadow, dynamics: shadow }] })
    await first.sync.setPaused(true)
    await first.store[Symbol.asyncDispose]()

    const second = await openIn(directory.path)
    assert.deepEqual(await second.sync.readState(), { cursors, paused: true })
    const kept = await replicaOf(second.sync, link.linkId)
    assert.deepEqual(kept, { ...replica, shadow, dynamics: shadow, version: replica.version + 1 })
    await second.store[Symbol.asyncDispose]()
  })

  it('refuses a second process with a sentence that names PostgreSQL', async () => {
    await using directory = await temporaryDirectory()
    const first = await openIn(directory.path)
    await assert.rejects(openIn(directory.path), /in use by another process.*PostgreSQL/)
    await first.store[Symbol.asyncDispose]()
    const second = await openIn(directory.path)
    await second.store[Symbol.asyncDispose]()
  })

  it('refuses a store of a newer version', async () => {
    await using directory = await temporaryDirectory()
    const path = join(directory.path, 'store.sqlite')
    const database = new Database({ path })
    await database.write(() => void database.prepare("insert into migration values (999, '')").run())
    database[Symbol.dispose]()
    assert.throws(() => new Database({ path }), /newer version/)
  })

  it('calls the store unavailable when it is full or read-only, and takes writes again once it is not', async () => {
    const database = new Database({ path: ':memory:' })
    const [{ pages } = { pages: 0 }] = database
      .prepare('select page_count as pages from pragma_page_count')
      .all()
    const fill = () => database.prepare('insert into cursor values (:stream, :text, 0)')
    const write = (stream: string, bytes: number) =>
      database.write(() => void fill().run({ stream, text: 'x'.repeat(bytes) }))
    database.prepare(`pragma max_page_count = ${Number(pages) + 2}`).get()
    const results = await Promise.allSettled([
      write('small', 1),
      write('large', 1_000_000),
      write('later', 1),
    ])
    const large = results[1] as PromiseRejectedResult
    assert.ok(large.reason instanceof StoreUnavailable)
    assert.equal(large.reason.message, 'the disk is full')
    for (const result of results) {
      if (result.status === 'rejected')
        assert.ok(result.reason instanceof StoreUnavailable, String(result.reason))
    }
    database.prepare('pragma max_page_count = 100000').get()
    await write('again', 1_000_000)
    database.prepare('pragma query_only = on').get()
    await assert.rejects(write('refused', 1), {
      name: 'StoreUnavailable',
      message: 'the database is read-only',
    })
    database.prepare('pragma query_only = off').get()
    await write('after', 1)
    const kept = database
      .prepare('select stream from cursor order by stream')
      .all()
      .map(({ stream }) => stream)
    const stored = ['small', 'large', 'later'].filter((_, index) => results[index]?.status === 'fulfilled')
    assert.deepEqual(
      kept,
      [...stored, 'again', 'after'].sort(),
      'what was promised is there, and nothing else',
    )
    database[Symbol.dispose]()
  })

  it('gives the first error of a write whose savepoint is gone as well', async () => {
    const database = new Database({ path: ':memory:' })
    const cause = new Error('the cause')
    const broken = database.write(() => {
      database.prepare('release verb').run()
      throw cause
    })
    const beside = database.write(() => 1)
    assert.deepEqual(
      (await Promise.allSettled([broken, beside])).map((result) => 'reason' in result && result.reason),
      [cause, cause],
    )
    assert.equal(await database.write(() => 2), 2)
    database[Symbol.dispose]()
  })

  it('keeps what a write may have to undo in memory, and out of the temporary directory', {
    skip: process.platform !== 'linux' && 'open files are listed on Linux only',
  }, async () => {
    await using directory = await temporaryDirectory()
    const database = new Database({ path: join(directory.path, 'store.sqlite') })
    const insert = database.prepare('insert into cursor values (:stream, :text, 0)')
    const rewrite = database.prepare('update cursor set position = position || :more')
    await database.write(() => {
      for (let stream = 0; stream < PAGES; stream += 1)
        insert.run({ stream: String(stream), text: 'x'.repeat(3_000) })
    })
    const before = openFiles()
    const during = await database.write(() => {
      rewrite.run({ more: 'y' })
      return openFiles()
    })
    assert.deepEqual(during, before)
    database[Symbol.dispose]()
  })

  it('rejects every write of a transaction that cannot be committed', async () => {
    const database = new Database({ path: ':memory:' })
    const first = database.write(() => 1)
    const breaking = database.write(() => void database.prepare('rollback').run())
    const results = await Promise.allSettled([first, breaking])
    assert.deepEqual(
      results.map(({ status }) => status),
      ['rejected', 'rejected'],
    )
    assert.equal(await database.write(() => 2), 2)
    database[Symbol.dispose]()
  })
})

it('copies a database although the first step of the copy meets a transaction', async () => {
  await using directory = await temporaryDirectory()
  using database = new Database({ path: join(directory.path, 'store.sqlite') })
  const copy = join(directory.path, 'copy.sqlite')
  const { copying } = await database.write(() => {
    const copying = database.copyTo(copy)
    // The copy begins in another thread meanwhile.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TRANSACTION_MS)
    return { copying }
  })
  await copying
  assert.equal(await checkFile(copy, 'integrity_check', CHECK_MS), 'sound')
})

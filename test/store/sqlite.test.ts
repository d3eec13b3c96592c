import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { SqliteJobs } from '../../src/jobs/sqlite.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { SqliteStore } from '../../src/store/sqlite/store.ts'
import { accept, deriveRecordId, newRequest, storeContract } from './contract.ts'

async function openIn(directory: string) {
  const database = new Database({ path: join(directory, 'store.sqlite') })
  const jobs = new SqliteJobs(database)
  return { jobs, store: new SqliteStore({ database, jobs, deriveRecordId }) }
}

async function temporaryDirectory() {
  const path = await mkdtemp(join(tmpdir(), 'sync-person-store-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}

storeContract('SQLite', async () => {
  const directory = await temporaryDirectory()
  const { store, jobs } = await openIn(directory.path)
  return {
    store,
    jobs,
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]()
      await directory[Symbol.asyncDispose]()
    },
  }
})

describe('the SQLite file', () => {
  it('keeps everything over a restart, and frees the jobs of the former process', async () => {
    await using directory = await temporaryDirectory()
    const first = await openIn(directory.path)
    const { requestId, link } = await accept(first.store, newRequest({ email: 'a@x' }))
    await first.store[Symbol.asyncDispose]()

    const second = await openIn(directory.path)
    await second.jobs.releaseAll()
    assert.deepEqual(await second.jobs.claim(10, 2_000_000, 1_000_000), [{ requestId, attempts: 0 }])
    const work = await second.store.takeUp(requestId, 2_000_000, 1_000_000)
    assert.deepEqual([work?.leased, work?.link], [true, link])
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

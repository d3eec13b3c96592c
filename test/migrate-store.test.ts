import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { SqliteJobs } from '../src/jobs/sqlite.ts'
import { fileIn } from '../src/store/sqlite/data-directory.ts'
import { Database } from '../src/store/sqlite/database.ts'
import { SqliteStore } from '../src/store/sqlite/store.ts'
import { withoutPostgres } from './postgres/cluster.ts'
import { sharedCluster } from './postgres/shared-cluster.ts'
import { accept, deriveRecordId, newRequest } from './store/contract.ts'
import { connect } from './store/postgres-rig.ts'

/** The command as an operator runs it: a process with the two stores' variables and nothing else of ours. */

const MAIN = fileURLToPath(new URL('../src/migrate-store.ts', import.meta.url))
const NOTHING = 'Nothing was moved.'

async function migrateStore(environment: Record<string, string>) {
  const child = spawn(process.execPath, [MAIN], {
    env: { PATH: process.env.PATH ?? '', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { lines: out.split('\n').slice(0, -1), errors: err.split('\n').slice(0, -1), code }
}

async function temporaryDirectory() {
  const path = await mkdtemp(join(tmpdir(), 'migrate-store-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}

/** A store in the directory as a service has it open. */
function openStore(directory: string) {
  const database = new Database({ path: fileIn(directory) })
  const store = new SqliteStore({ database, jobs: new SqliteJobs(database), deriveRecordId })
  return { database, store, [Symbol.dispose]: () => database[Symbol.dispose]() }
}

describe('npm run migrate-store', { skip: withoutPostgres }, () => {
  it('moves a store, tells what has arrived, and does so once', async () => {
    await using directory = await temporaryDirectory()
    const environment = {
      DATA_DIR: directory.path,
      DATABASE_URL: await (await sharedCluster()).createDatabase(),
    }
    const { requestId, link } = await (async () => {
      using old = openStore(directory.path)
      return accept(old.store, newRequest({ marketoId: 1, email: 'a@x' }))
    })()

    const first = await migrateStore(environment)
    assert.deepEqual([first.code, first.errors], [0, []])
    assert.match(first.lines[1] ?? '', /^identifier: 3 rows, sha256 [0-9a-f]{16}$/)
    assert.match(first.lines.at(-1) ?? '', /^Everything was moved\./)
    await using moved = await connect(environment.DATABASE_URL)
    assert.deepEqual((await moved.store.readPerson(1))?.link, link)
    assert.deepEqual(await moved.jobs.claim('real-time', 9), [{ requestId, crashes: 0 }])

    const second = await migrateStore(environment)
    assert.deepEqual([second.code, second.lines], [1, []])
    assert.match(second.errors[0] ?? '', /not empty: there are rows in link, identifier, request\./)
    assert.deepEqual(second.errors.slice(1), [NOTHING])
  })

  it('refuses while the service is running', async () => {
    await using directory = await temporaryDirectory()
    using service = openStore(directory.path)
    await accept(service.store, newRequest({ marketoId: 1 }))
    const DATABASE_URL = await (await sharedCluster()).createDatabase()
    const { errors, code } = await migrateStore({ DATA_DIR: directory.path, DATABASE_URL })
    assert.match(errors[0] ?? '', /in use by another process.* stop the other one/)
    assert.deepEqual([errors.slice(1), code], [[NOTHING], 1])
  })

  it('moves all or nothing: what PostgreSQL does not take leaves the database empty', async () => {
    await using directory = await temporaryDirectory()
    const environment = {
      DATA_DIR: directory.path,
      DATABASE_URL: await (await sharedCluster()).createDatabase(),
    }
    const run = async (sql: string) => {
      using old = openStore(directory.path)
      await old.database.write(() => void old.database.prepare(sql).run())
    }
    await run("insert into cursor values ('marketo-life', 'a' || char(0), 1)")
    const { errors, code } = await migrateStore(environment)
    assert.match(errors[0] ?? '', /^cursor: /)
    assert.deepEqual([errors.slice(1), code], [[NOTHING], 1])
    await run("update cursor set position = 'a'")
    assert.equal((await migrateStore(environment)).code, 0)
  })
})

describe('npm run migrate-store, misconfigured', () => {
  const DATABASE_URL = 'postgres://postgres@127.0.0.1:1/none'

  it('says which variable is missing, misspelt or wrong', async () => {
    const without = await migrateStore({ DATABASE_UR: 'x' })
    assert.match(without.errors.join('\n'), /DATABASE_URL is missing.*\n.*DATABASE_UR\b/)
    const wrong = await migrateStore({ DATABASE_URL: 'mysql://x/y' })
    assert.match(wrong.errors.join('\n'), /DATABASE_URL is not the address of a PostgreSQL database/)
  })

  it('makes no store where there is none', async () => {
    await using directory = await temporaryDirectory()
    for (const times of ['first', 'second']) {
      const { errors } = await migrateStore({ DATA_DIR: directory.path, DATABASE_URL })
      assert.match(errors[0] ?? '', /There is no store at .*sync-person\.sqlite/, times)
    }
  })

  it('says that the database cannot be reached', async () => {
    await using directory = await temporaryDirectory()
    openStore(directory.path)[Symbol.dispose]()
    const { errors, code } = await migrateStore({ DATA_DIR: directory.path, DATABASE_URL })
    assert.match(errors[0] ?? '', /the database does not answer: connect ECONNREFUSED/)
    assert.deepEqual([errors.slice(1), code], [[NOTHING], 1])
  })
})

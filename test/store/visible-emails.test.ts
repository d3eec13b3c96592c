import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import fc from 'fast-check'
import { SqliteJobs } from '../../src/jobs/sqlite.ts'
import { normaliseEmail } from '../../src/person/identity.ts'
import type { Store } from '../../src/store/port.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { migrate } from '../../src/store/sqlite/migrations.ts'
import { SqliteStore } from '../../src/store/sqlite/store.ts'
import { withoutPostgres } from '../postgres/cluster.ts'
import { accept, create, deriveRecordId, newRequest } from './contract.ts'
import { connect, openPostgres } from './postgres-rig.ts'

/** Stores that were written when an e-mail kept the characters that cannot be seen. */

/** The last version of SQLite's store that was like that, and the migration of PostgreSQL's that ended it. */
const SQLITE_BEFORE = 4
const POSTGRES_MIGRATION = 6

/** An e-mail in the normal form of that time. */
const formerly = (email: string) => email.normalize('NFKC').toLowerCase().normalize('NFKC').trim()

const HIDDEN = 'ann\u200b.ek@x.example'
const TWINS = ['b\u00ado@x.example', 'bo@x.example']

/** Each character that was kept and is not any more, many to an e-mail: at its ends, inside, and around blanks. */
const EVERY_INVISIBLE = Array.from({ length: 0x110000 }, (_, point) => point)
  .filter((point) => point < 0xd800 || point > 0xdfff)
  .map((point) => String.fromCodePoint(point))
  .filter((one) => /[\p{Cf}\p{Default_Ignorable_Code_Point}\ufffe\uffff]/u.test(one))
const PER_EMAIL = 100
const FULL = Array.from({ length: Math.ceil(EVERY_INVISIBLE.length / PER_EMAIL) }, (_, index) => {
  const some = EVERY_INVISIBLE.slice(index * PER_EMAIL, (index + 1) * PER_EMAIL).join('')
  return formerly(`\u00a0${some}\u3000e${some}\u0301.${index}@x.example${some} ${some}`)
})

const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31)
const RANDOM = fc
  .sample(fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }), { numRuns: 40, seed })
  .map((text) => formerly(`${text.toWellFormed().replace(/\p{Cc}/gu, '')}@x.example`))
const OLD = [...new Set([HIDDEN, ...TWINS, ...FULL, ...RANDOM])]

/** Fills a store of the old form, and opens it as this version does. */
type Upgrade = () => Promise<AsyncDisposable & { store: Store; recordIds: ReadonlyMap<string, string> }>

const inSqlite: Upgrade = async () => {
  const stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'sync-person-emails-'))
  stack.defer(() => rm(directory, { recursive: true }))
  const path = join(directory, 'store.sqlite')
  const old = new DatabaseSync(path)
  migrate(old, SQLITE_BEFORE)
  const insertLink = old.prepare(
    `insert into link (state, canonical_key, record_type, record_id, generation, proven_at, created_at)
     values ('linked', ?, 'lead', ?, 0, 1, 1) returning link_id`,
  )
  const insertName = old.prepare("insert into identifier (kind, value, link_id) values ('email', ?, ?)")
  const recordIds = new Map<string, string>()
  for (const email of OLD) {
    const recordId = deriveRecordId('lead', `email:${email}`, 0)
    recordIds.set(email, recordId)
    insertName.run(email, insertLink.get(`email:${email}`, recordId)?.link_id ?? null)
  }
  old.close()
  const database = new Database({ path })
  const store = stack.use(new SqliteStore({ database, jobs: new SqliteJobs(database), deriveRecordId }))
  return { store, recordIds, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

const inPostgres: Upgrade = async () => {
  const recordIds = new Map<string, string>()
  const url = await (async () => {
    await using old = await openPostgres()
    for (const email of OLD) {
      const { link } = await create(old.store, newRequest({ email }))
      recordIds.set(email, link.recordId)
    }
    await old.postgres.query('delete from migration where number = :number', { number: POSTGRES_MIGRATION })
    return old.url
  })()
  const opened = await connect(url)
  return { store: opened.store, recordIds, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() }
}

for (const [name, upgrade, skip] of [
  ['SQLite', inSqlite, false],
  ['PostgreSQL', inPostgres, withoutPostgres],
] as const) {
  test(`people of an older store on ${name} are found without the characters that cannot be seen`, {
    skip,
  }, async () => {
    await using upgraded = await upgrade()
    const { store, recordIds } = upgraded
    const linkOf = async (email: string) => (await accept(store, newRequest({ email }))).link

    const { state, recordId, canonicalKey } = await linkOf('ann.ek@x.example')
    assert.deepEqual(
      { state, recordId, canonicalKey },
      { state: 'linked', recordId: recordIds.get(HIDDEN), canonicalKey: `email:${HIDDEN}` },
    )
    // Two who were two persons so far stay with the records that they have.
    assert.deepEqual((await linkOf('bo@x.example')).recordId, recordIds.get('bo@x.example'))

    const known = new Set(recordIds.values())
    for (const old of OLD) {
      const link = await linkOf(normaliseEmail(old))
      assert(known.has(link.recordId), `seed ${seed}: ${JSON.stringify(old)} has become somebody else`)
      // A version that runs beside this one finds them by the old form.
      assert.equal((await linkOf(old)).recordId, recordIds.get(old), `seed ${seed}: ${JSON.stringify(old)}`)
    }
  })
}

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { withoutPostgres } from '../postgres/cluster.ts'
import { sharedCluster } from '../postgres/shared-cluster.ts'
import { API_KEY, WEBHOOK } from './rig.ts'
import { type Json, type SyncRig, startSyncRig } from './sync-rig.ts'

/** People who were deleted and imported anew, and two people or two records that have become one. */

/** Marketo's merges and deletions are read that often. */
const LIFE_MS = 300_000
/** Those who share a link are looked at that often, without any news of them. */
const ALIAS_MS = 21_600_000
const EK = { lastname: 'Ek', subject: 'Fair' }

let rig: SyncRig
const databases = [
  { database: 'SQLite', skip: false as const, url: async () => undefined },
  {
    database: 'PostgreSQL',
    skip: withoutPostgres,
    url: async () => (await sharedCluster()).createDatabase(),
  },
]

for (const { database, skip, url } of databases) {
  describe(`on ${database}`, { skip }, () => {
    before(async () => {
      const DATABASE_URL = await url()
      rig = await startSyncRig({ settings: { ...(DATABASE_URL && { DATABASE_URL }) } })
      await rig.marketo.flowSteps.install({
        url: `${rig.url}/flow-step/openapi.json`,
        credentials: { kind: 'apiKey', key: API_KEY },
      })
    })
    after(() => rig[Symbol.asyncDispose]())
    // What the databases do is in their contracts: here one story of each kind shows that they are joined.
    if (database === 'PostgreSQL') return reimports('before')
    reimports('before', 'after')
    sharing()
    merges()
  })
}

const lead = (email: string, more: Json = {}) =>
  rig.pair('lead', { ...EK, emailaddress1: `${email}@example.com`, ...more })

/** A person with the same e-mail and a new id, as an import makes one. */
const imported = (email: string, more: Json = {}) =>
  rig.marketo.seed({ email: `${email}@example.com`, lastName: 'Ek', ...more })

const title = (marketoId: number) => rig.marketo.person(marketoId)?.title
const city = (id: string) => rig.dataverse.row('lead', id)?.address1_city

async function cycles(...waits: number[]): Promise<void> {
  for (const wait of waits) await rig.cycle(wait)
}

/** Both of a record's and a person's edits arrive. */
async function assertKeptEqual(id: string, marketoId: number, name: string): Promise<void> {
  rig.dataverse.update('lead', id, { jobtitle: `Chef ${name}` })
  rig.marketo.update(marketoId, { city: `Lund ${name}` })
  await cycles(21_000, 21_000)
  assert.deepEqual([title(marketoId), city(id)], [`Chef ${name}`, `Lund ${name}`])
}

/** Code and who else has the link, of each open failure of a record. */
async function sharedOf(id: string): Promise<unknown[]> {
  return (await rig.failuresOf(id)).map(({ code, other }) => {
    const { marketoId, recordId } = other as Json
    return [code, marketoId ?? recordId]
  })
}

async function webhook(marketoId: number, email: string): Promise<Json> {
  const { body } = await rig.request('POST', WEBHOOK, {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ marketoId, email: `${email}@example.com`, lastName: 'Ek' }),
  })
  return body
}

async function flowStep(...ids: number[]): Promise<Json[]> {
  const run = await rig.marketo.flowSteps.run({
    ...{ name: 'Fair', type: 'batch', attributes: { syncAs: 'lead' } },
    personIds: ids,
  })
  await rig.marketo.flowSteps.settled(run)
  return Promise.all(
    ids.map(async (id) => {
      const { activities } = (await rig.request('GET', `/v1/people/${id}/activities`)).body
      return (activities as Json[])[0] ?? {}
    }),
  )
}

function reimports(...whens: ('before' | 'after')[]): void {
  for (const when of whens) {
    /** Deleted and imported anew, with the deletion read or not. */
    const reimport = async (email: string) => {
      const old = await lead(email, { jobtitle: 'Buyer', donotphone: true })
      rig.marketo.remove(old.marketoId)
      if (when === 'after') await cycles(LIFE_MS)
      return { ...old, fresh: imported(email, { city: 'Falun' }) }
    }

    test(`who is deleted, imported anew and sent by a webhook has the record, ${when} Marketo has reported the deletion`, async () => {
      const email = `webhook-${when}`
      const { id, fresh } = await reimport(email)
      const { outcome, recordId, code } = await webhook(fresh, email)
      assert.deepEqual([outcome, recordId, code], ['exists', id, undefined])
      await cycles(21_000)
      assert.deepEqual(
        [title(fresh), city(id)],
        ['Buyer', 'Falun'],
        'nothing is emptied, all that is filled arrives',
      )
      assert.equal(rig.dataverse.row('lead', id)?.donotphone, true)
      assert.equal(rig.marketo.person(fresh)?.microsoftRecordId, id)
      await assertKeptEqual(id, fresh, when)
      await cycles(LIFE_MS)
      assert.deepEqual(await rig.failuresOf(id), [])
      await assertKeptEqual(id, fresh, 'later')
    })

    test(`who is deleted and imported anew without any campaign has the record, ${when} Marketo has reported the deletion`, async () => {
      const { id, fresh } = await reimport(`alone-${when}`)
      await cycles(LIFE_MS, LIFE_MS)
      assert.deepEqual([title(fresh), city(id)], ['Buyer', 'Falun'])
      await assertKeptEqual(id, fresh, when)
      assert.equal(rig.marketo.people().filter((one) => one.email === `alone-${when}@example.com`).length, 1)
    })

    test(`people who are deleted, imported anew and sent by a flow step have their records, ${when} Marketo has reported the deletion; their chunk asks Marketo once`, async () => {
      const people = []
      for (const index of [1, 2, 3]) people.push(await lead(`chunk-${when}-${index}`))
      for (const { marketoId } of people) rig.marketo.remove(marketoId)
      if (when === 'after') await cycles(LIFE_MS)
      const fresh = people.map((_, index) => imported(`chunk-${when}-${index + 1}`))
      const before = rig.marketo.calls.filter(({ operation }) => operation === 'leads').length
      const said = await flowStep(...fresh)
      assert.deepEqual(
        said.map(({ outcome, recordId, code }) => [outcome, recordId, code]),
        people.map(({ id }) => ['exists', id, undefined]),
      )
      const asked = rig.marketo.calls.filter(({ operation }) => operation === 'leads').length - before
      assert.equal(asked, when === 'before' ? 1 : 0)
      await cycles(LIFE_MS)
      for (const [index, { id }] of people.entries()) {
        await assertKeptEqual(id, fresh[index] ?? 0, `${when} ${index}`)
      }
    })
  }
}

function sharing(): void {
  test('a record whose person was deleted makes nobody, and takes the one who gets its e-mail', async () => {
    const old = await lead('gets-it', { jobtitle: 'Buyer' })
    rig.marketo.remove(old.marketoId)
    const other = imported('other-address')
    await cycles(LIFE_MS, LIFE_MS)
    assert.equal(rig.marketo.people().filter(({ email }) => email === 'gets-it@example.com').length, 0)
    rig.marketo.update(other, { email: 'gets-it@example.com' })
    await cycles(21_000, 21_000)
    assert.equal(title(other), 'Buyer')
  })

  test('of several who were imported anew nobody is taken, which is a failure until one of them is left', async () => {
    const old = await lead('twice')
    rig.marketo.remove(old.marketoId)
    const [one = 0, two = 0] = [imported('twice'), imported('twice')]
    await cycles(LIFE_MS, 21_000)
    assert.deepEqual(
      (await rig.failuresOf(old.id)).map(({ code }) => code),
      ['ambiguous-match'],
    )
    rig.marketo.merge(one, [two])
    await cycles(LIFE_MS, LIFE_MS)
    assert.deepEqual(await rig.failuresOf(old.id), [])
    await assertKeptEqual(old.id, one, 'left')
  })

  test('two people with one e-mail share its record: an answer with a code, and a failure until one of them is gone', async () => {
    const first = await lead('both')
    const second = imported('both', { city: 'Falun' })
    for (const _ of [1, 2]) {
      const { outcome, recordId, code, advice } = await webhook(second, 'both')
      assert.deepEqual([outcome, recordId, code], ['exists', first.id, 'person-shared'])
      assert.match(String(advice), new RegExp(`person ${first.marketoId} in Marketo`))
    }
    await cycles(21_000)
    assert.deepEqual(await sharedOf(first.id), [['person-shared', second]])
    const [failure] = await rig.failuresOf(first.id)
    assert.equal(failure?.marketoId, first.marketoId)
    assert.match(String(failure?.advice), new RegExp(`${second}.*${first.id}.*${first.marketoId}`))
    rig.marketo.update(second, { title: 'Chef' })
    await cycles(ALIAS_MS)
    assert.equal(first.lead().jobtitle, undefined, 'no value of the second person reaches the record')
    assert.equal((await sharedOf(first.id)).length, 1)

    rig.marketo.remove(second)
    await cycles(LIFE_MS)
    assert.deepEqual(await rig.failuresOf(first.id), [])
    await assertKeptEqual(first.id, first.marketoId, 'both')
  })

  test('of two people who share a record the second has it when the first is deleted', async () => {
    const first = await lead('heir', { jobtitle: 'Buyer' })
    const second = imported('heir', { city: 'Falun' })
    await webhook(second, 'heir')
    await cycles(21_000)
    rig.marketo.update(second, { email: 'another-address@example.com' })
    rig.marketo.remove(first.marketoId)
    await cycles(LIFE_MS, 21_000)
    assert.deepEqual(await rig.failuresOf(first.id), [])
    assert.deepEqual([title(second), city(first.id)], ['Buyer', 'Falun'])
    await assertKeptEqual(first.id, second, 'heir')
  })

  test('while Marketo does not answer the person is answered all the same, and looked at later', async () => {
    const old = await lead('away', { jobtitle: 'Buyer' })
    rig.marketo.remove(old.marketoId)
    const fresh = imported('away')
    for (const _ of [1, 2, 3, 4])
      rig.marketo.bend({ operation: 'leads', how: { kind: 'error', code: '611' } })
    const { outcome, code, advice } = await webhook(fresh, 'away')
    assert.deepEqual([outcome, code], ['exists', 'person-shared'])
    assert.match(String(advice), /could not be checked/)
    assert.ok(rig.log.some((line) => line.includes('person-unchecked')))
    await cycles(60_000, LIFE_MS)
    assert.deepEqual(await rig.failuresOf(old.id), [])
    await assertKeptEqual(old.id, fresh, 'away')
  })
}

function merges(): void {
  test('two linked people who are merged in Marketo leave two records, one failure that names both, and lose no edit in silence', async () => {
    const [winner, loser] = [await lead('m-winner'), await lead('m-loser')]
    rig.marketo.merge(winner.marketoId, [loser.marketoId])
    await cycles(LIFE_MS, 21_000)
    assert.deepEqual(await sharedOf(winner.id), [['record-shared', loser.id]])
    const [failure] = await rig.failuresOf(winner.id)
    assert.match(String(failure?.advice), new RegExp(`Person ${winner.marketoId}.*${loser.id}.*${winner.id}`))
    rig.dataverse.update('lead', loser.id, { jobtitle: 'Lost' })
    await cycles(21_000, ALIAS_MS)
    assert.equal((await sharedOf(winner.id)).length, 1)
    assert.notEqual(title(winner.marketoId), 'Lost')
    await assertKeptEqual(winner.id, winner.marketoId, 'merged')

    rig.dataverse.merge('lead', winner.id, loser.id)
    await cycles(21_000)
    assert.deepEqual(await rig.failuresOf(winner.id), [])
  })

  test('a second record that is deleted is no failure any more', async () => {
    const [winner, loser] = [await lead('d-winner'), await lead('d-loser')]
    rig.marketo.merge(winner.marketoId, [loser.marketoId])
    await cycles(LIFE_MS)
    assert.equal((await sharedOf(winner.id)).length, 1)
    rig.dataverse.remove('lead', loser.id)
    await cycles(21_000)
    assert.deepEqual(await rig.failuresOf(winner.id), [])
  })

  test('two linked leads that are merged in Dynamics leave two people: the second is flagged, and a failure until it is merged too', async () => {
    const [winner, loser] = [await lead('r-winner'), await lead('r-loser')]
    rig.dataverse.merge('lead', winner.id, loser.id)
    rig.marketo.update(loser.marketoId, { city: 'Lost' })
    await cycles(21_000, 21_000)
    assert.deepEqual(await sharedOf(winner.id), [['person-shared', loser.marketoId]])
    const { microsoftIsDeleted, microsoftRecordId } = loser.person()
    assert.deepEqual([microsoftIsDeleted, microsoftRecordId], [true, loser.id])
    assert.equal(winner.person().microsoftIsDeleted ?? false, false)
    const { outcome, recordId, code } = await webhook(loser.marketoId, 'r-loser')
    assert.deepEqual([outcome, recordId, code], ['exists', winner.id, 'person-shared'])

    rig.marketo.merge(winner.marketoId, [loser.marketoId])
    await cycles(LIFE_MS)
    assert.deepEqual(await rig.failuresOf(winner.id), [])
    await assertKeptEqual(winner.id, winner.marketoId, 'r')
  })

  test('an edit of a lead that lost a merge is a failure until it is taken back, the merge itself is none', async () => {
    const [winner, loser] = [await lead('e-winner'), await lead('e-loser')]
    rig.dataverse.merge('lead', winner.id, loser.id)
    await cycles(21_000)
    rig.marketo.merge(winner.marketoId, [loser.marketoId])
    await cycles(LIFE_MS)
    assert.deepEqual(await rig.failuresOf(winner.id), [])
    rig.dataverse.update('lead', loser.id, { jobtitle: 'Late' })
    await cycles(21_000)
    assert.deepEqual(await sharedOf(winner.id), [['record-shared', loser.id]])
    rig.dataverse.update('lead', loser.id, { jobtitle: null })
    await cycles(21_000)
    assert.deepEqual(await rig.failuresOf(winner.id), [])
  })

  test('an edit of a lead after it was qualified is a failure, unless the contact says the same', async () => {
    const ann = await lead('q-edited')
    const { contactId = '' } = rig.dataverse.qualify(ann.id)
    await cycles(21_000)
    assert.deepEqual(await rig.failuresOf(contactId), [])
    rig.dataverse.update('lead', ann.id, { jobtitle: 'Late' })
    await cycles(21_000)
    assert.deepEqual(await sharedOf(contactId), [['record-shared', ann.id]])
    rig.dataverse.update('contact', contactId, { jobtitle: 'Late' })
    rig.dataverse.touch('lead', ann.id)
    await cycles(21_000, ALIAS_MS)
    assert.deepEqual(await rig.failuresOf(contactId), [])
  })

  test('a deleted record that is back after its person got another one is a failure that names both', async () => {
    const gun = await lead('back')
    rig.dataverse.remove('lead', gun.id)
    await cycles(21_000)
    const { recordId } = await webhook(gun.marketoId, 'back')
    await cycles(21_000)
    rig.dataverse.restore('lead', gun.id)
    await cycles(21_000)
    assert.deepEqual(await sharedOf(String(recordId)), [['record-shared', gun.id]])
    await assertKeptEqual(String(recordId), gun.marketoId, 'back')
    assert.equal((await sharedOf(String(recordId))).length, 1)

    rig.dataverse.remove('lead', String(recordId))
    await cycles(21_000)
    rig.dataverse.touch('lead', gun.id)
    await cycles(21_000, 21_000)
    assert.deepEqual(await rig.failuresOf(gun.id), [], 'the one that is left is the person’s again')
    await assertKeptEqual(gun.id, gun.marketoId, 'again')
  })

  test('a merge whose deletions are read before it leaves one link as well', async () => {
    const [winner, loser] = [await lead('o-winner'), await lead('o-loser')]
    rig.marketo.setKnobs({ mergeDeletes: true })
    rig.marketo.delayActivities(2 * LIFE_MS)
    rig.marketo.merge(winner.marketoId, [loser.marketoId])
    rig.marketo.setKnobs({ mergeDeletes: false })
    await cycles(LIFE_MS)
    assert.deepEqual(await rig.failuresOf(winner.id), [], 'nothing is known of the merge')
    await cycles(LIFE_MS, LIFE_MS, 21_000)
    assert.deepEqual(await sharedOf(winner.id), [['record-shared', loser.id]])
  })

  for (const gap of ['in one read', 'in two reads'] as const) {
    test(`a chain of merges in Marketo leaves one person, with all records told of (${gap})`, async () => {
      const [a, b, c] = [
        await lead(`${gap}-a`.replaceAll(' ', '')),
        await lead(`${gap}-b`.replaceAll(' ', '')),
        await lead(`${gap}-c`.replaceAll(' ', '')),
      ]
      rig.marketo.merge(b.marketoId, [a.marketoId])
      if (gap === 'in two reads') await cycles(LIFE_MS)
      rig.marketo.merge(c.marketoId, [b.marketoId])
      await cycles(LIFE_MS, 21_000)
      assert.deepEqual(
        (await sharedOf(c.id)).sort(),
        [
          ['record-shared', a.id],
          ['record-shared', b.id],
        ].sort(),
      )
      await assertKeptEqual(c.id, c.marketoId, gap)
    })
  }

  test('a chain of merges in Dynamics leaves one record, with all people told of', async () => {
    const [a, b, c] = [await lead('chain-a'), await lead('chain-b'), await lead('chain-c')]
    rig.dataverse.merge('lead', b.id, a.id)
    rig.dataverse.merge('lead', c.id, b.id)
    await cycles(21_000, 21_000)
    assert.deepEqual(
      (await sharedOf(c.id)).sort(),
      [
        ['person-shared', a.marketoId],
        ['person-shared', b.marketoId],
      ].sort(),
    )
    assert.deepEqual(
      [a, b, c].map((one) => one.person().microsoftIsDeleted ?? false),
      [true, true, false],
    )
    await assertKeptEqual(c.id, c.marketoId, 'chain')
  })

  test('merges that only a full read shows are visible as well', async () => {
    const [winner, loser] = [await lead('full-winner'), await lead('full-loser')]
    rig.dataverse.merge('lead', winner.id, loser.id)
    rig.dataverse.expireTokens('lead')
    await cycles(21_000, 21_000)
    assert.deepEqual(await sharedOf(winner.id), [['person-shared', loser.marketoId]])
    assert.equal(loser.person().microsoftIsDeleted, true)
  })

  test('a lead that was qualified into a contact who is not there stays the person’s, as Qualified', async () => {
    const ann = await lead('q-none')
    rig.dataverse.qualify(ann.id, { contact: false })
    await cycles(21_000)
    assert.deepEqual([ann.person().leadStatus, ann.person().microsoftType], ['Qualified', 'Lead'])

    const bo = await lead('q-gone')
    const { contactId = '' } = rig.dataverse.qualify(bo.id)
    rig.dataverse.remove('contact', contactId)
    await cycles(21_000, 21_000)
    const { leadStatus, microsoftType, microsoftRecordId, microsoftIsDeleted } = bo.person()
    assert.deepEqual(
      [leadStatus, microsoftType, microsoftRecordId, microsoftIsDeleted ?? false],
      ['Qualified', 'Lead', bo.id, false],
    )
    rig.dataverse.update('lead', bo.id, { jobtitle: 'Chef' })
    await cycles(21_000)
    assert.equal(bo.person().title, 'Chef')
  })
}

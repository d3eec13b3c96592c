import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Json, type Pair, type SyncRig, startSyncRig } from './sync-rig.ts'

/** Bad input from either side: a named trouble or a row set aside, the stream goes on, nothing is lost. */

/** A write without an answer may be executed until then. */
const SETTLE_MS = 101_000
const EK = { lastname: 'Ek', subject: 'Fair' }

let rig: SyncRig
before(async () => {
  rig = await startSyncRig()
})
after(() => rig[Symbol.asyncDispose]())

let count = 0
function lead(columns: Json = {}): Promise<Pair> {
  count += 1
  return rig.pair('lead', { ...EK, emailaddress1: `trouble-${count}@example.com`, ...columns })
}

async function calm(cycles = 3): Promise<void> {
  for (let cycle = 0; cycle < cycles; cycle += 1) await rig.cycle(SETTLE_MS)
}

type DataverseBend = Parameters<SyncRig['dataverse']['bend']>[0]
type MarketoBend = Parameters<SyncRig['marketo']['bend']>[0]

const badPages: readonly { what: string; how: DataverseBend['how']; told?: string }[] = [
  {
    what: 'a link to a foreign host',
    how: { kind: 'foreign-link', origin: 'https://elsewhere.example' },
    told: 'foreign-link',
  },
  { what: 'a page for humans', how: { kind: 'html-200' } },
  { what: 'a gateway error', how: { kind: 'html-502-before-commit' } },
  { what: 'a body that ends in the middle', how: { kind: 'cut-body-after-commit', ending: 'clean' } },
  { what: 'a connection that dies', how: { kind: 'cut-body-after-commit', ending: 'abrupt' } },
]
for (const { what, how, told = 'vendor-unavailable' } of badPages) {
  test(`changes of Dynamics that come as ${what} are a named trouble of the cycle, and arrive with the next`, async () => {
    const pair = await lead()
    rig.dataverse.bend({ operation: 'changes', path: /leads/, how })
    rig.dataverse.update('lead', pair.id, { jobtitle: 'Chef' })
    const { result, code } = await rig.cycle()
    assert.deepEqual([result, code], ['partial', told])
    await rig.cycle()
    assert.equal(pair.person().title, 'Chef')
    assert.equal((await rig.status()).state, 'running')
    assert.ok(!rig.log.some((line) => line.includes('elsewhere.example') && line.includes('-call')))
  })
}

const spoilt: readonly { what: string; how: DataverseBend['how']; atOnce: boolean }[] = [
  { what: 'rows come in reverse', how: { kind: 'reverse-rows' }, atOnce: true },
  { what: 'a row lacks its version', how: { kind: 'spoil-row', unset: ['@odata.etag'] }, atOnce: true },
  { what: 'a row lacks its id', how: { kind: 'spoil-row', unset: ['leadid'] }, atOnce: false },
  {
    what: 'a value is none that a column can hold',
    how: { kind: 'spoil-row', set: { jobtitle: { not: 'a value' } } },
    atOnce: false,
  },
]
for (const { what, how, atOnce } of spoilt) {
  test(`where ${what}, the others of the page arrive, and that row ${atOnce ? 'too' : 'with its next change'}`, async () => {
    const [ann, bo] = [await lead(), await lead()]
    rig.dataverse.bend({ operation: 'changes', path: /leads/, how })
    rig.dataverse.update('lead', ann.id, { jobtitle: 'Chef' })
    rig.dataverse.update('lead', bo.id, { jobtitle: 'Boss' })
    assert.equal((await rig.cycle()).result, 'done')
    assert.deepEqual([ann.person().title, bo.person().title], [atOnce ? 'Chef' : undefined, 'Boss'])
    rig.dataverse.update('lead', ann.id, { address1_city: 'Lund' })
    await rig.cycle()
    assert.deepEqual([ann.person().title, ann.person().city], ['Chef', 'Lund'])
  })
}

const badFeeds: readonly { what: string; how: MarketoBend['how'] }[] = [
  { what: 'a page for humans', how: { kind: 'html' } },
  { what: 'a body that ends in the middle', how: { kind: 'cut', ending: 'clean' } },
  { what: 'a connection that dies', how: { kind: 'cut' } },
  { what: 'no JSON at all', how: { kind: 'body', body: 'Hello' } },
  { what: 'an error of Marketo', how: { kind: 'error', code: '611' } },
]
for (const { what, how } of badFeeds) {
  test(`the change log of Marketo that comes as ${what} is read again, and nothing of it is lost`, async () => {
    const pair = await lead()
    rig.marketo.bend({ operation: 'lead-changes', how })
    rig.marketo.update(pair.marketoId, { city: 'Lund' })
    const { result, code } = await rig.cycle()
    assert.deepEqual([result, code], ['partial', 'vendor-unavailable'])
    await rig.cycle()
    assert.equal(pair.lead().address1_city, 'Lund')
  })
}

test('an activity of an unknown type, and one that cannot be read, are passed over', async () => {
  const pair = await lead()
  const entry = { id: 1, marketoGUID: 'g-1', leadId: pair.marketoId, activityDate: '2026-01-01T00:00:00Z' }
  const result = [{ ...entry, activityTypeId: 46_000, attributes: [] }, { ...entry, leadId: 'nobody' }, null]
  const body = { requestId: 'r', success: true, result, nextPageToken: 'odd', moreResult: false }
  rig.marketo.bend({ operation: 'activities', how: { kind: 'body', body: JSON.stringify(body) } })
  await rig.cycle(300_000)
  rig.marketo.update(pair.marketoId, { city: 'Lund' })
  await rig.cycle(300_000)
  await rig.cycle(300_000)
  assert.equal(pair.lead().address1_city, 'Lund')
  assert.ok(rig.log.some((line) => line.includes('entries-unreadable')))
})

test('a lost paging token is replaced: the log is read again from its last entry, and writes nothing twice', async () => {
  const pair = await lead()
  rig.marketo.update(pair.marketoId, { city: 'Lund' })
  await rig.cycle()
  rig.marketo.update(pair.marketoId, { phone: '1' })
  rig.marketo.expirePagingTokens()
  const { toDynamics } = await rig.writesDuring(async () => {
    await rig.cycle()
    await rig.cycle()
  })
  assert.deepEqual(
    toDynamics.map(({ telephone1 }) => telephone1),
    ['1'],
  )
  assert.ok(rig.log.some((line) => line.includes('cursor-lost')))
})

test('an expired change token leads to a full read, which writes nothing where both sides agree', async () => {
  const pair = await lead()
  await calm()
  rig.dataverse.expireTokens('lead')
  rig.dataverse.expireTokens('contact')
  // A first page is read twice where the schema was read again meanwhile: it is the same full read.
  const fullReads = () =>
    new Set(
      rig.log
        .filter((line) => line.includes('full-read'))
        .map((line) => JSON.parse(line))
        .map(({ stream, epoch }) => `${stream} ${epoch}`),
    ).size
  const before = fullReads()
  assert.deepEqual(await rig.writesDuring(() => calm()), { toDynamics: [], toMarketo: [] })
  assert.equal(fullReads(), before + 2)

  rig.dataverse.expireTokens('lead')
  const gone = await lead()
  rig.dataverse.expireTokens('lead')
  rig.dataverse.remove('lead', gone.id)
  rig.dataverse.update('lead', pair.id, { jobtitle: 'Chef' })
  await calm()
  assert.deepEqual([gone.person().microsoftIsDeleted, pair.person().title], [true, 'Chef'])
  assert.equal(pair.person().microsoftIsDeleted ?? false, false)
})

for (const days of [1, -1]) {
  test(`a clock of the service that jumps by ${days} day, and back, loses and doubles nothing`, async () => {
    const pair = await lead()
    for (const [wrongMs, city, title] of [
      [days * 86_400_000, 'Lund', 'Chef'],
      [0, 'Visby', 'Boss'],
    ] as const) {
      rig.mistime(wrongMs)
      rig.marketo.update(pair.marketoId, { city })
      rig.dataverse.update('lead', pair.id, { jobtitle: title })
      const writes = await rig.writesDuring(() => calm())
      assert.deepEqual([pair.lead().address1_city, pair.person().title], [city, title])
      assert.deepEqual([writes.toDynamics.length, writes.toMarketo], [1, ['title']])
    }
    assert.deepEqual(await rig.conflictsOf(pair.id), [])
  })
}

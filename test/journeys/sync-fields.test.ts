import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { defaultSelection } from '../../src/person/selection.ts'
import { OWN, startFieldsRig } from './own-fields.ts'
import { type Json, type Pair, type SyncRig, startSyncRig } from './sync-rig.ts'

/** A value that the other side cannot take, fields that travel one way, and the selection as it is shown. */

let rig: SyncRig
before(async () => {
  rig = await startFieldsRig()
})
after(() => rig[Symbol.asyncDispose]())

let count = 0
function lead(columns: Json = {}): Promise<Pair> {
  count += 1
  const emailaddress1 = `field-${count}@example.com`
  return rig.pair('lead', { lastname: 'Ek', subject: 'Fair', emailaddress1, ...columns })
}

test('one-way fields travel one way, and an edit on the target alone is left until the source speaks', async () => {
  const pair = await lead({ new_fromsales: 'a' })
  rig.marketo.update(pair.marketoId, { toSales: 'b', fromSales: 'changed here' })
  rig.dataverse.update('lead', pair.id, { new_tosales: 'changed there' })
  await rig.cycle()
  assert.deepEqual([pair.lead().new_tosales, pair.person().fromSales], ['b', 'changed here'])
  rig.dataverse.update('lead', pair.id, { new_fromsales: 'c' })
  await rig.cycle()
  assert.equal(pair.person().fromSales, 'c')
})

test('a choice that Dynamics does not have is a failure, and the other fields travel', async () => {
  const pair = await lead()
  rig.marketo.update(pair.marketoId, { segment: 'Wholesale', city: 'Lund' })
  await rig.cycle()
  assert.deepEqual([pair.lead().address1_city, pair.lead().new_segment], ['Lund', undefined])
  assert.equal(pair.person().segment, 'Wholesale')
  const [failure] = await rig.failuresOf(pair.id)
  assert.deepEqual(
    [failure?.code, failure?.field, failure?.side],
    ['option-unknown', 'new_segment', 'dynamics'],
  )
})

interface TooLong {
  side: 'dynamics' | 'marketo'
  field: string
  say: (pair: Pair, length: number) => void
  seen: (pair: Pair) => unknown
}
const tooLong: readonly TooLong[] = [
  {
    side: 'dynamics',
    field: 'new_note',
    say: ({ marketoId }, length) => {
      rig.dataverse.changeColumn('lead', 'new_note', { maxLength: 10 })
      rig.marketo.update(marketoId, { shortNote: 'x'.repeat(length), city: 'Lund' })
    },
    seen: (pair) => pair.lead().new_note,
  },
  {
    side: 'marketo',
    field: 'shortNote',
    say: ({ id }, length) => {
      rig.dataverse.changeColumn('lead', 'new_note', { maxLength: 100 })
      rig.dataverse.update('lead', id, { new_note: 'x'.repeat(length), address1_city: 'Lund' })
    },
    seen: (pair) => pair.person().shortNote,
  },
]
for (const { side, field, say, seen } of tooLong) {
  test(`a text that is too long for ${side} is a failure that is told in both places, and ends with its cause`, async () => {
    const pair = await lead()
    const isCity = () => (side === 'dynamics' ? pair.lead().address1_city : pair.person().city)
    say(pair, side === 'dynamics' ? 15 : 30)
    await rig.cycle(3_600_000)
    await rig.cycle()
    assert.deepEqual([seen(pair), isCity()], [undefined, 'Lund'])
    const [failure, ...more] = await rig.failuresOf(pair.id)
    assert.deepEqual(more, [])
    assert.deepEqual([failure?.code, failure?.field, failure?.side], ['field-too-long', field, side])
    assert.match(String(failure?.advice), /^Shorten the value/)
    assert.deepEqual([failure?.marketoId, failure?.attempts], [pair.marketoId, 1])
    assert.ok(Date.parse(String(failure?.nextAttemptAt)) > Date.now())

    const { body } = await rig.request('GET', `/v1/people/${pair.marketoId}/activities`)
    const told = (body.activities as Json[]).filter(({ code }) => code === 'field-too-long')
    assert.equal(told.length, 1)
    const custom = rig.marketo
      .log()
      .filter(({ leadId, typeId }) => leadId === pair.marketoId && typeId > 1_000)
    assert.equal(custom.length, 1)
    assert.match(JSON.stringify(custom[0]), /field-too-long/)

    say(pair, 5)
    await rig.cycle()
    await rig.cycle()
    assert.equal(seen(pair), 'xxxxx')
    assert.deepEqual(await rig.failuresOf(pair.id), [])
  })
}

test('a retry makes a failed record due and forces nothing; what has not failed cannot be named', async () => {
  const pair = await lead()
  rig.marketo.update(pair.marketoId, { segment: 'Later' })
  await rig.cycle()
  const [failure] = await rig.failuresOf(pair.id)
  const retry = (failureId: unknown) => rig.request('POST', `/v1/sync/failures/${failureId}/retry`)
  assert.equal((await retry(failure?.failureId)).status, 202)
  assert.deepEqual((await rig.writesDuring(() => rig.cycle())).toDynamics, [])
  assert.equal((await rig.failuresOf(pair.id))[0]?.attempts, 2)
  rig.dataverse.changeOption('lead', 'new_segment', 9, 'Later')
  await retry(failure?.failureId)
  await rig.cycle(3_600_000)
  await rig.cycle()
  assert.equal(pair.lead().new_segment, 9)
  assert.deepEqual(await rig.failuresOf(pair.id), [])
  const again = await retry(failure?.failureId)
  assert.deepEqual([again.status, again.body.code], [404, 'unknown-failure'])
})

test('a field that Field Management keeps us out of is found, and the old value does not travel back', async () => {
  const pair = await lead({ jobtitle: 'Buyer' })
  rig.marketo.blockField('title', true)
  rig.dataverse.update('lead', pair.id, { jobtitle: 'Chef' })
  await rig.cycle()
  await rig.cycle(700_000)
  await rig.cycle()
  assert.deepEqual([pair.lead().jobtitle, pair.person().title], ['Chef', 'Buyer'])
  const [failure] = await rig.failuresOf(pair.id)
  assert.deepEqual([failure?.code, failure?.field], ['field-blocked', 'title'])
  rig.marketo.update(pair.marketoId, { city: 'Lund' })
  await rig.cycle()
  assert.deepEqual([pair.lead().jobtitle, pair.lead().address1_city], ['Chef', 'Lund'])

  rig.marketo.blockField('title', false)
  rig.dataverse.update('lead', pair.id, { jobtitle: 'Boss' })
  await rig.cycle()
  await rig.cycle(700_000)
  assert.equal(pair.person().title, 'Boss')
  assert.deepEqual(await rig.failuresOf(pair.id), [])
})

test('a column that Dynamics requires is not emptied: the person keeps the failure until it is filled', async () => {
  const pair = await lead()
  rig.marketo.update(pair.marketoId, { lastName: null, city: 'Lund' })
  await rig.cycle()
  assert.deepEqual([pair.lead().lastname, pair.lead().address1_city], ['Ek', 'Lund'])
  const [failure] = await rig.failuresOf(pair.id)
  assert.deepEqual([failure?.code, failure?.field], ['field-required', 'lastname'])
  rig.marketo.update(pair.marketoId, { lastName: 'Berg' })
  await rig.cycle()
  assert.equal(pair.lead().lastname, 'Berg')
  assert.deepEqual(await rig.failuresOf(pair.id), [])
})

test('GET /v1/sync/fields shows every selected field with both live types', async () => {
  const { body } = await rig.request('GET', '/v1/sync/fields')
  const { lead: lines } = body.fields as { lead: Json[] }
  assert.equal(lines.length, defaultSelection().fields.lead.length + OWN.length)
  const budget = lines.find(({ field }) => field === 'budget')
  const { state, direction, marketo, dynamics } = budget ?? {}
  assert.deepEqual([state, direction], ['ok', 'both'])
  assert.deepEqual([(marketo as Json).type, (dynamics as Json).type], ['currency', 'Money'])
})

test('a selection that would lose values on their way back is refused at the start, with a sentence', async () => {
  const add = [{ marketo: 'visits', lead: 'description', type: 'integer' }]
  const restrict = { mktoPersonNotes: 'exclude' }
  const start = startSyncRig({ settings: { FIELDS_FILE: JSON.stringify({ add, restrict }) } })
  await assert.rejects(
    start,
    /visits on a lead: description \(Memo\) does not give a Marketo integer back as it was/,
  )
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Warning } from '../../src/store/port.ts'
import { created, type Rig, type Settings, startRig, WEBHOOK } from './rig.ts'

const ANN = { email: 'ann@example.com', firstName: 'Ann', lastName: 'Ek', company: 'Ek AB' }

/** A service that may ask a Marketo that has what tells of a person's record. */
async function startWithMarketo(settings: Settings = {}): Promise<Rig> {
  const rig = await startRig()
  for (const name of ['microsoftRecordId', 'microsoftType']) {
    rig.sandbox.marketo.addField({ name, dataType: 'string' })
  }
  await rig.restart({ ...rig.sandbox.marketoEnvironment(), ...settings })
  return rig
}

function questions(rig: Rig): number {
  return rig.sandbox.marketo.calls.filter(({ operation }) => operation === 'leads').length
}

describe('a person who comes with a Marketo id alone', () => {
  it('is completed from Marketo and keyed by e-mail, with one question', async () => {
    await using rig = await startWithMarketo()
    const marketoId = rig.sandbox.marketo.seed(ANN)
    const { body } = await rig.sync({ marketoId })
    assert.equal(body.outcome, 'created')
    const { emailaddress1, firstname, lastname, companyname } =
      rig.sandbox.dataverse.row('lead', String(body.recordId)) ?? {}
    assert.deepEqual(
      { email: emailaddress1, firstName: firstname, lastName: lastname, company: companyname },
      ANN,
    )
    const byEmail = (await rig.sync({ email: 'ANN@example.com' })).body
    const again = (await rig.sync({ marketoId })).body
    assert.deepEqual([byEmail.outcome, byEmail.recordId], ['exists', body.recordId])
    assert.deepEqual([again.outcome, again.recordId], ['exists', body.recordId])
    assert.equal(questions(rig), 1)
  })

  it('is one with the person whom another campaign sent by e-mail (E1)', async () => {
    await using rig = await startWithMarketo()
    const marketoId = rig.sandbox.marketo.seed(ANN)
    const byEmail = (await rig.sync({ email: ANN.email, lastName: 'Ek' })).body
    const byId = (await rig.sync({ marketoId })).body
    assert.deepEqual([byId.outcome, byId.recordId], ['exists', byEmail.recordId])
    assert.equal((await rig.request('GET', `/v1/people/${marketoId}`)).body.recordId, byEmail.recordId)
    assert.equal(created(rig).length, 1)
  })

  it('is adopted when sales had entered that e-mail by hand (E7)', async () => {
    await using rig = await startWithMarketo()
    const recordId = rig.sandbox.dataverse.seed('lead', { lastname: 'Ek', emailaddress1: ANN.email })
    const { body } = await rig.sync({ marketoId: rig.sandbox.marketo.seed(ANN) })
    assert.deepEqual([body.outcome, body.recordId], ['exists', recordId])
  })

  it('is the record that Marketo names, also where neither an e-mail nor a link leads there (E7)', async () => {
    await using rig = await startWithMarketo()
    const { dataverse, marketo } = rig.sandbox
    const recordId = dataverse.seed('contact', { lastname: 'Ek' })
    const named = { microsoftRecordId: `{${recordId.toUpperCase()}}`, microsoftType: 'Contact' }
    const { body } = await rig.sync({ marketoId: marketo.seed({ lastName: 'Ek', ...named }) })
    assert.deepEqual([body.outcome, body.recordId, body.recordType], ['exists', recordId, 'contact'])
    assert.equal(created(rig).filter(({ table }) => table !== 'account').length, 1)

    const wrong = { microsoftRecordId: 'typed by hand', microsoftType: 'Contact' }
    const made = await rig.sync({ marketoId: marketo.seed({ lastName: 'Ek', ...wrong }) })
    assert.equal(made.body.outcome, 'created')
  })

  it('is completed all the same where Marketo was not set up for the sync, which is asked about once', async () => {
    await using rig = await startWithMarketo()
    for (const name of ['microsoftRecordId', 'microsoftType']) rig.sandbox.marketo.removeField(name)
    for (const email of ['one@example.com', 'two@example.com']) {
      const { body } = await rig.sync({ marketoId: rig.sandbox.marketo.seed({ ...ANN, email }) })
      assert.equal(body.outcome, 'created')
    }
    assert.equal(questions(rig), 3)
    assert.ok(!rig.log.some((line) => line.includes('marketo-fields-refused')))
  })

  it('keeps what the caller said', async () => {
    await using rig = await startWithMarketo()
    const { body } = await rig.sync({ marketoId: rig.sandbox.marketo.seed(ANN), lastName: 'Ekström' })
    const row = rig.sandbox.dataverse.row('lead', String(body.recordId))
    assert.deepEqual([row?.firstname, row?.lastname], ['Ann', 'Ekström'])
  })

  it('is asked for once, however many twins come at once (E5)', async () => {
    await using rig = await startWithMarketo()
    const marketoId = rig.sandbox.marketo.seed(ANN)
    const replies = await Promise.all(Array.from({ length: 20 }, () => rig.sync({ marketoId })))
    assert.equal(replies.filter(({ body }) => body.outcome === 'created').length, 1)
    assert.deepEqual([questions(rig), created(rig).length], [1, 1])
  })

  it('waits while Marketo gives no answer, and Dynamics is not asked before', async () => {
    await using rig = await startWithMarketo({ REST_DEADLINE_MS: '100' })
    const marketoId = rig.sandbox.marketo.seed(ANN)
    rig.sandbox.marketo.bend({ operation: 'leads', how: { kind: 'error', code: '606' } })
    const calls = await rig.callsDuring(async () => {
      assert.equal((await rig.sync({ marketoId })).body.outcome, 'queued')
    })
    assert.deepEqual(calls, [])
  })

  it('waits while our access to Marketo is not accepted, and the log says what to do', async () => {
    await using rig = await startWithMarketo({ MARKETO_CLIENT_SECRET: 'wrong', REST_DEADLINE_MS: '500' })
    const marketoId = rig.sandbox.marketo.seed(ANN)
    const { body } = await rig.sync({ marketoId })
    assert.equal(body.outcome, 'queued')
    const errors = rig.log.filter((line) => line.includes('"level":"error"'))
    assert.ok(errors.some((line) => line.includes('marketo-credentials-wrong')))
    await rig.restart(rig.sandbox.marketoEnvironment())
    assert.equal((await rig.outcomeOf(body.requestId)).outcome, 'created')
  })

  for (const [unknownFieldWords, asked] of [
    ['1006', 3],
    ['1003', 2],
  ] as const) {
    it(`is completed without the fields that Marketo does not have, and with all others (${unknownFieldWords})`, async () => {
      const FIELDS_FILE = JSON.stringify({
        add: [
          { marketo: 'noSuchField', type: 'string', lead: 'sic' },
          { marketo: 'norThis', type: 'string', lead: 'yomifirstname' },
        ],
      })
      await using rig = await startWithMarketo({ FIELDS_FILE })
      const { marketo, dataverse } = rig.sandbox
      marketo.setKnobs({ unknownFieldWords })
      const created = async (email: string, said: object = {}) => {
        const { body } = await rig.sync({
          marketoId: marketo.seed({ ...ANN, email, title: 'Buyer' }),
          ...said,
        })
        assert.equal(body.outcome, 'created')
        const { emailaddress1, jobtitle, companyname } = dataverse.row('lead', String(body.recordId)) ?? {}
        assert.deepEqual([emailaddress1, jobtitle, companyname], [email, 'Buyer', 'Ek AB'])
        return body.warnings
      }
      const warning = (field: string) => ({
        field,
        code: 'marketo-field-unknown',
        advice:
          'The record is created without this field. Marketo has no such field: correct its REST name in the field selection.',
      })
      const both = [warning('noSuchField'), warning('norThis')]
      assert.deepEqual(await created('one@example.com'), both)
      assert.equal(questions(rig), asked)
      // What is known to be missing is not asked for again, and said all the same.
      assert.deepEqual(await created('two@example.com'), both)
      assert.equal(questions(rig), asked + 1)
      const said = { norThis: '+46 1' }
      assert.deepEqual(await created('three@example.com', said), [warning('noSuchField')])
      const lines = rig.log.filter((line) => line.includes('marketo-fields-refused'))
      assert.equal(lines.length, 2, 'each field once')
    })
  }

  it('is completed with what every Marketo has when Marketo refuses the fields without naming any', async () => {
    await using rig = await startWithMarketo()
    const { marketo, dataverse } = rig.sandbox
    const refusal = { kind: 'error', code: '1025' } as const
    for (let times = 0; times < 2; times += 1) marketo.bend({ operation: 'leads', how: refusal })
    const { body } = await rig.sync({ marketoId: marketo.seed({ ...ANN, title: 'Buyer' }) })
    assert.equal(body.outcome, 'created')
    const { jobtitle, companyname } = dataverse.row('lead', String(body.recordId)) ?? {}
    assert.deepEqual([jobtitle ?? null, companyname], [null, 'Ek AB'])
    const warned = new Map((body.warnings as Warning[]).map(({ field, code }) => [field, code]))
    assert.deepEqual([warned.get('title'), warned.has('company')], ['marketo-record-refused', false])
  })

  it('is keyed by the id when Marketo does not know them', async () => {
    await using rig = await startWithMarketo()
    const made = (await rig.sync({ marketoId: 999_999, lastName: 'Ek' })).body
    const unnamed = await rig.sync({ marketoId: 999_998 })
    const { code, field, advice } = unnamed.body
    assert.deepEqual(
      [made.outcome, unnamed.status, code, field],
      ['created', 422, 'marketo-person-unknown', 'marketoId'],
    )
    assert.match(String(advice), /Marketo has no person with this id/)
    const nameless = rig.sandbox.marketo.seed({ email: 'x@example.com' })
    assert.equal((await rig.sync({ marketoId: nameless })).body.code, 'field-required')
    const hook = await rig.request('POST', WEBHOOK, { body: Buffer.from('{"marketoId":999997}') })
    assert.deepEqual([hook.body.outcome, hook.body.code], ['failed', 'marketo-person-unknown'])
  })

  it('is keyed by the id where Marketo is not set up', async () => {
    await using rig = await startRig()
    const { body } = await rig.sync({ marketoId: rig.sandbox.marketo.seed(ANN), lastName: 'Ek' })
    assert.equal(body.outcome, 'created')
    assert.equal(questions(rig), 0)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { created, type Rig, startRig } from './rig.ts'

const PERSON = { marketoId: 4711, email: 'ann@example.com', firstName: 'Ann', lastName: 'Ek' }

async function refused(rig: Rig, body: object) {
  const { status, headers, body: problem } = await rig.sync(body)
  assert.equal(status, 422)
  assert.equal(headers.get('content-type'), 'application/problem+json; charset=utf-8')
  assert.equal(problem.outcome, 'failed')
  assert.equal(typeof problem.advice, 'string')
  const { activities } = (await rig.request('GET', '/v1/people/4711/activities')).body
  assert.ok(Array.isArray(activities))
  const { code, field } = problem
  assert.deepEqual([activities[0].outcome, activities[0].code, activities[0].field], ['failed', code, field])
  return [code, field]
}

describe('a person whom Dynamics would refuse is refused before the call, with code, field and advice', () => {
  const cases: [title: string, fields: object, code: string, field: string][] = [
    ['a last name is missing', { lastName: '' }, 'field-required', 'lastname'],
    ['a text is too long', { firstName: 'x'.repeat(51) }, 'field-too-long', 'firstname'],
    [
      'an option is not known',
      { microsoftPreferredMethodOfContact: 'Carrier pigeon' },
      'option-unknown',
      'preferredcontactmethodcode',
    ],
    ['a number is none', { annualRevenue: 'much' }, 'type-mismatch', 'revenue'],
    ['a switch is neither on nor off', { doNotCall: 'perhaps' }, 'type-mismatch', 'donotphone'],
  ]
  for (const [title, fields, code, field] of cases) {
    it(title, async () => {
      await using rig = await startRig()
      assert.deepEqual(await refused(rig, { ...PERSON, ...fields }), [code, field])
      assert.deepEqual(created(rig), [])
    })
  }

  it('and is created once the fault is mended', async () => {
    await using rig = await startRig()
    await refused(rig, { ...PERSON, lastName: '' })
    assert.equal((await rig.sync(PERSON)).body.outcome, 'created')
  })

  it('and a length that the customer has changed is the one that counts', async () => {
    await using rig = await startRig()
    rig.sandbox.dataverse.changeColumn('lead', 'firstname', { maxLength: 3 })
    assert.deepEqual(await refused(rig, { ...PERSON, firstName: 'Anna' }), ['field-too-long', 'firstname'])
  })

  it('but exists when the record is there, whatever is wrong with the data', async () => {
    await using rig = await startRig()
    rig.sandbox.dataverse.seed('lead', { lastname: 'Ek', emailaddress1: PERSON.email })
    assert.equal((await rig.sync({ marketoId: 4711, email: PERSON.email })).body.outcome, 'exists')
  })
})

describe('a person whom Dynamics refuses ends in the same codes', () => {
  const cases: [title: string, status: number, code: string, message: string, expected: unknown[]][] = [
    [
      'when a column was shortened meanwhile',
      400,
      '0x80044331',
      "A validation error occurred.  The length of the 'lastname' attribute of the 'lead' entity exceeded the maximum allowed length of '1'.",
      ['field-too-long', 'lastname'],
    ],
    ['when a plug-in says no', 400, '0x80040265', 'Not on Sundays.', ['business-rule', undefined]],
    [
      'when a duplicate rule finds somebody',
      412,
      '0x80040333',
      'A duplicate.',
      ['duplicate-detected', undefined],
    ],
  ]
  for (const [title, status, code, message, expected] of cases) {
    it(title, async () => {
      await using rig = await startRig()
      rig.sandbox.dataverse.bend({ operation: 'create', how: { kind: 'error', status, code, message } })
      assert.deepEqual(await refused(rig, PERSON), expected)
      assert.equal((await rig.sync(PERSON)).body.outcome, 'created')
    })
  }

  it('when the organisation’s duplicate rule finds another person, unless the rules are switched off', async () => {
    await using rig = await startRig({ DUPLICATE_DETECTION: 'on' })
    rig.sandbox.dataverse.seed('lead', {
      lastname: 'Ek',
      emailaddress2: 'x@example.com',
      emailaddress1: 'b@example.com',
    })
    rig.sandbox.dataverse.bend({
      operation: 'create',
      how: { kind: 'error', status: 412, code: '0x80040333', message: 'A duplicate.' },
    })
    assert.deepEqual(await refused(rig, PERSON), ['duplicate-detected', undefined])
    await rig.restart({ DUPLICATE_DETECTION: 'off' })
    assert.equal((await rig.sync(PERSON)).body.outcome, 'created')
  })

  it('when twins are refused together, the wire is asked once for all of them', async () => {
    await using rig = await startRig({}, { replyDelayMs: 300 })
    await rig.sync({ marketoId: 1, lastName: 'Warm up' })
    rig.sandbox.dataverse.bend({
      operation: 'create',
      how: { kind: 'error', status: 400, code: '0x80040265', message: 'No.' },
    })
    const calls = await rig.callsDuring(async () => {
      const replies = await Promise.all(Array.from({ length: 10 }, () => rig.sync(PERSON)))
      assert.deepEqual(new Set(replies.map(({ status }) => status)), new Set([422]))
    })
    assert.equal(calls.filter(({ method }) => method === 'POST').length, 2)
  })
})

describe('the owner', () => {
  const owners: [
    title: string,
    assignTo: (ids: Rig['sandbox']['dataverse']['ids']) => string,
    owner: string,
  ][] = [
    ['by the user’s e-mail', () => 'Mia.Manager@contoso.example', 'salesManager'],
    ['by the user’s id', (ids) => ids.salesManager, 'salesManager'],
    ['by the user’s id in braces', (ids) => `{${ids.salesManager.toUpperCase()}}`, 'salesManager'],
    ['by a team’s id', (ids) => ids.salesTeam, 'salesTeam'],
  ]
  for (const [title, assignTo, owner] of owners) {
    it(`is set on create ${title}`, async () => {
      await using rig = await startRig()
      const { ids } = rig.sandbox.dataverse
      const { body } = await rig.sync({ person: PERSON, assignTo: assignTo(ids) })
      assert.equal(body.outcome, 'created')
      const row = rig.sandbox.dataverse.row('lead', String(body.recordId))
      assert.equal(row?._ownerid_value, Reflect.get(ids, owner))
    })
  }

  it('that nobody knows is a failure that says so, and so is one who left', async () => {
    await using rig = await startRig()
    const nobody = await refused(rig, { person: PERSON, assignTo: 'nobody@contoso.example' })
    const departed = await refused(rig, { person: PERSON, assignTo: 'dan.departed@contoso.example' })
    assert.deepEqual([nobody[0], departed[0]], ['owner-not-found', 'owner-disabled'])
    assert.deepEqual(created(rig), [])
  })
})

describe('FIELDS_FILE', () => {
  it('adds a column, restricts a field and fills a required one', async () => {
    const FIELDS_FILE = JSON.stringify({
      add: [{ marketo: 'memberNumber', type: 'string', lead: 'sic', direction: 'to-dynamics' }],
      restrict: { leadSource: 'exclude' },
      defaults: { lead: { subject: 'From the fair', lastname: '(unknown)' } },
    })
    await using rig = await startRig({ FIELDS_FILE })
    const { body } = await rig.sync({ marketoId: 1, memberNumber: 'M-7' })
    const { sic, subject, lastname } = rig.sandbox.dataverse.row('lead', String(body.recordId)) ?? {}
    assert.deepEqual(
      { sic, subject, lastname },
      { sic: 'M-7', subject: 'From the fair', lastname: '(unknown)' },
    )
    const other = await rig.sync({ ...PERSON, leadSource: 'Web' })
    assert.deepEqual([other.status, other.body.field], [400, 'person.leadSource'])
  })

  it('that is wrong stops the start with the path of each fault', async () => {
    const FIELDS_FILE = '{"restrict":{"noSuchField":"exclude"},"defaults":{"lead":{"subject":[]}}}'
    await assert.rejects(
      startRig({ FIELDS_FILE }),
      /FIELDS_FILE fields\.json:\n- [\s\S]*\n- [\s\S]*noSuchField/,
    )
  })

  it('with a column that the organisation lacks sets the field aside and says so in the log', async () => {
    const FIELDS_FILE = JSON.stringify({
      add: [{ marketo: 'memberNumber', type: 'string', lead: 'new_nosuchcolumn', direction: 'to-dynamics' }],
    })
    await using rig = await startRig({ FIELDS_FILE })
    assert.equal((await rig.sync({ ...PERSON, memberNumber: '7' })).body.outcome, 'created')
    assert.ok(rig.log.some((line) => line.includes('field-set-aside') && line.includes('new_nosuchcolumn')))
  })
})

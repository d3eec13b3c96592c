import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Sandbox } from '../../sandbox/index.ts'
import { leads, type Rig, startRig } from './rig.ts'

const PERSON = { marketoId: 1, email: 'ng@x.example', lastName: 'Ng', company: 'X', title: 'Boss' }
const prepared = (change: (dataverse: Sandbox['dataverse']) => void) =>
  startRig({}, {}, {}, async ({ dataverse }) => {
    change(dataverse)
    return {}
  })

/** A profile for the application user alone. */
function grant(
  dataverse: Sandbox['dataverse'],
  ...permissions: Parameters<typeof dataverse.addProfile>[1][]
) {
  const id = dataverse.addProfile('Sync', permissions.flat())
  dataverse.assignProfile(id, dataverse.ids.applicationUser)
  return id
}

const hasTitle = (rig: Rig) => leads(rig).some(({ jobtitle }) => jobtitle !== undefined)

test('a person is created without a column that our user may not read, and the answer says so', async () => {
  await using rig = await prepared((dataverse) => dataverse.secureColumn('lead', 'jobtitle', true))
  const { status, body } = await rig.sync(PERSON)
  assert.deepEqual([status, body.outcome], [200, 'created'])
  assert.equal(hasTitle(rig), false)
  const [warning, ...others] = body.warnings as Record<string, string>[]
  assert.deepEqual([warning?.field, warning?.code, others], ['jobtitle', 'column-secured', []])
  assert.match(warning?.advice ?? '', /column security profile/)
})

const grants = [
  { may: { read: true, create: true, update: true }, sent: true },
  { may: { read: true, update: true }, sent: false },
  { may: { create: true, update: true }, sent: false },
]
for (const { may, sent } of grants) {
  test(`a secured column is ${sent ? '' : 'not '}sent with a create where ${Object.keys(may)} is allowed`, async () => {
    await using rig = await prepared((dataverse) => {
      dataverse.secureColumn('lead', 'jobtitle', true)
      grant(dataverse, [{ table: 'lead', column: 'jobtitle', ...may }])
    })
    const { body } = await rig.sync(PERSON)
    assert.equal(body.outcome, 'created')
    assert.equal(hasTitle(rig), sent)
    assert.equal('warnings' in body, !sent)
  })
}

test('what cannot be proven counts as not allowed: the role may not read field permissions', async () => {
  await using rig = await prepared((dataverse) => {
    dataverse.secureColumn('lead', 'jobtitle', true)
    grant(dataverse, [{ table: 'lead', column: 'jobtitle', read: true, create: true }])
    dataverse.denyPrivileges(['prvReadFieldPermission'])
  })
  const { body } = await rig.sync(PERSON)
  assert.equal(body.outcome, 'created')
  assert.deepEqual(
    (body.warnings as Record<string, string>[]).map(({ field }) => field),
    ['jobtitle'],
  )
})

test('nobody is created while the e-mail of records cannot be read, and everybody is once it can', async () => {
  await using rig = await prepared((dataverse) => {
    dataverse.setKnobs({ securedFilter: 'blind' })
    dataverse.seed('contact', { lastname: 'Ng', emailaddress1: PERSON.email })
    dataverse.secureColumn('contact', 'emailaddress1', true)
  })
  const { body } = await rig.request('POST', '/webhooks/marketo/sync-person-to-microsoft', {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(PERSON),
  })
  assert.equal(body.outcome, 'queued')
  assert.deepEqual(leads(rig), [])
  assert.equal(body.code, 'column-secured')
  const { dataverse } = rig.sandbox
  grant(dataverse, [{ table: 'contact', column: 'emailaddress1', read: true }])
  await rig.restart()
  const outcome = await rig.outcomeOf(body.requestId)
  assert.deepEqual([outcome.outcome, outcome.recordType], ['exists', 'contact'])
  assert.deepEqual(leads(rig), [])
})

test('a look-up that is refused for a secured column is for the operator, not for the person', async () => {
  await using rig = await prepared((dataverse) => dataverse.secureColumn('lead', 'emailaddress1', true))
  const { body } = await rig.request('POST', '/webhooks/marketo/sync-person-to-microsoft', {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(PERSON),
  })
  assert.equal(body.outcome, 'queued')
  assert.equal(body.code, 'column-secured')
})

test('a required column that our user may not set is left to sales, and does not keep people out', async () => {
  await using rig = await prepared((dataverse) => dataverse.secureColumn('lead', 'lastname', true))
  const { body } = await rig.sync(PERSON)
  assert.equal(body.outcome, 'created')
  assert.deepEqual(
    (body.warnings as Record<string, string>[]).map(({ field }) => field),
    ['lastname'],
  )
})

test('a create that is refused because the column was secured meanwhile is sent again without it', async () => {
  await using rig = await startRig()
  assert.equal(
    (await rig.sync({ ...PERSON, marketoId: 2, email: 'first@x.example' })).body.outcome,
    'created',
  )
  rig.sandbox.dataverse.secureColumn('lead', 'jobtitle', true)
  const { body } = await rig.sync(PERSON)
  assert.equal(body.outcome, 'created')
  assert.deepEqual(
    (body.warnings as Record<string, string>[]).map(({ field, code }) => [field, code]),
    [['jobtitle', 'column-secured']],
  )
  assert.equal(leads(rig).find(({ emailaddress1 }) => emailaddress1 === PERSON.email)?.jobtitle, undefined)
})

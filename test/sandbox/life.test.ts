import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, rowsOf } from './client.ts'

test('people in sales qualify: the lead is closed and points to the contact, which points back', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const leadId = dataverse.seed('lead', {
    lastname: 'Ek',
    companyname: 'Ek AB',
    emailaddress1: 'ek@example.invalid',
    donotbulkemail: true,
  })
  const { contactId, accountId } = dataverse.qualify(leadId, { account: true })
  const lead = dataverse.row('lead', leadId)
  const contact = dataverse.row('contact', String(contactId))
  assert.deepEqual(
    [lead?.statecode, lead?.statuscode, lead?._parentcontactid_value, lead?._parentaccountid_value],
    [1, 3, contactId, accountId],
  )
  assert.deepEqual(
    [contact?._originatingleadid_value, contact?.emailaddress1, contact?.donotbulkemail],
    [leadId, 'ek@example.invalid', true],
  )
  assert.equal(dataverse.row('account', String(accountId))?.name, 'Ek AB')
  assert.throws(() => dataverse.qualify(leadId), { code: '0x80040519' })
})

test('a lead that has a contact already is qualified into that one', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const contact = dataverse.seed('contact', { lastname: 'Ek' })
  const leadId = dataverse.seed('lead', { lastname: 'Ek', parentcontactid: contact })
  assert.deepEqual(dataverse.qualify(leadId), {})
  assert.equal(dataverse.row('lead', leadId)?._parentcontactid_value, contact)
  assert.equal(dataverse.rows('contact').length, 1)
})

test('disqualifying and assigning are updates by a person', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const id = dataverse.seed('lead', { lastname: 'Ek' })
  dataverse.disqualify(id)
  dataverse.assign('lead', id, dataverse.ids.salesTeam)
  const row = dataverse.row('lead', id)
  assert.deepEqual(
    [row?.statecode, row?.statuscode, row?._ownerid_value, row?._owningteam_value],
    [2, 4, dataverse.ids.salesTeam, dataverse.ids.salesTeam],
  )
  assert.equal(dataverse.commits.at(-1)?.userId, dataverse.ids.salesPerson)
  assert.throws(() => dataverse.assign('lead', id, id), /no user or team/)
})

const tables = [
  ['lead', 2, 7],
  ['contact', 1, 2],
] as const
for (const [table, state, status] of tables) {
  test(`of two merged ${table}s the loser is closed and points to the survivor, which fills its blanks`, async () => {
    await using client = await connect()
    const { dataverse } = client.sandbox
    const survivor = dataverse.seed(table, { lastname: 'Ek', jobtitle: 'Boss' })
    const loser = dataverse.seed(table, { lastname: 'Eck', jobtitle: 'Chief', firstname: 'Ann' })
    dataverse.merge(table, survivor, loser, { lastname: 'Eek' })
    const [kept, gone] = [dataverse.row(table, survivor), dataverse.row(table, loser)]
    assert.deepEqual([kept?.lastname, kept?.jobtitle, kept?.firstname], ['Eek', 'Boss', 'Ann'])
    assert.deepEqual([kept?.merged, kept?.statecode], [false, 0])
    assert.deepEqual(
      [gone?.merged, gone?._masterid_value, gone?.statecode, gone?.statuscode, gone?.lastname],
      [true, survivor, state, status, 'Eck'],
    )
    assert.throws(() => dataverse.merge(table, survivor, loser), { code: '0x80040203' })
  })
}

test('a survivor takes nothing over where the organisation is set so', async () => {
  await using client = await connect({ dataverse: { knobs: { mergeFillsBlanks: false } } })
  const { dataverse } = client.sandbox
  const survivor = dataverse.seed('lead', { lastname: 'Ek' })
  dataverse.merge('lead', survivor, dataverse.seed('lead', { firstname: 'Ann' }))
  assert.equal(dataverse.row('lead', survivor)?.firstname, undefined)
})

test('Merge over the Web API closes the subordinate and answers with nothing', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const [target, subordinate] = ['A', 'B'].map((lastname) => dataverse.seed('contact', { lastname }))
  const reference = (contactid: unknown) => ({ '@odata.type': 'Microsoft.Dynamics.CRM.contact', contactid })
  const body = {
    Target: reference(target),
    Subordinate: reference(subordinate),
    UpdateContent: { '@odata.type': 'Microsoft.Dynamics.CRM.contact', jobtitle: 'Boss' },
    PerformParentingChecks: false,
  }
  const answer = await client.send('POST', 'Merge', body)
  assert.deepEqual([answer.status, answer.text], [204, ''])
  assert.equal(dataverse.row('contact', String(target))?.jobtitle, 'Boss')
  assert.equal(dataverse.row('contact', String(subordinate))?._masterid_value, target)
  const { Target: _, ...without } = body
  assert.equal((await client.send('POST', 'Merge', without)).status, 400)
  assert.equal((await client.send('GET', 'Merge')).status, 405)
})

test('a deleted row is restored with its id and its values, once', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const id = dataverse.seed('lead', { lastname: 'Ek', emailaddress1: 'ek@example.invalid' })
  const Target = { '@odata.type': 'Microsoft.Dynamics.CRM.lead', leadid: id }
  assert.equal((await client.send('POST', 'Restore', { Target })).status, 404)
  await client.send('DELETE', `leads(${id})`)
  assert.equal((await client.send('GET', `leads(${id})`)).status, 404)
  assert.equal((await client.send('POST', 'Restore', { Target })).status, 204)
  const found = await client.send(
    'GET',
    "leads?$select=lastname&$filter=emailaddress1 eq 'ek@example.invalid'",
  )
  assert.deepEqual(
    rowsOf(found).map((row) => [row.leadid, row.lastname]),
    [[id, 'Ek']],
  )
  dataverse.remove('lead', id)
  dataverse.setKnobs({ recycleBin: false })
  assert.throws(() => dataverse.restore('lead', id), { status: 404 })
})

test('an id in the recycle bin can be created anew, and is no longer in the bin', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const id = dataverse.seed('lead', { lastname: 'Old' })
  dataverse.remove('lead', id)
  assert.equal((await client.send('POST', 'leads', { leadid: id, lastname: 'New' })).status, 204)
  dataverse.remove('lead', id)
  dataverse.restore('lead', id)
  assert.equal(dataverse.row('lead', id)?.lastname, 'New')
})

for (const [unchangedWrites, moves] of [
  ['bump', true],
  ['ignore', false],
] as const) {
  test(`a write that changes nothing ${moves ? 'moves' : 'leaves'} etag and version when set to ${unchangedWrites}`, async () => {
    await using client = await connect({ dataverse: { knobs: { unchangedWrites } } })
    const { dataverse } = client.sandbox
    const id = dataverse.seed('lead', { lastname: 'Ek' })
    const read = async () => {
      const { json } = await client.send('GET', `leads(${id})?$select=versionnumber`)
      return [json?.['@odata.etag'], json?.versionnumber]
    }
    const before = await read()
    assert.equal((await client.send('PATCH', `leads(${id})`, { lastname: 'Ek' })).status, 204)
    assert.equal(dataverse.commits.length, moves ? 2 : 1)
    const [etag, version] = await read()
    assert.deepEqual([etag !== before[0], version !== before[1]], [moves, moves])
  })
}

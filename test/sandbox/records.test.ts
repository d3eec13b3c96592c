import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from './client.ts'

const ID = '0b1d7c5e-6c0a-5f1e-9d56-0a2f3f6f8b11'

test('a create with a client id answers 204 with both location headers and no body', async () => {
  await using client = await connect()
  const answer = await client.send('POST', 'leads', { leadid: ID, lastname: 'Ng' })
  const url = `${client.sandbox.dataverse.url}/api/data/v9.2/leads(${ID})`
  assert.deepEqual(
    [answer.status, answer.text, answer.headers.get('location'), answer.headers.get('odata-entityid')],
    [204, '', url, url],
  )
})

test('a create with return=representation answers 201 with the row', async () => {
  await using client = await connect()
  const answer = await client.send(
    'POST',
    'leads?$select=lastname',
    { leadid: ID, lastname: 'Ng' },
    { prefer: 'return=representation' },
  )
  const { '@odata.etag': etag, '@odata.context': context, ...row } = answer.json ?? {}
  assert.equal(answer.status, 201)
  assert.deepEqual(row, { leadid: ID, lastname: 'Ng' })
  assert.equal(etag, answer.headers.get('etag'))
  assert.match(String(context), /#leads\(lastname\)\/\$entity$/)
})

test('of two creates with one id only the first makes a row', async () => {
  await using client = await connect()
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, at) => client.send('POST', 'leads', { leadid: ID, lastname: `N${at}` })),
  )
  const statuses = answers.map(({ status }) => status).sort()
  assert.deepEqual(statuses, [204, ...Array.from({ length: 9 }, () => 412)])
  assert.equal(answers.find(({ status }) => status === 412)?.code, '0x80040237')
  assert.equal(client.sandbox.dataverse.commits.length, 1)
})

test('a lead made from names only gets the recorded defaults', async () => {
  await using client = await connect()
  await client.send('POST', 'leads', { leadid: ID, firstname: 'Ann', lastname: 'Ek' })
  const { json = {} } = await client.send('GET', `leads(${ID})`)
  const expected = {
    fullname: 'Ann Ek',
    leadqualitycode: 2,
    preferredcontactmethodcode: 1,
    donotphone: false,
    donotfax: false,
    donotbulkemail: false,
    donotemail: null,
    emailaddress1: null,
    statecode: 0,
    statuscode: 1,
    _ownerid_value: client.sandbox.dataverse.ids.applicationUser,
  }
  assert.deepEqual(Object.fromEntries(Object.keys(expected).map((name) => [name, json[name]])), expected)
  assert.match(String(json.createdon), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
})

test('an etag has nothing to do with versionnumber', async () => {
  await using client = await connect()
  await client.send('POST', 'leads', { leadid: ID })
  const { json = {} } = await client.send('GET', `leads(${ID})`)
  assert.notEqual(json['@odata.etag'], `W/"${json.versionnumber}"`)
  client.sandbox.dataverse.touch('lead', ID)
  const after = (await client.send('GET', `leads(${ID})`)).json ?? {}
  assert.ok(Number(after.versionnumber) > Number(json.versionnumber))
  assert.deepEqual([after['@odata.etag'], after.modifiedon], [json['@odata.etag'], json.modifiedon])
})

test('If-Match and If-None-Match decide what a PATCH may do', async () => {
  await using client = await connect()
  const patch = (headers: Record<string, string>, lastname = 'B') =>
    client.send('PATCH', `leads(${ID})`, { lastname }, headers)
  const outcome = async (headers: Record<string, string>) => {
    const { status, code } = await patch(headers)
    return [status, code]
  }
  assert.deepEqual(await outcome({ 'if-match': '*' }), [404, '0x80040217'])
  assert.deepEqual(await outcome({ 'if-none-match': '*' }), [204, undefined])
  assert.deepEqual(await outcome({ 'if-none-match': '*' }), [412, '0x80040237'])
  assert.deepEqual(await outcome({ 'if-none-match': 'null' }), [204, undefined])
  const { json } = await client.send('GET', `leads(${ID})`)
  const etag = String(json?.['@odata.etag'])
  assert.deepEqual(await outcome({ 'if-match': etag }), [204, undefined])
  assert.deepEqual(await outcome({ 'if-match': etag }), [412, '0x80060882'])
  const statusOf = async (tag: string) =>
    (await client.send('GET', `leads(${ID})`, undefined, { 'if-none-match': tag })).status
  const current = String((await client.send('GET', `leads(${ID})`)).json?.['@odata.etag'])
  assert.deepEqual([await statusOf(etag), await statusOf(current)], [200, 304])
})

test('a row that was deleted is gone, and its id is free again', async () => {
  await using client = await connect()
  await client.send('POST', 'leads', { leadid: ID })
  const deleted = await client.send('DELETE', `leads(${ID})`)
  assert.deepEqual([deleted.status, deleted.headers.get('location')], [204, null])
  assert.equal((await client.send('GET', `leads(${ID})`)).code, '0x80040217')
  assert.equal((await client.send('DELETE', `leads(${ID})`)).status, 404)
  assert.equal((await client.send('POST', 'leads', { leadid: ID })).status, 204)
  assert.deepEqual(
    client.sandbox.dataverse.commits.map(({ operation }) => operation),
    ['create', 'delete', 'create'],
  )
})

test('required columns are not enforced and columns that cannot be written are ignored', async () => {
  await using client = await connect()
  const body = { leadid: ID, fullname: 'F'.repeat(999), createdon: 'x', merged: true, versionnumber: 1 }
  assert.equal((await client.send('POST', 'leads', body)).status, 204)
  const row = client.sandbox.dataverse.row('lead', ID)
  assert.deepEqual([row?.fullname, row?.merged, row?.subject], [undefined, false, undefined])
})

test('an owner may be a user, a team, or a user by an absolute URL', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const { ids, url } = dataverse
  const owners = [
    [`/systemusers(${ids.salesManager})`, ids.salesManager],
    [`teams(${ids.salesTeam})`, ids.salesTeam],
    [`${url}/api/data/v9.2/systemusers(${ids.salesPerson})`, ids.salesPerson],
  ] as const
  for (const [bind, owner] of owners) {
    const answer = await client.send(
      'POST',
      'contacts?$select=_ownerid_value',
      { 'ownerid@odata.bind': bind },
      { prefer: 'return=representation' },
    )
    assert.equal(answer.json?._ownerid_value, owner)
    const row = dataverse.rows('contact').at(-1)
    assert.equal(owner === ids.salesTeam ? row?._owningteam_value : row?._owninguser_value, owner)
  }
})

test('the commit log holds what was written and by whom, without what the server adds', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const { applicationUser, salesPerson, salesTeam } = dataverse.ids
  await client.send('POST', 'leads', {
    leadid: ID,
    lastname: 'Ek',
    'ownerid@odata.bind': `/teams(${salesTeam})`,
  })
  dataverse.update('lead', ID, { lastname: 'Alm' })
  dataverse.remove('lead', ID)
  assert.deepEqual(
    dataverse.commits.map(({ at, ...commit }) => commit),
    [
      {
        operation: 'create',
        table: 'lead',
        id: ID,
        columns: { leadid: ID, lastname: 'Ek', ownerid: salesTeam },
        userId: applicationUser,
      },
      { operation: 'update', table: 'lead', id: ID, columns: { lastname: 'Alm' }, userId: salesPerson },
      { operation: 'delete', table: 'lead', id: ID, columns: {}, userId: salesPerson },
    ],
  )
})

test('a required column cannot be emptied later', async () => {
  await using client = await connect()
  const id = client.sandbox.dataverse.seed('lead', { subject: 'Topic' })
  client.sandbox.dataverse.changeColumn('lead', 'subject', { required: 'SystemRequired' })
  assert.equal((await client.send('PATCH', `leads(${id})`, { subject: '' })).code, '0x80040200')
  assert.equal(client.sandbox.dataverse.row('lead', id)?.subject, 'Topic')
})

test('a body that is not said to be JSON is refused', async () => {
  await using client = await connect()
  const post = async (type: string) =>
    (await client.send('POST', 'leads', {}, { 'content-type': type })).status
  assert.deepEqual([await post('text/plain'), await post('application/json; charset=utf-8')], [415, 204])
})

test('closing a lead takes the default status of the new state', async () => {
  await using client = await connect()
  await client.send('POST', 'leads', { leadid: ID })
  await client.send('PATCH', `leads(${ID})`, { statecode: 2 })
  const row = client.sandbox.dataverse.row('lead', ID)
  assert.deepEqual([row?.statecode, row?.statuscode], [2, 7])
})

test('qualifying closes the lead and makes a contact that points back to it', async () => {
  await using client = await connect()
  await client.send('POST', 'leads', {
    leadid: ID,
    lastname: 'Ek',
    companyname: 'Ek AB',
    emailaddress1: 'e@x.invalid',
  })
  const call = { CreateAccount: true, CreateContact: true, CreateOpportunity: false, Status: 3 }
  const path = `leads(${ID})/Microsoft.Dynamics.CRM.QualifyLead`
  assert.equal((await client.send('POST', path, call)).status, 200)
  const [contact] = client.sandbox.dataverse.rows('contact')
  const lead = client.sandbox.dataverse.row('lead', ID)
  assert.deepEqual([contact?._originatingleadid_value, contact?.emailaddress1], [ID, 'e@x.invalid'])
  assert.deepEqual([lead?.statecode, lead?._parentcontactid_value], [1, contact?.contactid])
  assert.equal((await client.send('POST', path, call)).code, '0x80040519')
})

test('duplicate rules look before the insert and two creates at once slip through', async () => {
  await using client = await connect()
  client.sandbox.dataverse.setDuplicateRules(true, 20)
  const create = (headers?: Record<string, string>) =>
    client.send('POST', 'leads', { emailaddress1: 'twin@example.invalid' }, headers)
  const detect = { 'MSCRM.SuppressDuplicateDetection': 'false' }
  const twins = await Promise.all([create(detect), create(detect)])
  assert.deepEqual(
    twins.map(({ status }) => status),
    [204, 204],
  )
  assert.deepEqual([(await create(detect)).code, (await create()).status], ['0x80040333', 204])
})

test('a fresh organisation has its stock duplicate rules published, for creates and updates that ask for them', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const email = { emailaddress1: 'twin@example.invalid' }
  const detect = { 'MSCRM.SuppressDuplicateDetection': 'false' }
  const [lead] = [
    dataverse.seed('lead', email),
    dataverse.seed('lead', { emailaddress1: 'Twin@Example.invalid ' }),
  ]
  const codeOf = async (method: string, path: string, body: object, headers?: Record<string, string>) =>
    (await client.send(method, path, body, headers)).code
  const found = '0x80040333'
  assert.equal(await codeOf('POST', 'leads', email, detect), found)
  assert.equal(await codeOf('PATCH', `leads(${ID})`, email, detect), found, 'an upsert that creates')
  assert.equal(await codeOf('POST', 'contacts', email, detect), undefined, 'each table for itself')
  assert.equal(await codeOf('POST', 'leads', { lastname: 'Without' }, detect), undefined)
  assert.equal(
    await codeOf('PATCH', `leads(${lead})`, { jobtitle: 'Chef' }, detect),
    found,
    'it has a look-alike',
  )
  assert.equal(await codeOf('PATCH', `leads(${lead})`, { jobtitle: 'Chef' }), undefined)
  assert.equal(await codeOf('PATCH', `leads(${lead})`, { emailaddress1: null }, detect), undefined)
  assert.equal(await codeOf('PATCH', `leads(${lead})`, { jobtitle: 'Boss' }, detect), undefined)
  dataverse.setDuplicateRules(false)
  assert.equal(await codeOf('POST', 'leads', email, detect), undefined)
  dataverse.reset()
  dataverse.seed('lead', email)
  assert.equal(await codeOf('POST', 'leads', email, detect), found)
})

test('a single column can be read, set and emptied, and a look-up emptied', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const contact = dataverse.seed('contact', { lastname: 'C' })
  await client.send('POST', 'leads', { leadid: ID, 'parentcontactid@odata.bind': `/contacts(${contact})` })
  await client.send('PUT', `leads(${ID})/subject`, { value: 'Hello' })
  assert.equal((await client.send('GET', `leads(${ID})/subject`)).json?.value, 'Hello')
  assert.equal(dataverse.row('lead', ID)?._parentcontactid_value, contact)
  await client.send('DELETE', `leads(${ID})/subject`)
  await client.send('DELETE', `leads(${ID})/parentcontactid/$ref`)
  const row = dataverse.row('lead', ID)
  assert.deepEqual([row?.subject, row?._parentcontactid_value], [undefined, undefined])
})

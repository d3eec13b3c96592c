import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, isRecord, rowsOf } from './client.ts'

const LEAD = "EntityDefinitions(LogicalName='lead')"

test('a table says how it is addressed', async () => {
  await using client = await connect()
  const { json = {} } = await client.send(
    'GET',
    `${LEAD}?$select=EntitySetName,PrimaryIdAttribute,ChangeTrackingEnabled`,
  )
  assert.deepEqual(
    [json.EntitySetName, json.PrimaryIdAttribute, json.ChangeTrackingEnabled],
    ['leads', 'leadid', true],
  )
  const unknown = await client.send('GET', "EntityDefinitions(LogicalName='nope')")
  assert.deepEqual([unknown.status, unknown.code], [404, '0x80060888'])
})

test('the common facts of every column need no cast', async () => {
  await using client = await connect()
  const columns = rowsOf(
    await client.send(
      'GET',
      `${LEAD}/Attributes?$select=LogicalName,AttributeType,RequiredLevel,IsValidForCreate,IsValidForUpdate`,
    ),
  )
  const subject = columns.find((column) => column.LogicalName === 'subject')
  assert.ok(columns.length > 140)
  assert.deepEqual([subject?.AttributeType, subject?.IsValidForCreate], ['String', true])
  assert.ok(isRecord(subject?.RequiredLevel))
  assert.equal(subject.RequiredLevel.Value, 'ApplicationRequired')
})

const casts: [cast: string, query: string, column: string, expected: Record<string, unknown>][] = [
  ['String', '$select=LogicalName,MaxLength,Format', 'emailaddress1', { MaxLength: 100, Format: 'Email' }],
  ['Memo', '$select=LogicalName,MaxLength', 'description', { MaxLength: 2000 }],
  [
    'Integer',
    '$select=LogicalName,MinValue,MaxValue',
    'numberofemployees',
    { MinValue: 0, MaxValue: 1_000_000 },
  ],
  ['Money', '$select=LogicalName,MinValue,Precision', 'revenue', { MinValue: 0, Precision: 2 }],
  ['Lookup', '$select=LogicalName,Targets', 'customerid', { Targets: ['account', 'contact'] }],
  [
    'DateTime',
    '$select=LogicalName,Format,DateTimeBehavior',
    'estimatedclosedate',
    { Format: 'DateOnly', DateTimeBehavior: { Value: 'DateOnly' } },
  ],
]
for (const [cast, query, column, expected] of casts) {
  test(`the cast to ${cast}AttributeMetadata brings the facts of ${column}`, async () => {
    await using client = await connect()
    const path = `${LEAD}/Attributes/Microsoft.Dynamics.CRM.${cast}AttributeMetadata?${query}`
    const found = rowsOf(await client.send('GET', path)).find((row) => row.LogicalName === column)
    assert.deepEqual(Object.fromEntries(Object.keys(expected).map((name) => [name, found?.[name]])), expected)
  })
}

test('option sets come with labels, states and both sides of a boolean when expanded', async () => {
  await using client = await connect()
  const optionSet = async (cast: string, column: string) => {
    const path = `${LEAD}/Attributes/Microsoft.Dynamics.CRM.${cast}AttributeMetadata?$select=LogicalName&$expand=OptionSet,GlobalOptionSet`
    const found = rowsOf(await client.send('GET', path)).find((row) => row.LogicalName === column)
    return JSON.stringify(found?.OptionSet)
  }
  assert.match(
    await optionSet('Picklist', 'leadqualitycode'),
    /"Value":2,"Label":\{"LocalizedLabels":\[\{"Label":"Warm","LanguageCode":1033/,
  )
  assert.match(await optionSet('Status', 'statuscode'), /"Value":3,.*"State":1/)
  assert.match(await optionSet('State', 'statecode'), /"Label":"Disqualified"/)
  assert.match(await optionSet('Boolean', 'donotemail'), /"TrueOption":\{"Value":1/)
})

test('type facts cannot be selected without their cast, and some casts do not exist', async () => {
  await using client = await connect()
  for (const path of [
    `${LEAD}/Attributes?$select=MaxLength`,
    `${LEAD}/Attributes/Microsoft.Dynamics.CRM.EnumAttributeMetadata`,
  ]) {
    assert.equal((await client.send('GET', path)).code, '0x80060888', path)
  }
})

test('relationships name the navigation properties to bind with', async () => {
  await using client = await connect()
  const path = `${LEAD}/ManyToOneRelationships?$select=ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName`
  const customer = rowsOf(await client.send('GET', path)).filter(
    (row) => row.ReferencingAttribute === 'customerid',
  )
  assert.deepEqual(
    customer.map((row) => [row.ReferencedEntity, row.ReferencingEntityNavigationPropertyName]),
    [
      ['account', 'customerid_account'],
      ['contact', 'customerid_contact'],
    ],
  )
})

test('keys, columns and requirement levels follow what is changed', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  assert.deepEqual(rowsOf(await client.send('GET', `${LEAD}/Keys`)), [])
  dataverse.setKeys('lead', [{ schemaName: 'new_Key', columns: ['new_key'], status: 'Active' }])
  dataverse.changeColumn('lead', 'new_key', { maxLength: 64 })
  dataverse.changeColumn('lead', 'subject', { maxLength: 5, required: 'SystemRequired' })
  dataverse.changeColumn('lead', 'fax', { remove: true })
  const [key] = rowsOf(await client.send('GET', `${LEAD}/Keys`))
  assert.deepEqual([key?.KeyAttributes, key?.EntityKeyIndexStatus], [['new_key'], 'Active'])
  assert.equal((await client.send('POST', 'leads', { subject: '123456' })).code, '0x80044331')
  assert.equal((await client.send('POST', 'leads', { fax: '1' })).code, '0x80048d19')
  assert.equal((await client.send('POST', 'leads', { new_key: 'k' })).code, '0x80040200')
  assert.equal((await client.send('POST', 'leads', { new_key: 'k', subject: 's' })).status, 204)
  assert.equal((await client.send('GET', "leads(new_key='K')")).status, 200)
})

test('WhoAmI and RetrieveVersion answer, with and without brackets', async () => {
  await using client = await connect()
  const { ids } = client.sandbox.dataverse
  for (const path of ['WhoAmI', 'WhoAmI()']) {
    assert.equal((await client.send('GET', path)).json?.UserId, ids.applicationUser)
  }
  assert.match(String((await client.send('GET', 'RetrieveVersion()')).json?.Version), /^9\.2\./)
})

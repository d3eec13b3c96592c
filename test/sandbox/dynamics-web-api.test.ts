import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Config, DynamicsWebApi } from 'dynamics-web-api'
import { type Client, connect } from './client.ts'

/** A widely used Dataverse client that knows nothing of us. */
function library(client: Client, config: Partial<Config> = {}): DynamicsWebApi {
  return new DynamicsWebApi({
    serverUrl: client.sandbox.dataverse.url,
    dataApi: { version: '9.2' },
    onTokenRefresh: async () => client.token,
    propagateErrors: true,
    ...config,
  })
}

const ID = '0b1d7c5e-6c0a-5f1e-9d56-0a2f3f6f8b11'
const OTHER = '5a0c2d9e-11aa-5b77-8c0e-64d5a7f0c222'

test('dynamics-web-api creates a lead with its own id, owner and parent, and reads it back', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const contact = dataverse.seed('contact', { lastname: 'Parent' })
  const api = library(client, { includeAnnotations: '*' })
  const data = {
    leadid: ID,
    lastname: 'Ek 🦊 "quoted"',
    leadsourcecode: 8,
    'ownerid@odata.bind': `systemusers(${dataverse.ids.salesManager})`,
    'parentcontactid@odata.bind': `contacts(${contact})`,
  }
  assert.equal(await api.create({ collection: 'leads', data }), ID)
  const lead = await api.retrieve({
    collection: 'leads',
    key: ID,
    select: ['lastname', 'leadsourcecode', '_ownerid_value', '_parentcontactid_value', 'createdon'],
  })
  assert.deepEqual(
    [lead.lastname, lead.leadsourcecode_Formatted, lead._ownerid_value, lead._parentcontactid_value],
    ['Ek 🦊 "quoted"', 'Web', dataverse.ids.salesManager, contact],
  )
  assert.equal(lead._parentcontactid_value_LogicalName, 'contact')
  assert.ok(lead.createdon instanceof Date)
})

test('dynamics-web-api is told the row when it asks for a representation', async () => {
  await using client = await connect()
  const data: Record<string, unknown> = { lastname: 'Ek', firstname: 'Ann' }
  const row = await library(client).create({
    collection: 'contacts',
    data,
    returnRepresentation: true,
    select: ['fullname'],
  })
  assert.equal(row.fullname, 'Ann Ek')
})

test('dynamics-web-api meets a taken id as 412 with its code', async () => {
  await using client = await connect()
  const api = library(client)
  await api.create({ collection: 'leads', data: { leadid: ID } })
  await assert.rejects(api.create({ collection: 'leads', data: { leadid: ID } }), (error: unknown) => {
    assert.ok(typeof error === 'object' && error !== null && 'status' in error && 'code' in error)
    assert.deepEqual([error.status, error.code], [412, '0x80040237'])
    return true
  })
})

test('dynamics-web-api updates only the version it read', async () => {
  await using client = await connect()
  const api = library(client)
  await api.create({ collection: 'leads', data: { leadid: ID, lastname: 'A' } })
  const { oDataContext, ...read } = await api.retrieve({ collection: 'leads', key: ID, select: ['lastname'] })
  const ifmatch = String(read['@odata.etag'])
  const update = (lastname: string) =>
    api.update({ collection: 'leads', key: ID, ifmatch, data: { lastname } })
  await update('B')
  await assert.rejects(update('C'), { status: 412 })
  assert.equal(client.sandbox.dataverse.row('lead', ID)?.lastname, 'B')
  assert.match(String(oDataContext), /#leads\(lastname\)/)
})

test('dynamics-web-api upserts, with and without the condition that the row is new', async () => {
  await using client = await connect()
  const api = library(client)
  const upsert = (lastname: string, ifnonematch?: string) =>
    api.upsert({ collection: 'leads', key: ID, data: { lastname }, ...(ifnonematch ? { ifnonematch } : {}) })
  await upsert('A', '*')
  await assert.rejects(upsert('B', '*'), { status: 412 })
  await upsert('C')
  assert.equal(client.sandbox.dataverse.row('lead', ID)?.lastname, 'C')
})

test('dynamics-web-api filters, orders, counts and follows pages to the end', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  for (let at = 0; at < 12; at += 1) dataverse.seed('lead', { lastname: "O'Brien", numberofemployees: at })
  dataverse.seed('lead', { lastname: 'Ek' })
  const api = library(client, { maxPageSize: 5 })
  const query = {
    collection: 'leads',
    select: ['numberofemployees'],
    filter: "lastname eq 'O''Brien' and statecode eq 0",
    orderBy: ['numberofemployees desc'],
    count: true,
  }
  const first = await api.retrieveMultiple(query)
  assert.deepEqual([first.value.length, first.oDataCount], [5, 12])
  const all = await api.retrieveAll(query)
  assert.deepEqual(
    all.value.map((row) => row.numberofemployees),
    [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
  )
})

test('dynamics-web-api tracks changes: a first read, then deltas with rows and tombstones', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const ids = ['A', 'B', 'C'].map((lastname) => dataverse.seed('lead', { lastname }))
  const api = library(client)
  const query = { collection: 'leads', select: ['lastname'], trackChanges: true, maxPageSize: 2 }
  const first = await api.retrieveMultiple(query)
  const second = await api.retrieveMultiple(query, first.oDataNextLink)
  assert.deepEqual(
    [first, second].map((page) => page.value.map((row) => row.lastname)),
    [['A', 'B'], ['C']],
  )
  dataverse.update('lead', String(ids[0]), { lastname: 'A2' })
  dataverse.remove('lead', String(ids[1]))
  const delta = await api.retrieveMultiple(query, second.oDataDeltaLink)
  const [changed, gone] = delta.value
  assert.deepEqual([changed.lastname, gone.id, gone.reason], ['A2', ids[1], 'deleted'])
  dataverse.changeColumn('lead', 'jobtitle', { remove: true })
  await assert.rejects(api.retrieveMultiple(query, delta.oDataDeltaLink), { code: '0x80044352' })
})

test('dynamics-web-api finds a row by an alternate key', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  dataverse.setKeys('lead', [{ schemaName: 'new_Key', columns: ['emailaddress1'], status: 'Active' }])
  const id = dataverse.seed('lead', { emailaddress1: 'o.brien@example.invalid' })
  const key = "emailaddress1='O.Brien@example.invalid'"
  const lead = await library(client).retrieve({ collection: 'leads', key, select: ['leadid'] })
  assert.equal(lead.leadid, id)
})

test('dynamics-web-api reads a batch with a change set, and an error in the middle of one', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const api = library(client)
  dataverse.seed('contact', { lastname: 'C' })
  api.startBatch()
  void api.create({ collection: 'leads', data: { leadid: ID, lastname: 'A' } })
  void api.create({ collection: 'leads', data: { leadid: OTHER, lastname: 'B' } })
  void api.retrieveMultiple({ collection: 'contacts', select: ['lastname'] })
  const [first, second, contacts] = await api.executeBatch()
  assert.deepEqual([first, second, contacts.value[0].lastname], [ID, OTHER, 'C'])

  api.startBatch()
  void api.create({ collection: 'leads', data: { leadid: ID }, inChangeSet: false })
  void api.deleteRecord({ collection: 'leads', key: OTHER, inChangeSet: false })
  const [refused] = await api.executeBatch({ continueOnError: true })
  assert.deepEqual([refused.status, refused.error.code], [412, '0x80040237'])
  assert.equal(dataverse.row('lead', OTHER), undefined)
})

test('dynamics-web-api reads the metadata of a table, its columns, option sets and relationships', async () => {
  await using client = await connect()
  const api = library(client)
  const key = "LogicalName='lead'"
  const entity = await api.retrieveEntity({ key, select: ['EntitySetName', 'PrimaryIdAttribute'] })
  assert.deepEqual([entity.EntitySetName, entity.PrimaryIdAttribute], ['leads', 'leadid'])
  const picklists = await api.retrieveAttributes({
    entityKey: key,
    castType: 'Microsoft.Dynamics.CRM.PicklistAttributeMetadata',
    select: ['LogicalName'],
    expand: [{ property: 'OptionSet', select: ['Options'] }],
  })
  const source = picklists.value.find((column) => column.LogicalName === 'leadsourcecode')
  assert.equal(source.OptionSet.Options[7].Label.UserLocalizedLabel.Label, 'Web')
  const one = await api.retrieveAttribute({
    entityKey: key,
    attributeKey: "LogicalName='subject'",
    castType: 'Microsoft.Dynamics.CRM.StringAttributeMetadata',
  })
  assert.equal(one.MaxLength, 300)
})

test('dynamics-web-api calls functions and the qualify action', async () => {
  await using client = await connect()
  const api = library(client)
  const who = await api.callFunction({ name: 'WhoAmI' })
  assert.equal(who.UserId, client.sandbox.dataverse.ids.applicationUser)
  await api.create({ collection: 'leads', data: { leadid: ID, lastname: 'Ek' } })
  const made = await api.callAction({
    collection: 'leads',
    key: ID,
    actionName: 'Microsoft.Dynamics.CRM.QualifyLead',
    action: { CreateAccount: false, CreateContact: true, CreateOpportunity: false, Status: 3 },
  })
  assert.equal(made.value.length, 1)
})

test('dynamics-web-api meets refusals and throttling as errors with the vendor code', async () => {
  await using client = await connect()
  const api = library(client)
  client.sandbox.dataverse.bend({ how: { kind: 'throttle', code: '0x80072322', retryAfter: '9' } })
  await assert.rejects(api.retrieve({ collection: 'leads', key: ID }), { status: 429, code: '0x80072322' })
  await assert.rejects(api.retrieve({ collection: 'leads', key: ID }), { status: 404, code: '0x80040217' })
  const tooLong = { collection: 'leads', data: { lastname: 'x'.repeat(51) } }
  await assert.rejects(api.create(tooLong), { status: 400, code: '0x80044331' })
})

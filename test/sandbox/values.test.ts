import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Client, connect, isRecord, rowsOf } from './client.ts'

/** What columns make of values: choices in a list, labels of yes and no, precision, and how texts compare. */

const LEAD = "EntityDefinitions(LogicalName='lead')"
const COLOURS = [
  { value: 1, label: 'Red' },
  { value: 2, label: 'Green' },
  { value: 30, label: 'Blue' },
]
let client: Client
before(async () => {
  client = await connect()
  const { dataverse } = client.sandbox
  dataverse.changeColumn('lead', 'new_colours', { type: 'MultiSelectPicklist', options: COLOURS })
  dataverse.changeColumn('lead', 'new_vip', {
    type: 'Boolean',
    options: [
      { value: 0, label: 'Ordinary' },
      { value: 1, label: 'Very important' },
    ],
  })
  dataverse.changeColumn('lead', 'new_ratio', { type: 'Decimal', precision: 3 })
})
after(() => client[Symbol.asyncDispose]())

const attributes = async (cast: string, more = '') =>
  rowsOf(
    await client.send('GET', `${LEAD}/Attributes/Microsoft.Dynamics.CRM.${cast}AttributeMetadata${more}`),
  )

async function create(columns: object) {
  return client.send(
    'POST',
    'leads?$select=new_colours,new_vip,new_ratio,revenue,address1_latitude',
    columns,
    {
      prefer: 'return=representation,odata.include-annotations="*"',
    },
  )
}

test('a choices column is Virtual by its type and says by the name of its type what it is', async () => {
  const [column] = await attributes(
    'MultiSelectPicklist',
    '?$select=LogicalName&$expand=OptionSet,GlobalOptionSet',
  )
  assert.equal(column?.LogicalName, 'new_colours')
  assert.ok(isRecord(column?.OptionSet))
  assert.equal((column.OptionSet.Options as unknown[]).length, 3)
  const common = rowsOf(
    await client.send('GET', `${LEAD}/Attributes?$select=LogicalName,AttributeType,AttributeTypeName`),
  )
  const found = common.find(({ LogicalName }) => LogicalName === 'new_colours')
  assert.deepEqual(
    [found?.AttributeType, found?.AttributeTypeName],
    ['Virtual', { Value: 'MultiSelectPicklistType' }],
  )
})

test('choices are numbers in a text, kept once each and in order, and null when there are none', async () => {
  const made = await create({ new_colours: '30, 1,30' })
  assert.equal(made.json?.new_colours, '1,30')
  assert.equal(made.json?.['new_colours@OData.Community.Display.V1.FormattedValue'], 'Red; Blue')
  assert.equal((await create({ new_colours: '' })).json?.new_colours, null)
})

for (const [colours, code] of [
  ['1,7', '0x8004431a'],
  ['Red', '0x80048d19'],
  [1, '0x80048d19'],
] as const) {
  test(`the choices ${JSON.stringify(colours)} are refused`, async () => {
    const refused = await create({ new_colours: colours })
    assert.deepEqual([refused.status, refused.code], [400, code])
  })
}

test('more than 150 choices are refused', async () => {
  const options = Array.from({ length: 151 }, (_, value) => ({ value, label: `Number ${value}` }))
  client.sandbox.dataverse.changeColumn('lead', 'new_many', { type: 'MultiSelectPicklist', options })
  const list = (count: number) => ({
    new_many: options
      .slice(0, count)
      .map(({ value }) => value)
      .join(','),
  })
  assert.equal((await create(list(150))).status, 201)
  assert.equal((await create(list(151))).code, '0x80050222')
})

test('yes and no have the labels of the customer', async () => {
  const columns = await attributes('Boolean', '?$select=LogicalName&$expand=OptionSet')
  const labels = (name: string) => JSON.stringify(columns.find(({ LogicalName }) => LogicalName === name))
  assert.match(labels('new_vip'), /Very important.*Ordinary/)
  assert.match(labels('donotphone'), /"Yes".*"No"/)
  const made = await create({ new_vip: true })
  assert.equal(made.json?.['new_vip@OData.Community.Display.V1.FormattedValue'], 'Very important')
})

test('numbers are rounded to the precision of their column', async () => {
  const { json } = await create({ new_ratio: 0.12346, revenue: 99.999, address1_latitude: 12.3456789 })
  assert.deepEqual([json?.new_ratio, json?.revenue, json?.address1_latitude], [0.123, 100, 12.34568])
})

for (const column of ['emailaddress1', 'jobtitle']) {
  test(`${column} equals a text of another case and without its blanks at the end`, async () => {
    const id = client.sandbox.dataverse.seed('lead', { [column]: 'Ann@Example.com  ' })
    const find = async (text: string) =>
      rowsOf(await client.send('GET', `leads?$select=leadid&$filter=${column} eq '${text}'`)).map(
        ({ leadid }) => leadid,
      )
    assert.deepEqual(await find('ann@example.COM'), [id])
    assert.deepEqual(await find('Ann@Example.com   '), [id])
    assert.deepEqual(await find(' Ann@Example.com'), [])
  })
}

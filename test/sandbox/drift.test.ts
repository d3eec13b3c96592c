import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DataverseSandbox } from '../../sandbox/index.ts'
import { type Client, connect, isRecord, rowsOf } from './client.ts'

async function column(client: Client, name: string, cast: string): Promise<Record<string, unknown>> {
  const path = `EntityDefinitions(LogicalName='lead')/Attributes(LogicalName='${name}')`
  const expand = cast === 'Picklist' ? '?$select=LogicalName&$expand=OptionSet' : ''
  const answer = await client.send('GET', `${path}/Microsoft.Dynamics.CRM.${cast}AttributeMetadata${expand}`)
  assert.equal(answer.status, 200, answer.text)
  return answer.json ?? {}
}

async function isThere(client: Client, name: string): Promise<boolean> {
  const answer = await client.send(
    'GET',
    "EntityDefinitions(LogicalName='lead')/Attributes?$select=LogicalName",
  )
  return rowsOf(answer).some((row) => row.LogicalName === name)
}

const drifts: [name: string, change: (dataverse: DataverseSandbox) => void][] = [
  ['a column is removed', (d) => d.changeColumn('lead', 'jobtitle', { remove: true })],
  ['a column is added', (d) => d.changeColumn('lead', 'new_synctomkto', { type: 'Boolean' })],
  ['a column is renamed', (d) => d.renameColumn('lead', 'jobtitle', 'new_jobtitle')],
  ['a column gets another type', (d) => d.changeColumn('lead', 'jobtitle', { type: 'Integer' })],
  ['a column is shortened', (d) => d.changeColumn('lead', 'jobtitle', { maxLength: 5 })],
  ['a column is required', (d) => d.changeColumn('lead', 'jobtitle', { required: 'SystemRequired' })],
  ['an option is removed', (d) => d.changeOption('lead', 'leadsourcecode', 8, undefined)],
  ['an option is renamed', (d) => d.changeOption('lead', 'leadsourcecode', 8, 'Internet')],
  ['tokens expire', (d) => d.expireTokens('lead')],
  ['everything is reset', (d) => d.reset()],
]
for (const [name, change] of drifts) {
  test(`when ${name}, delta tokens of the table are void and others are not`, async () => {
    await using client = await connect()
    const { dataverse } = client.sandbox
    dataverse.seed('lead', { lastname: 'A', jobtitle: 'Boss' })
    const begin = async (set: string) => {
      const answer = await client.send('GET', `${set}?$select=lastname`, undefined, {
        prefer: 'odata.track-changes',
      })
      return String(answer.json?.['@odata.deltaLink']).replace(/^.*\/v9\.2\//, '')
    }
    const [leads, contacts] = [await begin('leads'), await begin('contacts')]
    change(dataverse)
    const refused = await client.send('GET', leads)
    assert.deepEqual([refused.status, refused.code], [400, '0x80044352'])
    assert.match(refused.text, /Please perform a full sync/)
    if (name !== 'everything is reset') assert.equal((await client.send('GET', contacts)).status, 200)
    assert.equal((await client.send('GET', await begin('leads'))).status, 200)
  })
}

test('a first read goes on when the schema changes, but its delta link is void', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  for (const lastname of ['A', 'B', 'C']) dataverse.seed('lead', { lastname })
  const below = (link: unknown) => String(link).replace(/^.*\/v9\.2\//, '')
  const prefer = { prefer: 'odata.track-changes,odata.maxpagesize=2' }
  const first = await client.send('GET', 'leads?$select=lastname', undefined, prefer)
  dataverse.changeColumn('lead', 'jobtitle', { maxLength: 5 })
  const last = await client.send('GET', below(first.json?.['@odata.nextLink']), undefined, prefer)
  assert.deepEqual(
    rowsOf(last).map((row) => row.lastname),
    ['C'],
  )
  const refused = await client.send('GET', below(last.json?.['@odata.deltaLink']))
  assert.equal(refused.code, '0x80044352')
})

test('a removed column is gone from metadata and rows, and empty when it comes back', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const id = dataverse.seed('lead', { lastname: 'A', jobtitle: 'Boss' })
  dataverse.changeColumn('lead', 'jobtitle', { remove: true })
  assert.equal(await isThere(client, 'jobtitle'), false)
  const read = await client.send('GET', `leads(${id})?$select=jobtitle`)
  const write = await client.send('PATCH', `leads(${id})`, { jobtitle: 'x' })
  assert.deepEqual([read.code, write.code], ['0x80060888', '0x80048d19'])
  dataverse.changeColumn('lead', 'jobtitle', {})
  assert.equal((await client.send('GET', `leads(${id})?$select=jobtitle`)).json?.jobtitle, null)
})

test('a renamed column keeps what the rows hold, those in the recycle bin too', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const [kept, deleted] = ['A', 'B'].map((jobtitle) => dataverse.seed('lead', { jobtitle }))
  dataverse.remove('lead', String(deleted))
  dataverse.renameColumn('lead', 'jobtitle', 'new_title')
  dataverse.restore('lead', String(deleted))
  assert.deepEqual(
    [kept, deleted].map((id) => dataverse.row('lead', String(id))?.new_title),
    ['A', 'B'],
  )
  assert.deepEqual([await isThere(client, 'jobtitle'), await isThere(client, 'new_title')], [false, true])
  assert.throws(() => dataverse.renameColumn('lead', 'new_title', 'lastname'), /has a column lastname/)
})

test('a column of another type is empty, and takes values of that type only', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const id = dataverse.seed('lead', { jobtitle: 'Boss' })
  dataverse.changeColumn('lead', 'jobtitle', { type: 'DateTime' })
  assert.equal(dataverse.row('lead', id)?.jobtitle, undefined)
  const { DateTimeBehavior } = await column(client, 'jobtitle', 'DateTime')
  assert.deepEqual(DateTimeBehavior, { Value: 'UserLocal' })
  assert.equal((await client.send('PATCH', `leads(${id})`, { jobtitle: 'Boss' })).code, '0x80048d19')
})

test('a shortened column keeps long values and refuses new ones', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const id = dataverse.seed('lead', { jobtitle: 'Director' })
  dataverse.changeColumn('lead', 'jobtitle', { maxLength: 5 })
  assert.equal((await column(client, 'jobtitle', 'String')).MaxLength, 5)
  assert.equal(dataverse.row('lead', id)?.jobtitle, 'Director')
  assert.equal((await client.send('PATCH', `leads(${id})`, { jobtitle: 'Manager' })).code, '0x80044331')
})

test('a column that becomes required refuses rows without it', async () => {
  await using client = await connect()
  client.sandbox.dataverse.changeColumn('lead', 'jobtitle', { required: 'SystemRequired' })
  assert.equal((await client.send('POST', 'leads', { lastname: 'A' })).code, '0x80040200')
})

test('an option is renamed, added and removed; a row that holds it keeps it', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const id = dataverse.seed('lead', { leadsourcecode: 8 })
  dataverse.changeOption('lead', 'leadsourcecode', 1, 'Advert')
  dataverse.changeOption('lead', 'leadsourcecode', 100, 'Podcast')
  dataverse.changeOption('lead', 'leadsourcecode', 8, undefined)
  const { OptionSet } = await column(client, 'leadsourcecode', 'Picklist')
  assert.ok(isRecord(OptionSet) && Array.isArray(OptionSet.Options))
  const values = OptionSet.Options.filter(isRecord).map(({ Value }) => Value)
  assert.deepEqual(values, [1, 2, 3, 4, 5, 6, 7, 9, 10, 100])
  assert.match(JSON.stringify(OptionSet.Options[0]), /"Advert"/)
  assert.equal(dataverse.row('lead', id)?.leadsourcecode, 8)
  assert.equal((await client.send('PATCH', `leads(${id})`, { leadsourcecode: 8 })).code, '0x8004431a')
  assert.throws(() => dataverse.changeOption('lead', 'leadsourcecode', 8, undefined), /has no option 8/)
})

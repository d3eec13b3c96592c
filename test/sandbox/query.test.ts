import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseFilter } from '../../sandbox/dataverse/filter.ts'
import { matching } from '../../sandbox/dataverse/match.ts'
import { Rows } from '../../sandbox/dataverse/rows.ts'
import { requireTable, stockTables } from '../../sandbox/dataverse/table.ts'
import { type Client, connect, rowsOf } from './client.ts'

async function withPeople(): Promise<Client> {
  const client = await connect()
  const people = [
    { lastname: 'Alm', firstname: 'Bo', emailaddress1: 'BO@example.invalid', numberofemployees: 5 },
    { lastname: "O'Brien", firstname: 'Cy', emailaddress1: 'cy@example.invalid', numberofemployees: 50 },
    { lastname: 'Ek', firstname: 'Ann', numberofemployees: 500, donotemail: true, statecode: 2 },
  ]
  for (const person of people) client.sandbox.dataverse.seed('lead', person)
  return client
}

const filters: [filter: string, lastnames: string[]][] = [
  ["emailaddress1 eq 'bo@EXAMPLE.invalid'", ['Alm']],
  ["lastname eq 'O''Brien'", ["O'Brien"]],
  ["lastname ne 'alm'", ['Ek', "O'Brien"]],
  ['emailaddress1 eq null', ['Ek']],
  ['emailaddress1 ne null', ['Alm', "O'Brien"]],
  ["emailaddress1 ne 'bo@example.invalid'", ['Ek', "O'Brien"]],
  ['numberofemployees gt 5 and numberofemployees le 500', ['Ek', "O'Brien"]],
  ['numberofemployees lt 50 or numberofemployees ge 500', ['Alm', 'Ek']],
  ["not (statecode eq 0) or (lastname eq 'Alm' and numberofemployees eq 5)", ['Alm', 'Ek']],
  ["not contains(lastname,'b') and statecode eq 0", ['Alm']],
  ["startswith(lastname,'O''')", ["O'Brien"]],
  ["endswith(emailaddress1,'.INVALID')", ['Alm', "O'Brien"]],
  ["contains(lastname,'A_m')", ['Alm']],
  ["startswith(lastname,'%l')", ['Alm']],
  ['donotemail eq true', ['Ek']],
  ['createdon lt 2001-01-01T00:00:00Z', []],
  ["emailaddress1 eq 'bo@example.invalid' and emailaddress1 eq 'cy@example.invalid'", []],
  [
    `Microsoft.Dynamics.CRM.In(PropertyName='emailaddress1',PropertyValues=["bo@example.invalid","cy@example.invalid"])`,
    ['Alm', "O'Brien"],
  ],
  [`Microsoft.Dynamics.CRM.In(PropertyName='statuscode',PropertyValues=["1"])`, ['Alm', "O'Brien"]],
]
for (const [filter, lastnames] of filters) {
  test(`$filter=${filter} finds ${lastnames.join(' and ') || 'nobody'}`, async () => {
    await using client = await withPeople()
    const answer = await client.send('GET', `leads?$select=lastname&$filter=${encodeURIComponent(filter)}`)
    assert.deepEqual(
      rowsOf(answer)
        .map((row) => row.lastname)
        .sort(),
      lastnames,
    )
  })
}

const badQueries: [query: string, message: RegExp][] = [
  ["$filter=lastname eq 'O'Brien'", /unterminated|Syntax error/],
  ["$filter=lastname eq 'Alm", /There is an unterminated literal at position 16 in 'lastname eq 'Alm'\./],
  ["$filter=nope eq 'x'", /Could not find a property named 'nope' on type 'Microsoft.Dynamics.CRM.lead'/],
  ["$filter=ownerid eq 'x'", /Could not find a property named 'ownerid'/],
  [
    "$filter=leadid eq guid'4dee45e3-fbad-eb11-8236-000d3ae8bdbd'",
    /literal 'guid'4dee45e3-fbad-eb11-8236-000d3ae8bdbd'' at '10'/,
  ],
  ["$filter=leadid eq '4dee45e3-fbad-eb11-8236-000d3ae8bdbd'", /incompatible types/],
  ['$filter=lastname eq 7', /incompatible types/],
  ['$filter=lastname eq', /Syntax error/],
  [`$filter=${'('.repeat(5000)}`, /recursion limit/],
  ['$select=lastname,nope', /Could not find a property named 'nope'/],
  ['$select=ownerid', /Could not find a property named 'ownerid'/],
  ['$orderby=nope', /Could not find a property named 'nope'/],
  ['$skip=5', /Skip Clause is not supported in CRM/],
  ['$top=0', /Invalid value '0'/],
]
for (const [query, message] of badQueries) {
  test(`${query.slice(0, 60)} is refused with 0x80060888`, async () => {
    await using client = await withPeople()
    const answer = await client.send('GET', `leads?${query}`)
    assert.deepEqual([answer.status, answer.code], [400, '0x80060888'])
    assert.match(answer.text, message)
  })
}

test('aliases, + for a space and %24 for $ are understood', async () => {
  await using client = await withPeople()
  const filter = 'Microsoft.Dynamics.CRM.In(PropertyName=@p1,PropertyValues=@p2)'
  const aliases = `@p1='emailaddress1'&@p2=${encodeURIComponent('["bo@example.invalid"]')}`
  const query = `%24select=lastname&%24filter=${filter}+and+statecode+eq+0&${aliases}`
  assert.deepEqual(
    rowsOf(await client.send('GET', `leads?${query}`)).map((row) => row.lastname),
    ['Alm'],
  )
})

test('$select is not obeyed to the letter', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const id = dataverse.seed('lead', { revenue: 5, address1_line1: 'Street 1', address1_city: 'Town' })
  const { json = {} } = await client.send('GET', `leads(${id})?$select=revenue,subject,address1_city`)
  assert.deepEqual(Object.keys(json), [
    '@odata.context',
    '@odata.etag',
    'address1_city',
    'address1_composite',
    'leadid',
    'revenue',
    'subject',
    '_transactioncurrencyid_value',
  ])
  assert.deepEqual(
    [json.address1_composite, json.subject, json._transactioncurrencyid_value],
    ['Street 1\r\nTown', null, dataverse.ids.currency],
  )
})

test('pages follow nextLink to every row once, even when rows come and go on the way', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  for (let at = 0; at < 25; at += 1) dataverse.seed('lead', { lastname: `L${at % 3}`, numberofemployees: at })
  const prefer = { prefer: 'odata.maxpagesize=10' }
  const first = await client.send(
    'GET',
    'leads?$select=numberofemployees&$orderby=lastname desc&$count=true',
    undefined,
    prefer,
  )
  const seen = rowsOf(first).map((row) => row.numberofemployees)
  assert.deepEqual([first.json?.['@odata.count'], seen.length], [25, 10])
  assert.equal(first.headers.get('preference-applied'), 'odata.maxpagesize=10')
  dataverse.remove('lead', String(rowsOf(first)[0]?.leadid))
  let next = first.json?.['@odata.nextLink']
  while (typeof next === 'string') {
    const page = await client.send('GET', next.slice(next.indexOf('/v9.2/') + 6), undefined, prefer)
    seen.push(...rowsOf(page).map((row) => row.numberofemployees))
    next = page.json?.['@odata.nextLink']
  }
  assert.deepEqual(
    seen.map(Number).sort((a, b) => a - b),
    [...Array(25).keys()],
  )
})

test('$top, $orderby and $count do what they say', async () => {
  await using client = await withPeople()
  const ordered = await client.send('GET', 'leads?$select=lastname&$orderby=numberofemployees desc&$top=2')
  assert.deepEqual(
    [rowsOf(ordered).map((row) => row.lastname), ordered.json?.['@odata.nextLink']],
    [['Ek', "O'Brien"], undefined],
  )
  const count = await client.send('GET', 'leads/$count?$filter=statecode eq 0')
  assert.deepEqual([count.text, count.headers.get('content-type')], ['2', 'text/plain'])
})

test('annotations come only when asked for', async () => {
  await using client = await withPeople()
  const path = "leads?$select=statecode,_ownerid_value&$filter=lastname eq 'Ek'"
  const [bare] = rowsOf(await client.send('GET', path))
  const [rich] = rowsOf(
    await client.send('GET', path, undefined, { prefer: 'odata.include-annotations="*"' }),
  )
  assert.equal(
    Object.keys(bare ?? {}).some((name) => name.includes('@OData.') || name.includes('@Microsoft.')),
    false,
  )
  assert.deepEqual(
    [
      rich?.['statecode@OData.Community.Display.V1.FormattedValue'],
      rich?.['_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname'],
    ],
    ['Disqualified', 'systemuser'],
  )
})

test('an unknown entity set is 404, or 400 where the organisation says so', async () => {
  await using client = await connect()
  const ask = async () => {
    const { status, code, text } = await client.send('GET', 'leadz')
    return [status, code, text.includes(words)]
  }
  const words = "Resource not found for the segment 'leadz'."
  assert.deepEqual(await ask(), [404, '0x80060888', true])
  client.sandbox.dataverse.setKnobs({ unknownSetStatus: 400, zeroCodes: true })
  assert.deepEqual(await ask(), [400, '0x0', true])
})

test('an older organisation has no code for an unknown column, and the text names it', async () => {
  await using client = await connect()
  client.sandbox.dataverse.setKnobs({ zeroCodes: true })
  const read = await client.send('GET', 'leads?$select=nope')
  assert.deepEqual([read.status, read.code], [400, '0x0'])
  assert.match(read.text, /property named 'nope'/)
  const write = await client.send('POST', 'leads', { lastname: 'Ek', nope: 1 })
  assert.deepEqual([write.status, write.code], [400, '0x0'])
})

test('an unknown segment after a table is 400, not 404', async () => {
  await using client = await connect()
  for (const path of ['leads/nope', `leads(${client.sandbox.dataverse.ids.account})/nope`, '']) {
    const answer = await client.send('GET', path)
    assert.deepEqual([answer.status, answer.code], [400, '0x80060888'], path)
  }
})

test('any text that is escaped and encoded finds its own row and no other', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  dataverse.seed('lead', { emailaddress1: 'bystander@example.invalid' })
  const text = fc
    .string({ minLength: 1, maxLength: 40, unit: 'grapheme' })
    .filter((value) => value.length <= 100)
  await fc.assert(
    fc.asyncProperty(text, async (value) => {
      const id = dataverse.seed('lead', { emailaddress1: value })
      const filter = encodeURIComponent(`emailaddress1 eq '${value.replaceAll("'", "''")}'`)
      const found = rowsOf(await client.send('GET', `leads?$select=leadid&$filter=${filter}`))
      dataverse.remove('lead', id)
      assert.deepEqual(
        found.map((row) => row.leadid),
        [id],
      )
    }),
    { numRuns: 200 },
  )
})

/** Rows that must be found through an index. */
class NeverScanned extends Rows {
  override all(): never {
    throw new Error('scanned')
  }
}

const plans: [filter: string, scans: boolean][] = [
  ["emailaddress1 eq 'x'", false],
  ["statecode eq 0 and (emailaddress1 eq 'x' and lastname ne null)", false],
  ["emailaddress1 eq 'x' or emailaddress2 eq 'x' or leadid eq 0b1d7c5e-6c0a-5f1e-9d56-0a2f3f6f8b11", false],
  [`Microsoft.Dynamics.CRM.In(PropertyName='emailaddress1',PropertyValues=["x","y"])`, false],
  ["emailaddress1 eq 'x' or statecode eq 0", true],
  ["not (emailaddress1 eq 'x')", true],
  ['emailaddress1 eq null', true],
]
for (const [filter, scans] of plans) {
  test(`${filter} ${scans ? 'looks at every row' : 'goes through an index'}`, () => {
    const table = requireTable(stockTables(), 'lead')
    const find = () => [...matching(new NeverScanned(), table, parseFilter(filter, table, new Map()))]
    if (scans) assert.throws(find, /scanned/)
    else assert.deepEqual(find(), [])
  })
}

const unplayed = [
  'fetchXml',
  '$sql',
  'sql',
  'savedQuery',
  'userQuery',
  '$search',
  '$compute',
  '$expand',
  '$apply',
  'nonsense',
]
for (const option of unplayed) {
  test(`${option} is refused rather than answered with all rows`, async () => {
    await using client = await connect()
    const id = client.sandbox.dataverse.seed('lead', { lastname: 'Ek' })
    for (const path of ['leads', `leads(${id})`, 'leads/$count']) {
      const answer = await client.send('GET', `${path}?${encodeURIComponent(option)}=x`)
      assert.deepEqual([answer.status, answer.code], [400, '0x80060888'], path)
    }
  })
}

test('a delta token is encoded as the vendor does it, and taken back as it is', async () => {
  await using client = await connect()
  const first = await client.send('GET', 'leads?$select=lastname', undefined, {
    prefer: 'odata.track-changes',
  })
  const link = String(first.json?.['@odata.deltaLink'])
  assert.match(link, /\$deltatoken=\d+%21\d\d%2f\d\d%2f\d{4}%20\d\d%3a\d\d%3a\d\d$/)
  assert.equal((await client.send('GET', link.slice(link.indexOf('leads?')))).status, 200)
})

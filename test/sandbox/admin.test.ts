import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startSandbox } from '../../sandbox/index.ts'
import { connect, toAnswer } from './client.ts'

async function control(url: string, method: string, path: string, body?: unknown) {
  const payload = body === undefined ? {} : { body: JSON.stringify(body) }
  return toAnswer(await fetch(`${url}/_sandbox${path}`, { method, ...payload }))
}

test('another process can seed, look, edit, delete, bend and reset', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const { url } = dataverse
  const seeded = await control(url, 'POST', '/seed', { table: 'lead', columns: { lastname: 'Ek' } })
  const id = String(seeded.json?.id)
  assert.equal(seeded.status, 201)
  assert.match((await control(url, 'GET', '/rows/leads')).text, /"lastname":"Ek"/)
  await control(url, 'PATCH', `/rows/leads(${id})`, { lastname: 'Alm' })
  assert.equal(dataverse.row('lead', id)?.lastname, 'Alm')
  assert.equal((await control(url, 'DELETE', `/rows/leads(${id})`)).status, 204)
  assert.deepEqual(
    dataverse.commits.map((commit) => [commit.operation, commit.userId]),
    ['create', 'update', 'delete'].map((operation) => [operation, dataverse.ids.salesPerson]),
  )
  const how = { kind: 'throttle', code: '0x80072326', retryAfter: '5' }
  assert.equal((await control(url, 'POST', '/bend', { path: 'WhoAmI', operation: 'read', how })).status, 204)
  assert.equal((await client.send('GET', 'WhoAmI')).code, '0x80072326')
  assert.match((await control(url, 'GET', '/calls')).text, /"status":429/)
  assert.match((await control(url, 'GET', '/commits')).text, /"operation":"delete"/)
  await control(url, 'POST', '/reset')
  assert.deepEqual([dataverse.calls, dataverse.commits], [[], []])
})

test('another process can live a whole life: assign, touch, merge, restore, qualify, disqualify', async () => {
  await using sandbox = await startSandbox()
  const { dataverse } = sandbox
  const [a, b, c] = ['A', 'B', 'C'].map((lastname) => dataverse.seed('lead', { lastname, companyname: 'Ek' }))
  const post = (path: string, body: unknown) => control(dataverse.url, 'POST', path, body)
  const version = dataverse.row('lead', String(a))?.versionnumber
  await post('/assign', { table: 'lead', id: a, ownerId: dataverse.ids.salesManager })
  await post('/touch', { table: 'lead', id: a })
  await post('/merge', { table: 'leads', survivorId: a, loserId: b, content: { jobtitle: 'Boss' } })
  await control(dataverse.url, 'DELETE', `/rows/leads(${a})`)
  await post('/restore', { table: 'lead', id: a })
  const { status, json } = await post('/qualify', { leadId: a, account: true })
  await post('/disqualify', { leadId: c, statuscode: 5 })
  assert.deepEqual([status, Object.keys(json ?? {})], [200, ['contactId', 'accountId']])
  const [survivor, loser, lost] = [a, b, c].map((id) => dataverse.row('lead', String(id)))
  assert.ok(Number(survivor?.versionnumber) > Number(version))
  assert.deepEqual(
    [survivor?._ownerid_value, survivor?.jobtitle, survivor?.statecode, survivor?._parentcontactid_value],
    [dataverse.ids.salesManager, 'Boss', 1, json?.contactId],
  )
  assert.deepEqual([loser?._masterid_value, lost?.statuscode], [a, 5])
})

test('another process can turn knobs, set limits and let the schema drift', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const post = async (path: string, body: unknown) =>
    assert.equal((await control(dataverse.url, 'POST', path, body)).status, 204, path)
  await post('/knobs', { trackingDays: 1, unchangedWrites: 'ignore' })
  const knobs = await control(dataverse.url, 'GET', '/knobs')
  assert.deepEqual([knobs.json?.trackingDays, knobs.json?.unchangedWrites], [1, 'ignore'])
  await post('/duplicate-rules', { on: true })
  await post('/keys', { table: 'lead', keys: [{ schemaName: 'new_Key', columns: ['emailaddress1'] }] })
  await post('/change-column', { table: 'lead', name: 'new_synctomkto', change: { type: 'Boolean' } })
  await post('/rename-column', { table: 'lead', from: 'jobtitle', to: 'new_jobtitle' })
  await post('/change-option', { table: 'lead', column: 'leadsourcecode', value: 8, label: null })
  await post('/change-tracking', { table: 'contact', on: false })
  await post('/expire-tokens', { table: 'lead' })
  const { tables } = dataverse.organisation
  const lead = tables.get('lead')
  assert.deepEqual(
    [
      lead?.columns.get('new_synctomkto')?.type,
      lead?.columns.has('new_jobtitle'),
      lead?.columns.has('jobtitle'),
    ],
    ['Boolean', true, false],
  )
  assert.equal(
    lead?.columns.get('leadsourcecode')?.options?.some((option) => option.value === 8),
    false,
  )
  assert.deepEqual([lead?.keys[0]?.status, tables.get('contact')?.changeTracking], ['Active', false])
  await post('/limits', { requestsPerWindow: 0 })
  assert.equal((await client.send('GET', 'WhoAmI')).status, 429)
})

test('another process can install plug-ins that normalise a column in every create and update, and only there', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const before = dataverse.seed('lead', { lastname: 'Ek', jobtitle: 'head of sales' })
  for (const [column, rewrite] of [
    ['jobtitle', 'title-case'],
    ['telephone1', 'strip-blanks'],
  ]) {
    const { status } = await control(dataverse.url, 'POST', '/plug-in', { table: 'leads', column, rewrite })
    assert.equal(status, 204)
  }
  const made = dataverse.seed('lead', { lastname: 'de ek', jobtitle: "ÅSA's aide", telephone1: '+46 70\t1' })
  dataverse.update('lead', before, { telephone1: '0 1' })
  assert.deepEqual(
    [before, made].map((id) => {
      const { lastname, jobtitle, telephone1 } = dataverse.row('lead', id) ?? {}
      return [lastname, jobtitle, telephone1]
    }),
    [
      ['Ek', 'head of sales', '01'],
      ['de ek', "Åsa'S Aide", '+46701'],
    ],
  )
})

const mistakes: [method: string, path: string, body: unknown][] = [
  ['GET', '/rows/nope', undefined],
  ['GET', '/nope', undefined],
  ['DELETE', '/rows/leads(0b1d7c5e-6c0a-5f1e-9d56-0a2f3f6f8b11)', undefined],
  ['POST', '/seed', { table: 'lead', columns: { nope: 1 } }],
  ['POST', '/seed', { table: 'lead', columns: { leadsourcecode: 99 } }],
  ['POST', '/bend', { how: { kind: 'nope' } }],
  ['POST', '/bend', { operation: 'nope', how: { kind: 'deadlock' } }],
  ['POST', '/bend', { path: '(', how: { kind: 'deadlock' } }],
  ['POST', '/bend', { how: { kind: 'throttle', code: 'x' } }],
  ['POST', '/bend', []],
  ['POST', '/bend', { how: { kind: 'spoil-row', at: 'x' } }],
  ['POST', '/bend', { how: { kind: 'spoil-row', set: [] } }],
  ['POST', '/bend', { how: { kind: 'foreign-link', origin: 'nowhere' } }],
  ['POST', '/bend', { how: { kind: 'fail-part', at: 0 } }],
  ['POST', '/bend', { how: { kind: 'fail-before-commit', status: '503' } }],
  ['POST', '/constructor', {}],
  ['POST', '/knobs', { nope: 1 }],
  ['POST', '/knobs', { unchangedWrites: 'x' }],
  ['POST', '/plug-in', { table: 'lead', column: 'jobtitle', rewrite: 'x' }],
  ['POST', '/change-column', { table: 'lead', name: 'x', change: { type: 'Nope' } }],
  ['POST', '/change-column', { table: 'nope', name: 'x', change: {} }],
  ['POST', '/rename-column', { table: 'lead', from: 'nope', to: 'x' }],
  ['POST', '/change-option', { table: 'lead', column: 'lastname', value: 1, label: 'x' }],
  ['POST', '/change-tracking', { table: 'lead', on: 'yes' }],
  ['POST', '/qualify', { leadId: 'nope' }],
  ['POST', '/merge', { table: 'lead', survivorId: 'a', loserId: 'b' }],
  ['POST', '/restore', { table: 'lead', id: 'nope' }],
  ['POST', '/touch', { table: 'lead' }],
  ['POST', '/limits', { concurrentMax: 'many' }],
]
for (const [method, path, body] of mistakes) {
  test(`${method} ${path} ${JSON.stringify(body) ?? ''} is told what is wrong and changes nothing`, async () => {
    await using client = await connect()
    const answer = await control(client.sandbox.dataverse.url, method, path, body)
    assert.ok(answer.status === 400 || answer.status === 404, String(answer.status))
    assert.equal(typeof answer.json?.error, 'string')
    assert.equal((await client.send('GET', 'WhoAmI')).status, 200)
    assert.deepEqual(client.sandbox.dataverse.commits, [])
  })
}

test('the page shows leads and contacts to a human, escaped', async () => {
  await using sandbox = await startSandbox()
  sandbox.dataverse.seed('lead', {
    lastname: '<script>alert("1")</script>',
    emailaddress1: "a'b@example.invalid",
  })
  sandbox.dataverse.seed('contact', { lastname: 'Bo & Co' })
  const page = await fetch(sandbox.dataverse.url)
  const html = await page.text()
  assert.match(page.headers.get('content-type') ?? '', /^text\/html/)
  assert.match(html, /&lt;script&gt;alert\(&quot;1&quot;\)&lt;\/script&gt;/)
  assert.match(html, /a&#39;b@example\.invalid/)
  assert.match(html, /Bo &amp; Co/)
  assert.match(html, /Sam Sales/)
  assert.doesNotMatch(html, /<script>/)
})

test('a link to a record shows its columns, escaped, or says that it is not there', async () => {
  await using sandbox = await startSandbox()
  const { url } = sandbox.dataverse
  const id = sandbox.dataverse.seed('lead', { lastname: '<b>Ek</b>' })
  const show = async (row: string) =>
    (await fetch(`${url}/main.aspx?pagetype=entityrecord&etn=lead&id=${row}`)).text()
  const html = await show(id)
  assert.match(html, /<th>lastname<\/th><td>&lt;b&gt;Ek&lt;\/b&gt;<\/td>/)
  assert.doesNotMatch(html, /<b>/)
  assert.match(await show('x'), /There is no such record/)
})

test('closing twice is fine, frees the ports, and ends hung requests', async () => {
  const sandbox = await startSandbox()
  const port = Number(new URL(sandbox.dataverse.url).port)
  await assert.rejects(startSandbox({ dataversePort: port }), { code: 'EADDRINUSE' })
  sandbox.entra.bend({ kind: 'hang' })
  const url = `${sandbox.entra.url}/${sandbox.entra.tenantId}/oauth2/v2.0/token`
  const hung = fetch(url, { method: 'POST', body: 'x' })
  while (sandbox.entra.tokenRequests.length === 0) await new Promise((resolve) => setImmediate(resolve))
  const ended = assert.rejects(hung)
  await Promise.all([sandbox.close(), sandbox.close()])
  await ended
  await (await startSandbox({ dataversePort: port })).close()
})

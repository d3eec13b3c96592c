import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startSandbox } from '../../sandbox/index.ts'
import type { MarketoSandbox } from '../../sandbox/marketo/index.ts'
import { hear, type Reply } from './hear.ts'

const OK: Reply = { status: 200, body: '{"outcome":"created"}' }

function seedAnn(marketo: MarketoSandbox): number {
  marketo.addField({ name: 'consentAt', displayName: 'Consent At', dataType: 'datetime' })
  return marketo.seed({
    email: 'ann+1@example.com',
    firstName: 'Ann "A" \\ \n & Co',
    lastName: 'Ek',
    company: 'Åek & Söner',
    leadScore: 7,
    annualRevenue: 1.5,
    unsubscribed: true,
    dateOfBirth: '1990-02-03',
    consentAt: '2026-03-04T05:06:07+01:00',
  })
}

const encodings: [encoding: 'JSON' | 'Form/Url' | 'None', template: string, body: string][] = [
  ['JSON', '{"id": {{lead.Id}}, "score": {{lead.Lead Score}}}', '{"id": 1001, "score": 7}'],
  ['JSON', '{"x":{{lead.First Name}}}', '{"x":"Ann \\"A\\" \\\\ \\n & Co"}'],
  ['JSON', '{{lead.Unsubscribed}} {{company.Annual Revenue}}', 'true 1.5'],
  ['JSON', '{{lead.Consent At}} {{lead.Date of Birth}}', '"2026-03-04 04:06:07" "1990-02-03"'],
  ['JSON', '{{lead.Phone Number}} {{lead.Priority}}', '"" ""'],
  ['JSON', '{{lead.Phone Number:default=none}} {{lead.Last Name:default=none}}', '"none" "Ek"'],
  ['JSON', '{{campaign.id}} {{campaign.Name}} {{my.region}}', '2044 "Spring" "TRUE"'],
  ['JSON', '{{program.Name}} {{lead.Nope}}', '{{program.Name}} {{lead.Nope}}'],
  ['JSON', '{{LEAD.email address}}', '"ann+1@example.com"'],
  ['JSON', '"{{lead.Last Name}}"', '""Ek""'],
  ['JSON', 'a\\\\n \\"b\\"', 'a\\n "b"'],
  [
    'Form/Url',
    'e={{lead.Email Address}}&c={{company.Company Name}}',
    'e=ann%2B1%40example.com&c=%C3%85ek+%26+S%C3%B6ner',
  ],
  ['Form/Url', 'p={{lead.Phone Number}}&s={{lead.Lead Score}}', 'p=&s=7'],
  ['None', '{"x":"{{lead.First Name}}"}', '{"x":"Ann "A" \\ \n & Co"}'],
]
for (const [encoding, template, body] of encodings) {
  test(`encoding ${encoding} makes ${JSON.stringify(body)} of ${template}`, async () => {
    await using sandbox = await startSandbox()
    await using hook = await hear(OK)
    const call = await sandbox.marketo.callWebhook({
      url: hook.url,
      template,
      encoding,
      personId: seedAnn(sandbox.marketo),
      campaign: { id: 2044, name: 'Spring' },
      tokens: { 'my.region': 'TRUE' },
    })
    assert.equal(call.sent?.body, body)
    assert.equal(hook.heard[0]?.body, body)
  })
}

test('line breaks become blanks and texts are escaped for HTML, where the knobs say so', async () => {
  await using sandbox = await startSandbox()
  await using hook = await hear(OK)
  const { marketo } = sandbox
  const webhook = {
    url: hook.url,
    template: '{{lead.First Name}} {{lead.Lead Score}} {{company.Company Name}}',
    encoding: 'JSON',
    personId: seedAnn(marketo),
  } as const
  marketo.setKnobs({ webhookFoldsLines: true })
  await marketo.callWebhook(webhook)
  marketo.setKnobs({ webhookFoldsLines: false, webhookEscapesHtml: true })
  await marketo.callWebhook(webhook)
  assert.deepEqual(
    hook.heard.map(({ body }) => body),
    [
      '"Ann \\"A\\" \\\\   & Co" 7 "Åek & Söner"',
      '"Ann &quot;A&quot; \\\\ \\n &amp; Co" 7 "Åek &amp; Söner"',
    ],
  )
})

test('the URL and the headers may hold tokens; no content type is sent unless one is said', async () => {
  await using sandbox = await startSandbox()
  await using hook = await hear(OK)
  const personId = seedAnn(sandbox.marketo)
  const webhook = {
    url: `${hook.url}?e={{lead.Email Address}}`,
    template: 'x',
    encoding: 'Form/Url',
    headers: { 'X-Api-Key': 's3cr3t', 'X-Person': '{{lead.Id}}' },
    personId,
  } as const
  await sandbox.marketo.callWebhook(webhook)
  await sandbox.marketo.callWebhook({ ...webhook, contentType: 'application/json', method: 'PUT' })
  const [first, second] = hook.heard
  assert.deepEqual([first?.method, first?.url], ['POST', '/hook?e=ann%2B1%40example.com'])
  assert.deepEqual(
    ['x-api-key', 'x-person', 'content-type'].map((name) => first?.headers[name]),
    ['s3cr3t', '1001', undefined],
  )
  assert.deepEqual([second?.method, second?.headers['content-type']], ['PUT', 'application/json'])
})

test('every call is an activity 110 with the answer and the kind of error', async () => {
  await using sandbox = await startSandbox()
  const { marketo } = sandbox
  const personId = seedAnn(marketo)
  const replies: Reply[] = [
    OK,
    { status: 200, body: '' },
    { status: 503, body: 'busy' },
    { status: 302, body: '', headers: { location: 'http://127.0.0.1:9/' } },
  ]
  for (const reply of replies) {
    await using hook = await hear(reply)
    await marketo.callWebhook({ name: 'Ours', url: hook.url, template: 'x', encoding: 'JSON', personId })
  }
  const attributes = marketo.activities.map((activity) => activity.attributes)
  assert.deepEqual(attributes, [
    [{ name: 'Response', value: OK.body }],
    [{ name: 'Error Type', value: '1001' }],
    [
      { name: 'Response', value: 'busy' },
      { name: 'Error Type', value: 'Service Unavailable' },
    ],
    [{ name: 'Error Type', value: 'Found' }],
  ])
  for (const { leadId, activityTypeId, primaryAttributeValue } of marketo.activities) {
    assert.deepEqual([leadId, activityTypeId, primaryAttributeValue], [personId, 110, 'Ours'])
  }
  assert.equal(new Set(marketo.activities.map(({ marketoGUID }) => marketoGUID)).size, replies.length)
})

test('a batch campaign, an unknown escape, a dead port and a time-out are logged, the first two without a call', async () => {
  await using sandbox = await startSandbox()
  await using silent = await hear()
  const { marketo } = sandbox
  const webhook = { url: silent.url, template: 'x', encoding: 'JSON', personId: seedAnn(marketo) } as const
  const calls = [
    await marketo.callWebhook({ ...webhook, campaign: { id: 1, name: 'x', type: 'batch' } }),
    await marketo.callWebhook({ ...webhook, template: '\\x' }),
    await marketo.callWebhook({ ...webhook, url: 'http://127.0.0.1:1/' }),
    await marketo.callWebhook({ ...webhook, timeoutMs: 50 }),
  ]
  assert.deepEqual(
    calls.map(({ status, errorType, sent }) => [status, errorType, sent !== undefined]),
    [
      [0, '1000', false],
      [0, 'Invalid escape in the template', false],
      [0, 'Connection failed', true],
      [0, 'Timeout', true],
    ],
  )
  assert.equal(silent.heard.length, 1)
  assert.equal(marketo.activities.length, 4)
})

/** Turns of the event loop until `isSo`; fails by the test's own time-out. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve))
}

const MAPPINGS = [
  { path: 'result.id', field: 'Department' },
  { path: 'items[1].score', field: 'LeadScore' },
  { path: 'ok', field: 'Unsubscribed' },
  { path: 'count', field: 'Title' },
  { path: 'nothing', field: 'LastName' },
  { path: 'missing.deep[3]', field: 'City' },
]
const MAPPED = JSON.stringify({
  result: { id: 'R-1' },
  items: [{ score: 1 }, { score: 2 }],
  ok: false,
  count: 3,
  nothing: null,
})

test('mapped values of the right type are written a moment after a 2xx', { timeout: 5_000 }, async () => {
  await using sandbox = await startSandbox()
  await using hook = await hear({ status: 201, body: MAPPED })
  const { marketo } = sandbox
  const personId = seedAnn(marketo)
  const webhook = { url: hook.url, template: 'x', encoding: 'JSON', personId, mappings: MAPPINGS } as const
  const { mapped } = await marketo.callWebhook(webhook)
  assert.deepEqual(mapped, ['department', 'leadScore', 'unsubscribed'])
  assert.equal(marketo.person(personId)?.department, undefined)
  await until(() => marketo.person(personId)?.department !== undefined)
  const { department, leadScore, unsubscribed, title, lastName } = marketo.person(personId) ?? {}
  assert.deepEqual([department, leadScore, unsubscribed, title, lastName], ['R-1', 2, false, undefined, 'Ek'])
})

test('what is gone when the values arrive is left alone', { timeout: 5_000 }, async () => {
  await using sandbox = await startSandbox()
  await using hook = await hear({ status: 200, body: '{"a":"x"}' })
  const { marketo } = sandbox
  marketo.addField({ name: 'crmId', dataType: 'string' })
  const [gone, kept, last] = [marketo.seed({}), marketo.seed({}), marketo.seed({})]
  const call = (personId: number, field: string) =>
    marketo.callWebhook({
      url: hook.url,
      template: 'x',
      encoding: 'JSON',
      personId,
      mappings: [{ path: 'a', field }],
    })
  await Promise.all([call(gone, 'City'), call(kept, 'CrmId')])
  marketo.remove(gone)
  marketo.removeField('crmId')
  await call(last, 'City')
  await until(() => marketo.person(last)?.city === 'x')
  assert.deepEqual(
    marketo.people().map(({ id, city, crmId }) => [id, city, crmId]),
    [
      [kept, undefined, undefined],
      [last, 'x', undefined],
    ],
  )
})

test('a GET carries no body, and an answer without end is read only so far', async () => {
  await using sandbox = await startSandbox()
  await using hook = await hear({ status: 200, body: 'x'.repeat(3 * 1024 * 1024) })
  const personId = seedAnn(sandbox.marketo)
  const webhook = { url: hook.url, template: 'x', encoding: 'JSON', personId } as const
  const { status, response } = await sandbox.marketo.callWebhook({ ...webhook, method: 'GET' })
  assert.deepEqual([status, hook.heard[0]?.method, hook.heard[0]?.body], [200, 'GET', ''])
  assert.ok(response.length > 0 && response.length < 2 * 1024 * 1024)
})

test('nothing is written for another status or for what is no JSON', async () => {
  await using sandbox = await startSandbox()
  const { marketo } = sandbox
  const personId = seedAnn(marketo)
  for (const reply of [
    { status: 404, body: MAPPED },
    { status: 200, body: '<ok/>' },
  ]) {
    await using hook = await hear(reply)
    const webhook = { url: hook.url, template: 'x', encoding: 'JSON', personId, mappings: MAPPINGS } as const
    assert.deepEqual((await marketo.callWebhook(webhook)).mapped, [])
  }
})

const mistakes: [name: string, change: Record<string, unknown>, message: RegExp][] = [
  ['an address elsewhere', { url: 'http://192.0.2.1/' }, /loopback/],
  ['a name that only looks like loopback', { url: 'http://127.0.0.1.example.com/' }, /loopback/],
  [
    'an address from a token',
    { url: 'http://{{my.host}}/', tokens: { 'my.host': 'example.com' } },
    /loopback/,
  ],
  ['an unknown person', { personId: 9 }, /no person 9/],
  ['a mapping to no field', { mappings: [{ path: 'a', field: 'Nope' }] }, /SOAP API name Nope/],
  ['a mapping to a read-only field', { mappings: [{ path: 'a', field: 'MktoName' }] }, /read-only/],
  ['a mapping from no path', { mappings: [{ path: 'a..b', field: 'City' }] }, /a\.\.b/],
]
for (const [name, change, message] of mistakes) {
  test(`${name} is refused before any call, and nothing is logged`, async () => {
    await using sandbox = await startSandbox()
    await using hook = await hear(OK)
    const personId = seedAnn(sandbox.marketo)
    const webhook = { url: hook.url, template: 'x', encoding: 'None', personId, ...change } as const
    await assert.rejects(sandbox.marketo.callWebhook(webhook), message)
    assert.deepEqual([hook.heard, sandbox.marketo.activities], [[], []])
  })
}

test('closing ends a call that waits for its answer', async () => {
  const sandbox = await startSandbox()
  await using silent = await hear()
  const personId = seedAnn(sandbox.marketo)
  const call = sandbox.marketo.callWebhook({ url: silent.url, template: 'x', encoding: 'JSON', personId })
  await until(() => silent.heard.length > 0)
  await sandbox.close()
  assert.equal((await call).errorType, 'Connection failed')
})

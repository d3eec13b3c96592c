import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Client, connect } from './client.ts'

const A = '0b1d7c5e-6c0a-5f1e-9d56-0a2f3f6f8b11'
const B = '5a0c2d9e-11aa-5b77-8c0e-64d5a7f0c222'

const GOOD_ON = { prefer: 'odata.continue-on-error' }

function operation(
  line: string,
  body?: unknown,
  contentId?: number,
  headers: readonly string[] = [],
): string {
  return [
    'Content-Type: application/http',
    'Content-Transfer-Encoding: binary',
    ...(contentId === undefined ? [] : [`Content-ID: ${contentId}`]),
    '',
    `${line} HTTP/1.1`,
    'Content-Type: application/json',
    ...headers,
    '',
    body === undefined ? '' : JSON.stringify(body),
  ].join('\r\n')
}

function multipart(boundary: string, parts: readonly string[]): string {
  return `${parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('')}--${boundary}--\r\n`
}

function changeSet(parts: readonly string[]): string {
  return `Content-Type: multipart/mixed; boundary=changeset_1\r\n\r\n${multipart('changeset_1', parts)}`
}

function sendBatch(client: Client, parts: readonly string[], headers: Record<string, string> = {}) {
  const type = { 'content-type': 'multipart/mixed; boundary="batch_1"' }
  return client.send('POST', '$batch', multipart('batch_1', parts), { ...type, ...headers })
}

const statuses = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]))

test('with continue-on-error every part is answered in order and the whole is 200', async () => {
  await using client = await connect()
  const answer = await sendBatch(
    client,
    [
      operation('POST /api/data/v9.2/leads', { leadid: A }),
      operation('POST /api/data/v9.2/leads', { leadid: A }),
      operation(`GET ${client.sandbox.dataverse.url}/api/data/v9.2/leads(${A})?$select=leadid`),
      operation('GET /api/data/v9.2/nope'),
      operation('PATCH leads(5a0c2d9e-11aa-5b77-8c0e-64d5a7f0c222)', { lastname: 'Ek' }),
    ],
    GOOD_ON,
  )
  assert.equal(answer.status, 200)
  assert.match(answer.headers.get('content-type') ?? '', /^multipart\/mixed; boundary=batchresponse_/)
  assert.deepEqual(statuses(answer.text), [204, 412, 200, 404, 204])
  assert.equal(client.sandbox.dataverse.calls.at(-1)?.operations, 5)
})

test('without it the first failure ends the batch and is the status of the whole', async () => {
  await using client = await connect()
  const answer = await sendBatch(client, [
    operation('POST /api/data/v9.2/leads', { leadid: A }),
    operation('POST /api/data/v9.2/leads', { leadid: A }),
    operation('POST /api/data/v9.2/leads', { leadid: B }),
  ])
  assert.deepEqual([answer.status, statuses(answer.text)], [412, [204, 412]])
  assert.equal(client.sandbox.dataverse.rows('lead').length, 1)
})

test('a change set is all or nothing, and a later part can name an earlier row', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const failed = await sendBatch(
    client,
    [
      changeSet([
        operation('POST /api/data/v9.2/leads', { leadid: A }, 1),
        operation('POST /api/data/v9.2/leads', { leadid: B, leadsourcecode: 99 }, 2),
      ]),
      operation('POST /api/data/v9.2/contacts', { lastname: 'After' }),
    ],
    GOOD_ON,
  )
  assert.deepEqual([failed.status, statuses(failed.text)], [200, [400, 204]])
  assert.deepEqual(dataverse.rows('lead'), [])
  assert.deepEqual(
    dataverse.commits.map(({ table }) => table),
    ['contact'],
  )

  const done = await sendBatch(client, [
    changeSet([
      operation('POST /api/data/v9.2/contacts', { lastname: 'C' }, 1),
      operation('POST /api/data/v9.2/leads', { leadid: A, 'parentcontactid@odata.bind': '$1' }, 2),
      operation('PATCH $2', { subject: 'by reference' }, 3),
    ]),
  ])
  assert.deepEqual([done.status, statuses(done.text)], [200, [204, 204, 204]])
  const contact = dataverse.rows('contact').find((row) => row.lastname === 'C')
  const lead = dataverse.row('lead', A)
  assert.deepEqual([lead?._parentcontactid_value, lead?.subject], [contact?.contactid, 'by reference'])
})

test('an undone change set leaves updated and deleted rows as they were', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const kept = dataverse.seed('lead', { lastname: 'Kept', emailaddress1: 'kept@example.invalid' })
  const before = dataverse.row('lead', kept)
  await sendBatch(client, [
    changeSet([
      operation(`PATCH /api/data/v9.2/leads(${kept})`, { emailaddress1: 'new@example.invalid' }, 1),
      operation(`DELETE /api/data/v9.2/leads(${kept})`, undefined, 2),
      operation('GET /api/data/v9.2/leads', undefined, 3),
    ]),
  ])
  assert.deepEqual(dataverse.row('lead', kept), before)
  const byEmail = await client.send('GET', "leads/$count?$filter=emailaddress1 eq 'kept@example.invalid'")
  assert.deepEqual([byEmail.text, dataverse.commits.length], ['1', 1])
})

/** The JSON bodies of the parts. */
const bodies = (text: string) =>
  [...text.matchAll(/\r\n\r\n(\{.*\})\r\n/g)].map(
    (match): Record<string, unknown> => JSON.parse(match[1] ?? ''),
  )

test('a PATCH in a batch obeys its If-Match and answers with the row that was asked for', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const [a = '', b = '', c = ''] = ['A', 'B', 'C'].map((lastname) => dataverse.seed('lead', { lastname }))
  const etag = async (id: string) =>
    String((await client.send('GET', `leads(${id})?$select=leadid`)).json?.['@odata.etag'])
  const update = (id: string, match: string) =>
    operation(
      `PATCH /api/data/v9.2/leads(${id})?$select=jobtitle,lastname`,
      { jobtitle: 'Boss' },
      undefined,
      [`If-Match: ${match}`, 'Prefer: return=representation'],
    )
  const stale = await etag(b)
  dataverse.update('lead', b, { firstname: 'Ann' })
  const answer = await sendBatch(
    client,
    [update(a, await etag(a)), update(b, stale), update(c, '*'), update(A, '*')],
    GOOD_ON,
  )
  assert.deepEqual([answer.status, statuses(answer.text)], [200, [200, 412, 200, 404]])
  const [first, refused, third] = bodies(answer.text)
  assert.deepEqual(
    { ...first, '@odata.context': undefined },
    {
      '@odata.context': undefined,
      '@odata.etag': await etag(a),
      jobtitle: 'Boss',
      lastname: 'A',
      leadid: a,
    },
  )
  assert.match(JSON.stringify(refused), /0x80060882/)
  assert.equal(third?.leadid, c)
  assert.equal(dataverse.row('lead', b)?.jobtitle, undefined)
  assert.equal(dataverse.row('lead', A), undefined)
})

test('a batch of 1,000 updates and reads is carried out whole', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const ids = Array.from({ length: 500 }, (_, at) => dataverse.seed('lead', { numberofemployees: at }))
  const parts = ids.flatMap((id, at) => [
    operation(`PATCH /api/data/v9.2/leads(${id})`, { numberofemployees: at + 1 }),
    operation(`GET /api/data/v9.2/leads(${id})?$select=numberofemployees`),
  ])
  const answer = await sendBatch(client, parts, GOOD_ON)
  assert.equal(statuses(answer.text).length, 1000)
  assert.deepEqual(
    bodies(answer.text).map((row) => row.numberofemployees),
    ids.map((_, at) => at + 1),
  )
})

test('one part of a batch can be refused, and a batch can die after some of its parts', async () => {
  await using client = await connect()
  const { dataverse } = client.sandbox
  const [a = '', b = '', c = ''] = ['A', 'B', 'C'].map((lastname) => dataverse.seed('lead', { lastname }))
  const parts = (jobtitle: string) =>
    [a, b, c].map((id) => operation(`PATCH /api/data/v9.2/leads(${id})`, { jobtitle }))
  const titles = () => [a, b, c].map((id) => dataverse.row('lead', id)?.jobtitle)
  dataverse.bend({
    operation: 'batch',
    how: { kind: 'fail-part', at: 1, status: 429, code: '0x80072322', retryAfter: '7' },
  })
  const answer = await sendBatch(client, parts('one'), GOOD_ON)
  assert.deepEqual(
    [statuses(answer.text), titles()],
    [
      [204, 429, 204],
      ['one', undefined, 'one'],
    ],
  )
  assert.match(answer.text, /Retry-After: 7\r\n/)
  dataverse.bend({ operation: 'batch', how: { kind: 'reset-mid-batch', after: 2 } })
  await assert.rejects(sendBatch(client, parts('two'), GOOD_ON))
  assert.deepEqual(titles(), ['two', 'two', 'one'])
})

const broken: [name: string, body: string, type: string][] = [
  ['no boundary', 'x', 'multipart/mixed'],
  ['JSON', '{"requests":[]}', 'application/json'],
  [
    'no end',
    '--b\r\nContent-Type: application/http\r\n\r\nGET /leads HTTP/1.1\r\n',
    'multipart/mixed; boundary=b',
  ],
  [
    'no request line',
    multipart('b', ['Content-Type: application/http\r\n\r\n\r\n']),
    'multipart/mixed; boundary=b',
  ],
  [
    '1,001 operations',
    multipart('b', Array(1001).fill(operation('GET leads'))),
    'multipart/mixed; boundary=b',
  ],
]
for (const [name, body, type] of broken) {
  test(`a batch with ${name} is refused as a whole`, async () => {
    await using client = await connect()
    const answer = await client.send('POST', '$batch', body, { 'content-type': type })
    assert.deepEqual([answer.status, answer.code], [400, '0x80048d19'])
  })
}

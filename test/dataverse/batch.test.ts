import assert from 'node:assert/strict'
import test from 'node:test'
import { readBatch, writeBatch } from '../../src/dataverse/batch.ts'
import type { Reply } from '../../src/dataverse/verdict.ts'
import { Unavailable } from '../../src/errors.ts'

const taken = '{"error":{"code":"0x80040237","message":"A record with matching key values already exists."}}'
const body = [
  '--batchresponse_c1',
  'Content-Type: application/http',
  'Content-Transfer-Encoding: binary',
  '',
  'HTTP/1.1 204 No Content',
  'OData-Version: 4.0',
  'OData-EntityId: https://contoso.crm.dynamics.com/api/data/v9.2/leads(0b1d7c5e-6c0a-5f1e-9d56-0a2f3f6f8b11)',
  '',
  '',
  '--batchresponse_c1',
  'Content-Type: application/http',
  'Content-ID: 2',
  '',
  'HTTP/1.1 412 Precondition Failed',
  'REQ_ID: de4c5227-4a28-4ebd-8ced-3392ece1697b',
  'Content-Type: application/json; odata.metadata=minimal',
  'Retry-After: 7',
  '',
  taken,
  '--batchresponse_c1--',
  '',
]

function reply(text: string, contentType = 'multipart/mixed; boundary=batchresponse_c1'): Reply {
  return { status: 200, contentType, requestId: 'outer', retryAfter: undefined, body: text }
}

const expected: Reply[] = [
  { status: 204, contentType: undefined, requestId: 'outer', retryAfter: undefined, body: '' },
  {
    status: 412,
    contentType: 'application/json; odata.metadata=minimal',
    requestId: 'de4c5227-4a28-4ebd-8ced-3392ece1697b',
    retryAfter: '7',
    body: taken,
  },
]

const readable: [string, Reply][] = [
  ['as documented', reply(body.join('\r\n'))],
  ['with bare line feeds', reply(body.join('\n'))],
  ['with a quoted boundary', reply(body.join('\r\n'), 'multipart/mixed; boundary="batchresponse_c1"')],
  [
    'with other parameters',
    reply(body.join('\r\n'), 'Multipart/Mixed;charset=utf-8; Boundary=batchresponse_c1'),
  ],
  ['with a preamble and an epilogue', reply(`hello\r\n${body.join('\r\n')}goodbye`)],
]

for (const [name, given] of readable) {
  test(`a batch reply ${name} is read`, () => {
    assert.deepEqual(readBatch(given, 2), { replies: expected, stopped: false })
  })
}

const whole = body.join('\r\n')
const unreadable: [string, Reply, number][] = [
  ['cut before its end', reply(whole.slice(0, whole.lastIndexOf('--batchresponse_c1--'))), 2],
  ['cut inside its end', reply(whole.slice(0, whole.lastIndexOf('--'))), 2],
  ['with a part too few, and no error at its end', reply(whole.replace('412', '200')), 3],
  ['with a part too many', reply(whole), 1],
  ['that is plain JSON', reply('{"value":[]}', 'application/json'), 1],
  ['without a boundary', reply(whole, 'multipart/mixed'), 2],
  ['with a part that is no HTTP', reply('--batchresponse_c1\r\n\r\nhello\r\n--batchresponse_c1--\r\n'), 1],
  ['that is empty', reply(''), 1],
]

for (const [name, given, count] of unreadable) {
  test(`a batch reply ${name} is an unknown outcome that keeps the request id`, () => {
    assert.throws(
      () => readBatch(given, count),
      (error) => error instanceof Unavailable && error.vendorRequestId === 'outer',
    )
  })
}

test('a batch reply that ends with an error is read as far as it goes, and proves nothing was executed by its status', () => {
  const ended = reply(whole)
  assert.deepEqual(readBatch(ended, 3), { replies: expected, stopped: false })
  assert.deepEqual(readBatch({ ...ended, status: 412 }, 3), { replies: expected, stopped: true })
})

test('a batch is written with CRLF, one section for each part, and an end', () => {
  const text = writeBatch('batch_7f', [
    { method: 'GET', path: '/api/data/v9.2/leads?$top=1', headers: { accept: 'application/json' } },
    { method: 'POST', path: '/api/data/v9.2/leads', body: '{"lastname":"Ng"}' },
  ])
  assert.deepEqual(text.split('\r\n'), [
    '--batch_7f',
    'Content-Type: application/http',
    'Content-Transfer-Encoding: binary',
    '',
    'GET /api/data/v9.2/leads?$top=1 HTTP/1.1',
    'accept: application/json',
    '',
    '',
    '--batch_7f',
    'Content-Type: application/http',
    'Content-Transfer-Encoding: binary',
    '',
    'POST /api/data/v9.2/leads HTTP/1.1',
    'Content-Type: application/json',
    '',
    '{"lastname":"Ng"}',
    '--batch_7f--',
    '',
  ])
})

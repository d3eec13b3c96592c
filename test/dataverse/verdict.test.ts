import assert from 'node:assert/strict'
import test from 'node:test'
import { errorOf, judge, type Reply, vendorError } from '../../src/dataverse/verdict.ts'
import { Unauthorized } from '../../src/errors.ts'

function reply(status: number, body: string): Reply {
  return { status, body, contentType: undefined, requestId: 'r1', retryAfter: undefined }
}

function withCode(status: number, code: string, message = 'a message in any language'): Reply {
  return reply(status, JSON.stringify({ error: { code, message } }))
}

function numbered(status: number, code: number): Reply {
  return reply(status, JSON.stringify({ error: { code, message: '' } }))
}

const html = '<html><body>Bad Gateway</body></html>'

const table: [string, Reply, string][] = [
  ['204', reply(204, ''), 'answer'],
  ['200', reply(200, '{}'), 'answer'],
  ['a missing row', withCode(404, '0x80040217'), 'answer'],
  ['a taken id', withCode(412, '0x80040237'), 'answer'],
  ['a duplicate rule, new status', withCode(412, '0x80040333'), 'answer'],
  ['a duplicate rule, old status', withCode(500, '0x80040333'), 'answer'],
  ['an alternate key', withCode(412, '0x80060892'), 'answer'],
  ['a stale etag', withCode(412, '0x80060882'), 'answer'],
  ['401 without a body', reply(401, ''), 'token-refused'],
  ['401 as HTML', reply(401, html), 'token-refused'],
  ['an expired token by code', withCode(400, '0x80041d52'), 'token-refused'],
  ['too many at a time', withCode(429, '0x80072326'), 'throttled concurrency'],
  ['too many', withCode(429, '0x80072322'), 'throttled requests'],
  ['too long', withCode(429, '0x80072321'), 'throttled execution-time'],
  ['a code in upper case', withCode(429, '0X80072321'), 'throttled execution-time'],
  ['429 of a gateway', reply(429, html), 'throttled other'],
  ['no application user', withCode(403, '0x80072560'), 'forbidden'],
  ['a missing privilege', withCode(403, '0x80040220'), 'forbidden'],
  ['a missing privilege under another status', withCode(400, '0x80040220'), 'forbidden'],
  ['403 of an unknown kind', withCode(403, '0x80099999'), 'forbidden'],
  ['403 as HTML', reply(403, html), 'forbidden'],
  ['a text that is too long', withCode(400, '0x80044331'), 'refused'],
  ['an unknown path segment', withCode(404, '0x80060888'), 'refused'],
  ['an empty code', withCode(400, ''), 'refused'],
  ['404 with an empty code', withCode(404, ''), 'unknown'],
  ['404 as HTML', reply(404, html), 'unknown'],
  ['400 as HTML', reply(400, html), 'unknown'],
  ['400 cut in the middle', reply(400, '{"error":{"code":"0x8004'), 'unknown'],
  ['a deadlock', withCode(500, '0x80044150'), 'unknown'],
  ['UnExpected with 400', withCode(400, '0x80040216'), 'unknown'],
  ['502 as HTML', reply(502, html), 'unknown'],
  ['503', withCode(503, '0x8005f103'), 'unknown'],
  ['the same with 400', withCode(400, '0x8005f103'), 'throttled other'],
  ['a governor with 400', withCode(400, '0x8004a001'), 'throttled other'],
  ['no sandbox worker, with 400', withCode(400, '0x8004418d'), 'unknown'],
  ['no sandbox host, as a signed decimal', withCode(400, '-2147204722'), 'unknown'],
  ['a plug-in that timed out, as a number', numbered(400, -2147204749), 'unknown'],
  ['an SQL time-out, with 400', withCode(400, '0x80044151'), 'unknown'],
  ['a time-out that only the text names', withCode(400, '0x0', 'SQL timeout expired.'), 'unknown'],
  [
    'a sandbox that only the text names',
    withCode(400, '', 'no Sandbox Hosts are currently available'),
    'unknown',
  ],
  [
    'a deadlock inside the text of a plug-in',
    withCode(400, '0x80040265', 'Generic SQL error. CRM ErrorCode: -2147204784 Sql Number: 1205'),
    'unknown',
  ],
  [
    'a plug-in that asks a person to try again later',
    withCode(400, '0x80040265', 'The VAT number is unknown: try again later with another one.'),
    'refused',
  ],
  [
    'the missing privilege of a plug-in, which is not ours',
    withCode(400, '0x80040265', 'ErrorCode: 0x80040220'),
    'refused',
  ],
  ['a disabled organisation with 400', withCode(400, '0x8004a104'), 'forbidden'],
  ['a full storage with 400', withCode(400, '0x80072325'), 'forbidden'],
  ['our user is disabled', withCode(403, '0x80040225'), 'forbidden'],
  ['an owner is disabled', withCode(400, '0x80040225'), 'refused'],
  ['an owner without privileges', withCode(403, '0x80040231'), 'refused'],
  ['an IP firewall with 401', withCode(401, '0x80095ffe'), 'forbidden'],
  [
    'a missing table',
    withCode(404, '0x80060888', "Resource not found for the segment 'leads'."),
    'forbidden',
  ],
  ['408', withCode(408, '0x1'), 'unknown'],
  ['a redirect', reply(302, ''), 'unknown'],
]

for (const [name, given, expected] of table) {
  test(`${name} is ${expected}`, () => {
    const verdict = judge(given)
    const shown = verdict.kind === 'throttled' ? `throttled ${verdict.cause}` : verdict.kind
    assert.equal(shown, expected)
  })
}

test('an error says what the vendor wrote in a member of its own, and nowhere else but for a missing privilege', () => {
  const secret = 'Principal user (Id=ada@example.invalid) is missing prvCreateLead privilege'
  const denied = withCode(403, '0x80040220', secret)
  const error = errorOf(judge(denied), denied, 0)
  assert.ok(error instanceof Unauthorized)
  assert.match(error.detail.advice, /prvCreateLead/)
  assert.deepEqual([error.detail.vendorCode, error.detail.vendorRequestId], ['0x80040220', 'r1'])
  for (const given of table.map(([, one]) => one)) {
    const thrown = errorOf(judge(given), given, 0)
    assert.doesNotMatch(allButWords(thrown), /any language|Bad Gateway/)
  }
  assert.equal(error.detail.vendorMessage, secret)
  assert.doesNotMatch(allButWords(error), /example\.invalid/)
})

test("an envelope without a code is one still, and other people's JSON is none", () => {
  assert.deepEqual(vendorError(reply(400, '{"error":{"message":"m"}}')), { code: undefined, message: 'm' })
  assert.equal(vendorError(reply(400, '{"error":"m"}')), undefined)
  assert.equal(vendorError(reply(400, '[]')), undefined)
})

function allButWords(error: Error | undefined): string {
  return `${error?.message} ${JSON.stringify(error, (name, value) => (name === 'vendorMessage' ? undefined : value))}`
}

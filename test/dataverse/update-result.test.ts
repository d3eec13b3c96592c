import assert from 'node:assert/strict'
import test from 'node:test'
import { type Update, updateResult } from '../../src/dataverse/rows.ts'
import type { Reply } from '../../src/dataverse/verdict.ts'
import { Busy, Rejected, Unavailable } from '../../src/errors.ts'
import { guid } from './batch-rig.ts'

const id = guid(1)
const update: Update = { ref: { table: 'lead', id }, etag: 'W/"1"', columns: { lastname: 'Ng' } }
const bound = { ...update, columns: { 'parentcontactid@odata.bind': `/contacts(${guid(9)})` } }

function part(status: number, body: unknown): Reply {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return { status, body: text, contentType: undefined, requestId: 'r1', retryAfter: undefined }
}

function error(status: number, code: string, message = 'in any language'): Reply {
  return part(status, { error: { code, message } })
}

const row = { '@odata.etag': 'W/"2"', leadid: id, lastname: 'Ng' }
const absent = (missing: string) => `Entity 'lead' With Id = ${missing} Does Not Exist`
const tooLong = "The length of the 'lastname' attribute of the 'lead' entity exceeded the maximum"

const table: [string, Reply, string][] = [
  ['the row as it is now', part(200, row), 'updated'],
  ['a row whose id is in upper case', part(200, { ...row, leadid: id.toUpperCase() }), 'updated'],
  ['a success without the row', part(204, ''), 'unknown'],
  ['a success with a row cut off', part(200, JSON.stringify(row).slice(0, 30)), 'unknown'],
  ["a success with somebody else's row", part(200, { ...row, leadid: guid(2) }), 'unknown'],
  ['a row without an etag', part(200, { leadid: id }), 'unknown'],
  ['a stale etag', error(412, '0x80060882'), 'stale'],
  ['a 412 with a code nobody knows', error(412, '0x80099999'), 'stale'],
  ['a 412 with an empty code', error(412, ''), 'stale'],
  ['a 412 as HTML', part(412, '<html>'), 'unknown'],
  ['a duplicate rule', error(412, '0x80040333'), 'refused duplicate-detected'],
  ['a duplicate rule with its old status', error(500, '0x80040333'), 'refused duplicate-detected'],
  ['an alternate key', error(412, '0x80060892'), 'refused duplicate-detected'],
  ['a unique index', error(412, '0x80040237'), 'refused duplicate-detected'],
  ['a 404 that names the row', error(404, '0x80040217', absent(id.toUpperCase())), 'missing'],
  ['a 404 that names no row', error(404, '0x80040217'), 'missing'],
  ['a 404 that names another row', error(404, '0x80040217', absent(guid(9))), 'refused lookup-not-found'],
  ['a missing row under another status', error(400, '0x80040217', absent(id)), 'refused lookup-not-found'],
  ['a missing alternate key', error(404, '0x80060891', absent(id)), 'refused lookup-not-found'],
  ['a 404 for a path', error(404, '0x80060888'), 'refused mapping-invalid'],
  ['a 404 without a code', error(404, ''), 'unknown'],
  ['a 404 as HTML', part(404, '<html>'), 'unknown'],
  ['a text that is too long', error(400, '0x80044331', tooLong), 'refused field-too-long lastname'],
  ['an unknown column', error(400, '0x80048d19', "property 'nope' is"), 'refused mapping-invalid nope'],
  ['a plug-in that objects', error(400, '0x80040265'), 'refused business-rule'],
  ['an empty code', error(400, ''), 'refused refused-without-reason'],
  ['a missing privilege', error(403, '0x80040220', 'prvWriteLead'), 'refused privilege-missing'],
  ['a row that is out of reach', error(403, '0x80048306'), 'refused privilege-missing'],
  ['a disabled organisation', error(400, '0x8004a104'), 'unsent 700 organisation-disabled'],
  ['an IP firewall', error(403, '0x80095ffe'), 'unsent 700 ip-address-blocked'],
  ['a token that ended', error(401, '0x80041d52'), 'unsent 700 token-refused'],
  ['a throttled part', error(429, '0x80072321'), 'unsent 5000'],
  ['a deadlock', error(500, '0x80044150', 'Sql-Nummer: 1205'), 'unsent 700'],
  ['another SQL error', error(500, '0x80044150', 'Sql Number: 8152'), 'unknown'],
  ['a concurrent operation', error(500, '0x80071154'), 'unsent 700'],
  ['an overloaded database', error(503, '0x80072324'), 'unsent 700'],
  ['a SQL time-out', error(500, '0x80044151'), 'unknown'],
  ['UnExpected with 400', error(400, '0x80040216'), 'unknown'],
  ['a 408', error(408, '0x1'), 'unknown'],
  ['a 502 as HTML', part(502, '<html>'), 'unknown'],
  ['a redirect', part(302, ''), 'unknown'],
]

function shown(outcome: Parameters<typeof updateResult>[0], given = update): string {
  const result = updateResult(outcome, given, 700)
  switch (result.kind) {
    case 'refused':
      return ['refused', result.detail.code, ...(result.detail.field ? [result.detail.field] : [])].join(' ')
    case 'unsent':
      return ['unsent', result.retryAfterMs, ...(result.because ? [result.because.detail.code] : [])].join(
        ' ',
      )
    default:
      return result.kind
  }
}

for (const [name, reply, expected] of table) {
  test(`an update answered by ${name} is ${expected}`, () => {
    assert.equal(shown({ kind: 'reply', reply, waitMs: 5_000 }), expected)
  })
}

test('with a look-up on board a 404 that names no row may be about its target, and buries nobody', () => {
  const nameless = { kind: 'reply', reply: error(404, '0x80040217'), waitMs: 0 } as const
  assert.equal(shown(nameless, bound), 'refused lookup-not-found')
  const named = { kind: 'reply', reply: error(404, '0x80040217', absent(id)), waitMs: 0 } as const
  assert.equal(shown(named, bound), 'missing')
})

test('without a reply, only what may have left is unknown', () => {
  const lost = new Unavailable('no answer')
  assert.equal(shown({ kind: 'no-reply', error: lost, sent: true }), 'unknown')
  assert.equal(shown({ kind: 'no-reply', error: lost, sent: false }), 'unsent 700')
  assert.equal(shown({ kind: 'no-reply', error: new Busy('wait', 9_000), sent: true }), 'unsent 9000')
  const detail = { code: 'too-large', advice: 'x' }
  assert.equal(shown({ kind: 'no-reply', error: new Rejected('x', detail), sent: true }), 'refused too-large')
})

test('a refusal has the codes that support asks for, and what the vendor wrote in its own member alone', () => {
  const secret = `${tooLong}: Ada Lovelace`
  const result = updateResult(
    { kind: 'reply', reply: error(400, '0x80044331', secret), waitMs: 0 },
    update,
    700,
  )
  assert.ok(result.kind === 'refused')
  const { vendorCode, vendorMessage, vendorRequestId, ...ours } = result.detail
  assert.deepEqual([vendorCode, vendorMessage, vendorRequestId], ['0x80044331', secret, 'r1'])
  assert.doesNotMatch(JSON.stringify(ours), /Lovelace/)
})

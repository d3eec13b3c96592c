import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from './client.ts'

const ID = '0b1d7c5e-6c0a-5f1e-9d56-0a2f3f6f8b11'
const USERS = '3f0a2c11-5c1e-ee11-8179-000d3a8b00'
const refusals: [name: string, body: unknown, status: number, code: string][] = [
  ['text that is too long', { lastname: 'x'.repeat(51) }, 400, '0x80044331'],
  ['a choice that does not exist', { leadsourcecode: 99 }, 400, '0x8004431a'],
  ['a number out of range', { numberofemployees: 1_000_001 }, 400, '0x8004432f'],
  ['a status of another state', { statecode: 0, statuscode: 3 }, 400, '0x80048408'],
  ['an unknown column', { nope: 1 }, 400, '0x80048d19'],
  ['a prototype key', '{"__proto__":{"lastname":"x"}}', 400, '0x80048d19'],
  ['a number for text', { lastname: 7 }, 400, '0x80048d19'],
  ['a date without a zone', { overriddencreatedon: '2026-01-01T00:00:00' }, 400, '0x80048d19'],
  ['a look-up by its column', { _ownerid_value: `${USERS}12` }, 400, '0x80048d19'],
  ['a wrongly cased navigation', { 'ParentContactId@odata.bind': `/contacts(${ID})` }, 400, '0x80048d19'],
  ['a look-up to a missing row', { 'parentcontactid@odata.bind': `/contacts(${ID})` }, 404, '0x80040217'],
  ['a look-up into no table', { 'parentcontactid@odata.bind': `/contactz(${ID})` }, 400, '0x80060888'],
  ['an owner who is disabled', { 'ownerid@odata.bind': `/systemusers(${USERS}14)` }, 400, '0x80040225'],
  ['an owner who does not exist', { 'ownerid@odata.bind': `/systemusers(${ID})` }, 404, '0x80040217'],
  ['broken JSON', '{"lastname":', 400, '0x80048d19'],
]
for (const [name, body, status, code] of refusals) {
  test(`a create with ${name} is refused with ${code} and leaves nothing behind`, async () => {
    await using client = await connect()
    const answer = await client.send('POST', 'leads', body)
    assert.deepEqual([answer.status, answer.code], [status, code], answer.text)
    assert.deepEqual(client.sandbox.dataverse.commits, [])
  })
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { connect } from './client.ts'

/** Pieces of real requests, glued at random: closer to trouble than noise is. */
const pieces = [
  'leads',
  'contacts',
  '$batch',
  'EntityDefinitions',
  "(LogicalName='lead')",
  '/Attributes',
  '/',
  '(',
  ')',
  "'",
  "''",
  '?',
  '&',
  '$filter=',
  '$select=',
  '$orderby=',
  '$top=',
  '$skiptoken=',
  '$expand=',
  '$count',
  'lastname',
  'statecode',
  ' eq ',
  ' and ',
  ' or ',
  'not ',
  'contains(',
  ',',
  '@p1',
  '=',
  '[',
  ']',
  '"',
  'null',
  '-1',
  '1e999',
  '%',
  '%27',
  '%2',
  '+',
  '0b1d7c5e-6c0a-5f1e-9d56-0a2f3f6f8b11',
  'Microsoft.Dynamics.CRM.In(PropertyName=',
  '__proto__',
  'constructor',
  '\u{1F98A}',
  '\\',
  '--b',
  '\r\n',
  'Content-Type: application/http',
  'GET leads HTTP/1.1',
]
const text = fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((parts) => parts.join(''))
const values = fc.oneof(text, fc.integer(), fc.constant(null), fc.boolean(), fc.constant([]), fc.constant({}))
const names = fc.constantFrom(
  'lastname',
  'leadid',
  'statecode',
  'ownerid@odata.bind',
  'revenue',
  '__proto__',
  'nope',
  'createdon',
)
const bodies = fc.oneof(
  text,
  fc.dictionary(names, values).map((body) => JSON.stringify(body)),
)

test('no request, however broken, is answered with a 5xx or leaves the sandbox deaf', async () => {
  await using client = await connect({ limits: { requestsPerWindow: 1_000_000 } })
  const methods = fc.constantFrom('GET', 'POST', 'PATCH', 'PUT', 'DELETE')
  const types = fc.constantFrom('application/json', 'multipart/mixed; boundary=b', 'text/plain')
  await fc.assert(
    fc.asyncProperty(methods, text, bodies, types, async (method, path, body, type) => {
      const encoded = path
        .replace(/[^\x21-\x7e]/gu, (char) => encodeURIComponent(char))
        .replaceAll('#', '%23')
      const answer = await client.send(method, encoded, method === 'GET' ? undefined : body, {
        'content-type': type,
      })
      assert.ok(answer.status < 500, `${method} ${path}: ${answer.status} ${answer.text}`)
    }),
    { numRuns: 1500 },
  )
  assert.equal((await client.send('GET', 'WhoAmI')).status, 200)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { startSandbox } from '../../sandbox/index.ts'
import { connectMarketo, resultOf } from './marketo-client.ts'

/** Pieces of real requests, glued at random: closer to trouble than noise is. */
const pieces = ['leads.json', 'lead/', '1001.json', 'leads/describe2.json', 'filterType=', 'filterValues=']
  .concat(['fields=', 'nextPageToken=', '6F====', 'batchSize=', '-1', '1e999', '_method=GET', 'id', 'email'])
  .concat(['__proto__', 'constructor', '?', '&', '=', ',', '/', '..', '%', '%2', '%2C', '+', '#', ' '])
  .concat(['\u{1F98A}', "'", '"', 'null', 'activities.json', 'activities/leadchanges.json'])
  .concat(['activities/pagingtoken.json', 'sinceDatetime=', '2026-01-01', '9e99-01-01T00:00:00Z', 'fields='])
  .concat(['activities/external.json', 'leads/delete.json', 'leads/schema/fields.json', '{"input":[{'])
  .concat([
    '"email":',
    '"a@b.c"',
    '"id":',
    '}]}',
    '[]',
    '{}',
    '{"input":[{"leadId":1001}]}',
    'stats/usage.json',
  ])
const text = fc.array(fc.constantFrom(...pieces), { maxLength: 12 }).map((parts) => parts.join(''))

test('no request, however broken, is answered with a 5xx or a 611', async () => {
  await using client = await connectMarketo({ marketo: { limits: { callsPerWindow: 1_000_000 } } })
  client.marketo.seed({ email: 'ann@example.com' })
  const methods = fc.constantFrom('GET', 'POST', 'PUT', 'DELETE')
  const types = fc.constantFrom('application/json', 'application/x-www-form-urlencoded', 'text/plain')
  await fc.assert(
    fc.asyncProperty(methods, text, text, types, async (method, path, body, type) => {
      const encoded = path.replace(/[^\x21-\x7e]/gu, encodeURIComponent).replaceAll('#', '%23')
      const headers = { authorization: `Bearer ${client.token}`, 'content-type': type }
      const init = { method, headers, ...(method !== 'GET' && { body }) }
      const answer = await client.send(`/rest/v1/${encoded}`, init)
      assert.ok(answer.status < 500, `${method} ${path}: ${answer.status}`)
      assert.doesNotMatch(answer.text, /"code":"611"/, `${method} ${path}`)
    }),
    { numRuns: 1000 },
  )
  assert.equal(resultOf(await client.send('/rest/v1/lead/1001.json')).length, 1)
})

test('a token of encoding JSON or Form/Url reads back as the value that went in, trimmed', async () => {
  await using sandbox = await startSandbox()
  const { marketo } = sandbox
  const id = marketo.seed({})
  const values = fc.string({ unit: 'binary', minLength: 1, maxLength: 255 }).filter((s) => s.isWellFormed())
  await fc.assert(
    fc.asyncProperty(values, async (value) => {
      marketo.update(id, { title: value })
      const url = 'http://127.0.0.1:1/'
      const webhook = { url, personId: id, template: 'v={{lead.Job Title}}' }
      const json = await marketo.callWebhook({ ...webhook, encoding: 'JSON' })
      assert.equal(JSON.parse(json.sent?.body.slice(2) ?? ''), value.trim())
      const form = await marketo.callWebhook({ ...webhook, encoding: 'Form/Url' })
      assert.equal(new URLSearchParams(form.sent?.body).get('v'), value.trim())
    }),
    { numRuns: 200 },
  )
})

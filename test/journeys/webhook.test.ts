import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { created, REST, type Rig, startRig, WEBHOOK } from './rig.ts'

const post = (rig: Rig, body: string, contentType?: string) =>
  rig.request('POST', WEBHOOK, {
    body: Buffer.from(body),
    headers: contentType === undefined ? {} : { 'content-type': contentType },
  })

/** What Marketo sends for a template with unquoted tokens under Request Token Encoding JSON. */
const FLAT = `{ "schema": "v1", "marketoId": 4711, "email": "ann@example.com", "firstName": "Ann \\"A.\\"", "lastName": "Ek",
  "company": "", "unsubscribed": "TRUE", "program": "Spring Fair", "campaignId": 2044, "campaignName": "Fair" }`

describe('a Marketo webhook', () => {
  const bodies: [title: string, body: string, contentType: string | undefined][] = [
    ['JSON with its content type', FLAT, 'application/json'],
    ['JSON without a content type', FLAT, undefined],
    ['JSON with a content type that is none', FLAT, 'json'],
    ['JSON with an empty content type', FLAT, ''],
    ['JSON that calls itself text', FLAT, 'text/plain;charset=UTF-8'],
    ['JSON that calls itself a form', FLAT, 'application/x-www-form-urlencoded'],
    [
      'a form',
      'marketoId=4711&email=ann%40example.com&firstName=Ann+%22A.%22&lastName=Ek&company=&unsubscribed=true&campaignId=2044&campaignName=Fair',
      'application/x-www-form-urlencoded',
    ],
    [
      'JSON nested as in the REST endpoint',
      '{"person":{"marketoId":"4711","email":"ann@example.com","firstName":"Ann \\"A.\\"","lastName":"Ek","unsubscribed":true},"campaign":{"id":"2044","name":"Fair"}}',
      'application/json',
    ],
  ]
  for (const [title, body, contentType] of bodies) {
    it(`is understood when it sends ${title}`, async () => {
      await using rig = await startRig()
      const reply = await post(rig, body, contentType)
      assert.deepEqual([reply.status, reply.body.outcome], [200, 'created'], reply.text)
      const row = rig.sandbox.dataverse.row('lead', String(reply.body.recordId))
      assert.deepEqual(
        [row?.firstname, row?.lastname, row?.companyname ?? null, row?.donotbulkemail],
        ['Ann "A."', 'Ek', null, true],
      )
      const { activities } = (await rig.request('GET', '/v1/people/4711/activities')).body
      assert.ok(Array.isArray(activities))
      assert.deepEqual(activities[0].campaign, { id: '2044', name: 'Fair' })
    })
  }

  it('gets a small flat answer with 200 for every outcome', async () => {
    await using rig = await startRig({ WEBHOOK_DEADLINE_MS: '2000' })
    await post(rig, '{"marketoId":1,"lastName":"Warm up"}')
    const made = await post(rig, FLAT)
    const known = await post(rig, FLAT)
    const failed = await post(rig, '{"marketoId":2,"lastName":""}')
    rig.sandbox.dataverse.bend({ operation: 'batch', how: { kind: 'hang-before-commit' } })
    const queued = await post(rig, '{"marketoId":3,"lastName":"Ek"}')
    const replies = [made, known, failed, queued]
    assert.deepEqual(
      replies.map(({ status, body }) => [status, body.outcome, body.code]),
      [
        [200, 'created', undefined],
        [200, 'exists', undefined],
        [200, 'failed', 'field-required'],
        [200, 'queued', 'in-progress'],
      ],
    )
    for (const { text, body } of replies) {
      assert.ok(text.length < 1_024)
      for (const [key, value] of Object.entries(body)) {
        assert.match(key, /^[A-Za-z0-9_-]+$/)
        assert.ok(['string', 'number'].includes(typeof value), 'flat, and absent rather than null')
      }
    }
  })

  it('is told what is wrong with a template that quotes its tokens', async () => {
    await using rig = await startRig()
    const reply = await post(rig, '{"marketoId": "4711", "email": ""ann@example.com""}', 'application/json')
    assert.deepEqual([reply.status, reply.body.code], [400, 'template-doubly-quoted'])
    assert.match(String(reply.body.advice), /without quotes|remove the quotes/i)
    assert.deepEqual(created(rig), [])
  })

  it('is refused by name when it sends a field that is not selected', async () => {
    await using rig = await startRig()
    const reply = await post(rig, '{"marketoId": 4711, "shoeSize": 44}')
    assert.deepEqual(
      [reply.status, reply.body.code, reply.body.field],
      [400, 'unknown-member', 'person.shoeSize'],
    )
  })

  it('may be as large as a megabyte and no larger', async () => {
    await using rig = await startRig()
    const withNotes = (length: number) =>
      JSON.stringify({ marketoId: 1, lastName: 'Ek', mktoPersonNotes: 'n'.repeat(length) })
    assert.equal((await post(rig, withNotes(100_000))).status, 400, 'the field itself is bounded')
    assert.equal((await post(rig, withNotes(1_100_000))).status, 413)
  })
})

describe('whatever is sent, the answer is defined, nothing is a 5xx, and nothing reaches Dynamics', () => {
  const json = 'application/json'
  const cases: [title: string, body: string, contentType: string, status: number][] = [
    ['malformed JSON', '{"person":', json, 400],
    ['no body', '', json, 400],
    ['an array', '[]', json, 400],
    ['a duplicate key', '{"person":{"marketoId":1,"marketoId":2}}', json, 400],
    ['a number beyond 2^53', '{"person":{"marketoId":9007199254740993}}', json, 400],
    ['a prototype key', '{"person":{"marketoId":1,"__proto__":{"x":1}}}', json, 400],
    ['an unknown member', '{"person":{"marketoId":1},"force":true}', json, 400],
    ['an object for a field', '{"person":{"marketoId":1,"lastName":{"x":1}}}', json, 400],
    ['an id that is none', '{"person":{"marketoId":-1}}', json, 400],
    ['nobody', '{"person":{"email":"n/a"}}', json, 400],
    ['a record type that is none', '{"person":{"marketoId":1},"syncAs":"account"}', json, 400],
    ['another content type', '<person/>', 'application/xml', 415],
    [
      'more than 64 KB',
      JSON.stringify({ person: { marketoId: 1, lastName: 'x'.repeat(70_000) } }),
      json,
      413,
    ],
  ]
  it('at the REST endpoint', async () => {
    await using rig = await startRig()
    for (const [title, body, contentType, status] of cases) {
      const reply = await rig.request('POST', REST, { body, headers: { 'content-type': contentType } })
      assert.equal(reply.status, status, `${title}: ${reply.text}`)
      assert.equal(reply.headers.get('content-type'), 'application/problem+json; charset=utf-8', title)
      assert.equal(typeof reply.body.code, 'string', title)
    }
    assert.deepEqual(created(rig), [])
  })

  it('at paths and with methods that do not exist', async () => {
    await using rig = await startRig()
    assert.equal((await rig.request('GET', '/v2')).status, 404)
    const reply = await rig.request('GET', REST)
    assert.deepEqual([reply.status, reply.headers.get('allow')], [405, 'POST'])
    assert.equal((await rig.request('GET', '/v1/people/x')).status, 400)
    assert.equal((await rig.request('GET', '/v1/people/1/activities?limit=0')).status, 400)
    assert.equal(
      (await rig.request('GET', `/v1/requests/${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}`)).status,
      404,
    )
  })

  it('without a key: the same 401 at every endpoint', async () => {
    await using rig = await startRig()
    const bodies = new Set<string>()
    for (const headers of [
      { 'x-api-key': '' },
      { 'x-api-key': 'wrong' },
      { 'x-api-key': '', authorization: 'Bearer no' },
    ]) {
      for (const path of [REST, WEBHOOK]) {
        const reply = await rig.request('POST', path, { headers, body: '{' })
        assert.equal(reply.status, 401)
        bodies.add(reply.text)
      }
    }
    assert.equal(bodies.size, 1)
  })

  it('no log line holds the person, the key or a token', async () => {
    await using rig = await startRig()
    await post(rig, FLAT)
    await rig.sync({ marketoId: 5, email: 'secret.person@example.com', lastName: 'Geheimrat' })
    rig.sandbox.dataverse.bend({ operation: 'batch', how: { kind: 'reset-before-commit' } })
    await rig.sync({ marketoId: 6, email: 'other.person@example.com', lastName: 'Geheimrat' })
    assert.ok(rig.log.length > 5)
    assert.doesNotMatch(rig.log.join('\n'), /ann@|secret\.person|other\.person|Geheimrat|journey-key/)
  })
})

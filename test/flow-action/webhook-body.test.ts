import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readWebhookBody, type WebhookMembers } from '../../src/flow-action/webhook-body.ts'

function members(body: string | Uint8Array, contentType?: string): WebhookMembers {
  const read = readWebhookBody(body, contentType)
  assert(read.ok, read.ok ? '' : `${read.problem.code}: ${read.problem.detail}`)
  return read.members
}

function problem(body: string | Uint8Array, contentType?: string) {
  const read = readWebhookBody(body, contentType)
  assert(!read.ok, 'the body was accepted')
  return read.problem
}

const FLAT = `{ "schema": "v1", "marketoId": 4711, "email": "ann@example.org",
  "firstName": "Ann \\"A.\\"", "lastName": "Ek", "company": "",
  "program": "Spring Fair", "campaignId": 2044, "campaignName": "Fair follow-up" }`

const ANN: WebhookMembers = {
  person: { marketoId: 4711, email: 'ann@example.org', firstName: 'Ann "A."', lastName: 'Ek' },
  campaign: { id: 2044, name: 'Fair follow-up' },
}

const CONTENT_TYPES = [
  'application/json',
  'application/json; charset=utf-8',
  undefined,
  '',
  'text/plain',
  'text/plain;charset=UTF-8',
  'application/x-www-form-urlencoded',
  'application/octet-stream',
]
for (const contentType of CONTENT_TYPES) {
  test(`reads a flat JSON template sent as ${contentType ?? 'nothing'}`, () => {
    assert.deepEqual(members(FLAT, contentType), ANN)
  })
}

test('reads bytes with a byte order mark and leading line breaks', () => {
  assert.deepEqual(members(Buffer.from(`\uFEFF\r\n${FLAT}`)), ANN)
})

test('reads a nested person and campaign, with syncAs and assignTo beside them', () => {
  const body = JSON.stringify({
    person: { marketoId: '4711', email: 'ann@example.org', company: '', lastName: null },
    campaign: { id: '2044', name: 'Fair', type: 'trigger' },
    syncAs: 'contact',
    assignTo: 'sales@example.org',
  })
  assert.deepEqual(members(body), {
    person: { marketoId: 4711, email: 'ann@example.org' },
    campaign: { id: 2044, name: 'Fair', type: 'trigger' },
    syncAs: 'contact',
    assignTo: 'sales@example.org',
  })
})

test('reads a form-urlencoded template', () => {
  const body =
    'marketoId=4711&email=ann%2Btag%40example.org&lastName=%C3%85ngstr%C3%B6m+Ek&company=&campaignId=7'
  const expected = {
    person: { marketoId: 4711, email: 'ann+tag@example.org', lastName: 'Ångström Ek' },
    campaign: { id: 7 },
  }
  assert.deepEqual(members(body, 'application/x-www-form-urlencoded'), expected)
  assert.deepEqual(members(body), expected)
})

test('drops empty tokens and nulls, so that absent stays absent', () => {
  const body = '{"email":"a@b.c","firstName":"","lastName":null,"syncAs":"","assignTo":null,"campaignId":""}'
  assert.deepEqual(members(body), { person: { email: 'a@b.c' } })
})

test('leaves unknown members among the fields, where the endpoint refuses them by name', () => {
  assert.deepEqual(members('{"person":{"email":"a@b.c"},"force":true}').person, {
    email: 'a@b.c',
    force: true,
  })
})

test('leaves values of fields as they came: typing them needs the field table', () => {
  const person = members('{"doNotCall":"TRUE","unsubscribed":true,"leadScore":"12","title":"007"}').person
  assert.deepEqual(person, { doNotCall: 'TRUE', unsubscribed: true, leadScore: '12', title: '007' })
})

test('keeps an id that is no plain number for the endpoint to refuse', () => {
  assert.deepEqual(members('{"marketoId":"4711x"}').person, { marketoId: '4711x' })
  assert.deepEqual(members('{"marketoId":"9007199254740993"}').person, { marketoId: '9007199254740993' })
})

const REFUSED: readonly [string, string, string, string?][] = [
  ['a value quoted twice', '{"email": ""ann@example.org""}', 'template-doubly-quoted'],
  ['a spaced value quoted twice', '{"email": "" ann""}', 'template-doubly-quoted'],
  ['an empty value quoted twice', '{"email": """", "a": 1}', 'template-doubly-quoted'],
  ['a date quoted twice', '{"at": ""2026-01-02 03:04:05""}', 'template-doubly-quoted'],
  ['a second value quoted twice', '{"id": 1,\n "email":""a@b.c""}', 'template-doubly-quoted'],
  ['a missing comma after an empty value', '{"a": "" "b": 1}', 'malformed-json'],
  ['an unescaped quote inside a value', '{"company": "Ann "A." Ek"}', 'malformed-json'],
  ['a value without quotes', '{"email": ann@example.org}', 'malformed-json'],
  ['a raw line break', '{"address": "1 Road\nTown"}', 'template-not-encoded'],
  ['a token that was not replaced', '{"email": "{{lead.Email Address}}"}', 'template-unresolved-token'],
  ['a nested token that was not replaced', '{"person":{"x": "{{my.Rep}}"}}', 'template-unresolved-token'],
  ['tokens alone', '{"title": "{{lead.First Name}} - {{lead.Last Name}}"}', 'template-unresolved-token'],
  ['a token within an e-mail', '{"email": "x{{lead.Email}}@x.example"}', 'template-unresolved-token'],
  ['a token within the owner', '{"assignTo": "{{lead.Rep}}@x.example"}', 'template-unresolved-token'],
  ['a token within a name of a campaign', '{"campaign":{"name":"A {{my.X}}"}}', 'template-unresolved-token'],
  ['a comma behind the last member', '{"email": "a@b.c",}', 'malformed-json'],
  ['a comma behind the last member of a person', '{"person":{"email":"a@b.c" ,\n}}', 'malformed-json'],
  ['a default that was not edited', '{"company": "edit me"}', 'template-default-left'],
  ['a duplicate member', '{"email":"a@b.c","email":"d@e.f"}', 'duplicate-key'],
  ['a member both flat and nested', '{"person":{"email":"a@b.c"},"email":"d@e.f"}', 'duplicate-key'],
  ['a campaign id both flat and nested', '{"campaign":{"id":1},"campaignId":2}', 'duplicate-key'],
  ['a prototype key', '{"person":{"__proto__":{}}}', 'forbidden-key'],
  ['an array', '[{"email":"a@b.c"}]', 'malformed-json'],
  ['a string', '"email"', 'malformed-json'],
  ['no body', '', 'empty-body'],
  ['white space', ' \n', 'empty-body'],
  ['a number beyond 2^53', '{"marketoId":9007199254740993}', 'number-out-of-range'],
  ['a person that is a string', '{"person":"Ann"}', 'malformed-body'],
  ['a campaign that is a list', '{"campaign":[1]}', 'malformed-body'],
  ['a form with a raw ampersand', 'company=Smith %26 Sons& Co&lastName=Ek', 'template-not-encoded'],
  ['a form with a raw ampersand and no blanks', 'email=a%40b.c&company=AT&T', 'template-not-encoded'],
  ['a form with an ampersand before a sign of equality', 'company=R& D=1&email=a', 'template-not-encoded'],
  ['a form with a raw plus sign', 'email=ann+x@x.example&lastName=Ek', 'template-not-encoded'],
  ['a form with a raw blank', 'lastName=van Ek', 'template-not-encoded'],
  ['a form with a raw line break', 'lastName=Ek&address=1%0ARoad\nTown', 'template-not-encoded'],
  ['a form with a stray percent sign', 'email=100%', 'malformed-form', 'application/x-www-form-urlencoded'],
  ['a form that is not UTF-8', 'email=%E5', 'malformed-form'],
  ['a form with a duplicate member', 'email=a&email=b', 'duplicate-key'],
  ['a form with a prototype key', '__proto__=1', 'forbidden-key'],
  ['XML', '<person/>', 'malformed-json', 'application/xml'],
]
for (const [what, body, code, contentType] of REFUSED) {
  test(`refuses ${what} as ${code} and says what to change`, () => {
    const refused = problem(body, contentType)
    assert.equal(refused.code, code)
    assert.match(refused.detail, /\.$/)
    assert.match(refused.advice, /\.$/)
    assert.doesNotMatch(`${refused.detail}${refused.advice}`, /ann@|a@b/)
  })
}

test('explains a doubly quoted value by the quotes around the token', () => {
  assert.deepEqual(problem('{"email": ""ann@example.org""}'), {
    code: 'template-doubly-quoted',
    detail: 'A value is quoted twice (line 1, column 13).',
    advice:
      'With Request Token Encoding JSON Marketo adds the quotes itself: remove the quotes around every token, as in {"email": {{lead.Email Address}}}.',
  })
})

test("takes a token that a person's own text quotes for data", () => {
  for (const text of [
    'How do I use {{lead.First Name}}?',
    'It said "Hi {{lead.First Name}}"',
    '{{my.A}} 2',
  ]) {
    assert.deepEqual(members(JSON.stringify({ mktoPersonNotes: text })).person, { mktoPersonNotes: text })
  }
})

test('says where the comma is that has nothing behind it', () => {
  const { detail, advice } = problem('{"email": "a@b.c",\n}')
  assert.equal(detail, 'A comma is not followed by a member (line 2, column 1).')
  assert.match(advice, /Remove the comma/)
})

test('reads a form by hand in which nothing is ambiguous', () => {
  assert.deepEqual(members('email=ann@x.example&lastName=Ek').person, {
    email: 'ann@x.example',
    lastName: 'Ek',
  })
})

test('takes the text null for empty, alone and in lower case, unless it was set otherwise', () => {
  const body =
    '{"email":"a@b.c","firstName":"null","lastName":"Null","title":" null ","city":"null island","syncAs":"null"}'
  const kept = { email: 'a@b.c', lastName: 'Null', city: 'null island' }
  assert.deepEqual(members(body), { person: kept })
  const read = readWebhookBody(body, undefined, { nullTextIsEmpty: false })
  assert(read.ok)
  assert.deepEqual(read.members, { person: { ...kept, firstName: 'null', title: ' null ' }, syncAs: 'null' })
})

test('bounds the members of a form and their names like those of JSON', () => {
  const long = readWebhookBody(`${'n'.repeat(256)}=1`)
  assert.equal(long.ok || long.problem.code, 'key-too-long')
  const many = readWebhookBody('a=1&'.repeat(1_000))
  assert.equal(many.ok || many.problem.code, 'too-many-members')
})

test('reads Sync As in any case', () => {
  assert.equal(members('{"email":"a@b.c","syncAs":" Contact "}').syncAs, 'contact')
  assert.equal(members('{"email":"a@b.c","syncAs":7}').syncAs, 7)
})

test('accepts text with braces that is no token', () => {
  assert.deepEqual(members('{"title":"{{mustache}} expert {x}"}').person, {
    title: '{{mustache}} expert {x}',
  })
})

const fieldName = fc.constantFrom('email', 'firstName', 'lastName', 'company', 'title')
const fieldValue = fc.string({ minLength: 1, unit: 'grapheme' })
const people = fc.dictionary(fieldName, fieldValue, { minKeys: 1 }).map((fields) => ({ ...fields }))

test('loses and changes no value, whether it comes as JSON or as a form', () => {
  fc.assert(
    fc.property(people, (person) => {
      assert.deepEqual(members(JSON.stringify(person)).person, person)
      assert.deepEqual(members(new URLSearchParams(person).toString()).person, person)
    }),
  )
})

test('explains every value that encoding JSON and a quoted token produce together', () => {
  const word = fc.stringMatching(/^[A-Za-z0-9@.-]{1,20}$/)
  fc.assert(
    fc.property(word, (value) => {
      assert.equal(problem(`{"lastName": "${JSON.stringify(value)}"}`).code, 'template-doubly-quoted')
    }),
  )
})

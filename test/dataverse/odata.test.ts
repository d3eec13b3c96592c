import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { anyOf, guidLiteral, stringLiteral } from '../../src/dataverse/odata.ts'
import { Rejected } from '../../src/errors.ts'

/** Reads the literals of `column eq 'x' or …` by OData's own rule: '' inside quotes is one quote. */
function literalsOf(filter: string): string[] {
  const found: string[] = []
  for (let at = 0; at < filter.length; at += 1) {
    if (filter[at] !== "'") continue
    let text = ''
    for (at += 1; ; at += 1) {
      assert.ok(at < filter.length, 'unterminated literal')
      if (filter[at] !== "'") text += filter[at]
      else if (filter[at + 1] === "'") {
        text += "'"
        at += 1
      } else break
    }
    found.push(text)
  }
  return found
}

const anyText = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
  fc.string({ unit: fc.constantFrom("'", '"', '&', '%', '+', '#', '?', '/', '\\', '\r', '\n', '\0', ' ') }),
)

test('any text round-trips as one literal that a URL parser and an OData parser agree on', () => {
  fc.assert(
    fc.property(anyText, anyText, (one, two) => {
      const filter = anyOf([
        { column: 'emailaddress1', literal: stringLiteral(one) },
        { column: 'emailaddress2', literal: stringLiteral(two) },
      ])
      const url = new URL(`http://127.0.0.1/leads?$select=leadid&$filter=${filter}&$top=2`)
      assert.deepEqual([...url.searchParams.keys()], ['$select', '$filter', '$top'])
      const decoded = url.searchParams.get('$filter') ?? ''
      assert.deepEqual(literalsOf(decoded), [one.toWellFormed(), two.toWellFormed()])
      assert.ok(decoded.startsWith("emailaddress1 eq '"))
    }),
    { numRuns: 1_000 },
  )
})

test('a literal holds no character that could end a request line or a query option', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      assert.match(stringLiteral(text), /^'(?:[A-Za-z0-9\-_.!~*()']|%[0-9A-F]{2})*'$/)
    }),
    { numRuns: 1_000 },
  )
})

test('half a surrogate pair becomes the replacement character', () => {
  assert.equal(stringLiteral('a\ud83d'), "'a%EF%BF%BD'")
})

test('a GUID goes out bare and in lower case, and nothing else does', () => {
  assert.equal(guidLiteral('6D81597F-0F9F-E711-8122-000D3AA2331C'), '6d81597f-0f9f-e711-8122-000d3aa2331c')
  for (const bad of ['', '1', "x' or 1 eq 1", '{6d81597f-0f9f-e711-8122-000d3aa2331c}']) {
    assert.throws(() => guidLiteral(bad), Rejected)
  }
})

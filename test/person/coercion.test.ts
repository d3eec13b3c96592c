import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Column, ColumnType } from '../../src/dataverse/columns.ts'
import { coerce } from '../../src/person/coercion.ts'
import { readInstant } from '../../src/person/instant.ts'
import { textOfOption } from '../../src/person/option.ts'
import type { FieldValue } from '../../src/person/person.ts'
import { column } from './stock-tables.ts'

const text = column('a', 'String')
const email = column('a', 'String', { format: 'Email' })
const memo = column('a', 'Memo')
const whole = column('a', 'Integer')
const real = column('a', 'Decimal')
const flag = column('a', 'Boolean', {
  options: [
    { value: 0, label: 'Allow' },
    { value: 1, label: 'Do Not Allow' },
  ],
})
const instant = column('a', 'DateTime', { format: 'DateAndTime' })
const day = column('a', 'DateTime', { format: 'DateOnly' })
const userLocalDay = column('a', 'DateTime', { format: 'DateOnly', behavior: 'UserLocal' })
const id = column('a', 'Uniqueidentifier')
const choice = column('a', 'Picklist', {
  options: [
    { value: 1, label: 'Web' },
    { value: 2, label: 'Trade Show' },
    { value: 3, label: ' trade show' },
    { value: 4, label: '5' },
    { value: 5, label: 'Other' },
    { value: -7, label: '' },
  ],
})

describe('a value from Marketo', () => {
  it('is without the characters that Dynamics refuses, and says so', () => {
    const refused = Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).join('')
    const given = `a${refused}\ufffe\uffffb`
    assert.deepEqual(coerce(given, memo), { kind: 'value', value: 'a\t\n\rb', removed: true })
    assert.deepEqual(coerce('a\u0001@b.c', email), { kind: 'value', value: 'a@b.c', removed: true })
    assert.deepEqual(coerce('\u0000 \u001f', text), { kind: 'nothing', removed: true })
    assert.deepEqual(coerce('a\tb\u007f\u0085\ufffd', text), {
      kind: 'value',
      value: 'a\tb\u007f\u0085\ufffd',
    })
  })

  const made: [given: FieldValue, into: Column, value: FieldValue][] = [
    ['Ann', text, 'Ann'],
    [' Ann ', text, ' Ann '],
    [' a@b.c ', email, 'a@b.c'],
    ['\u200bA\u00ad@b.c\u00a0', email, 'A@b.c'],
    [7, text, '7'],
    [0, text, '0'],
    [false, text, 'false'],
    ['a\r\nb', memo, 'a\r\nb'],
    [null, text, null],
    [null, whole, null],
    [0, whole, 0],
    ['0', whole, 0],
    ['-0', whole, 0],
    [' 42 ', whole, 42],
    ['42.0', whole, 42],
    ['007', whole, 7],
    ['+1e3', real, 1000],
    ['.5', real, 0.5],
    ['12.', real, 12],
    [true, flag, true],
    ['TRUE', flag, true],
    ['yes', flag, true],
    [1, flag, true],
    ['False', flag, false],
    ['no', flag, false],
    ['0', flag, false],
    [0, flag, false],
    ['do not allow', flag, true],
    ['Allow', flag, false],
    ['web ', choice, 1],
    ['1', choice, 1],
    [1, choice, 1],
    ['Other', choice, 5],
    [-7, choice, -7],
    [5, choice, 5],
    ['4', choice, 4],
    ['2023-01-16 23:32:19', instant, '2023-01-16T23:32:19Z'],
    ['2023-01-16', instant, '2023-01-16T00:00:00Z'],
    ['2023-01-16', day, '2023-01-16'],
    ['2023-01-16T23:32:19-08:00', day, '2023-01-16'],
    ['2023-01-16T00:10:00+05:30', day, '2023-01-16'],
    ['2023-01-16T23:32:19-08:00', userLocalDay, '2023-01-17T07:32:19Z'],
    ['2023-01-16', userLocalDay, '2023-01-16T00:00:00Z'],
    ['{6D81597F-0F9F-E711-8122-000D3AA2331C}', id, '6d81597f-0f9f-e711-8122-000d3aa2331c'],
  ]
  for (const [given, into, value] of made) {
    it(`${JSON.stringify(given)} is ${JSON.stringify(value)} to ${into.type} ${into.format ?? ''}`, () => {
      assert.deepEqual(coerce(given, into), { kind: 'value', value })
    })
  }

  const wrong: [given: FieldValue, into: Column, code: string][] = [
    ['ten', whole, 'type-mismatch'],
    ['1,000', real, 'type-mismatch'],
    ['0x10', whole, 'type-mismatch'],
    ['Infinity', real, 'type-mismatch'],
    ['1e999', real, 'type-mismatch'],
    [true, whole, 'type-mismatch'],
    ['1.5', whole, 'type-mismatch'],
    [2 ** 53, whole, 'value-out-of-range'],
    ['maybe', flag, 'type-mismatch'],
    [2, flag, 'type-mismatch'],
    ['Fax', choice, 'option-unknown'],
    [9, choice, 'option-unknown'],
    ['Trade Show', choice, 'option-ambiguous'],
    ['5', choice, 'option-ambiguous'],
    [true, choice, 'option-unknown'],
    ['Web', column('a', 'Picklist'), 'option-unknown'],
    ['16/01/2023', instant, 'type-mismatch'],
    ['2023-02-30', day, 'type-mismatch'],
    [1673911939, instant, 'type-mismatch'],
    ['4711', id, 'type-mismatch'],
    ['x', column('a', 'Other'), 'mapping-invalid'],
    ['x', column('a', 'Owner'), 'mapping-invalid'],
  ]
  for (const [given, into, code] of wrong) {
    it(`${JSON.stringify(given)} is ${code} to ${into.type}`, () => {
      const coerced = coerce(given, into)
      assert.deepEqual([coerced.kind, coerced.kind === 'wrong' && coerced.code], ['wrong', code])
    })
  }

  it('that is blank says nothing to any type', () => {
    for (const into of [text, memo, whole, real, flag, choice, instant, day, id]) {
      for (const blank of ['', ' ', '\t\n']) assert.deepEqual(coerce(blank, into), { kind: 'nothing' })
    }
  })

  it('is turned round where the field has the opposite sense, but null stays null', () => {
    assert.deepEqual(coerce('yes', flag, true), { kind: 'value', value: false })
    assert.deepEqual(coerce(0, flag, true), { kind: 'value', value: true })
    assert.deepEqual(coerce(null, flag, true), { kind: 'value', value: null })
  })

  it('is never a crash nor repeated in an advice, whatever it is', () => {
    const types: ColumnType[] = [
      ...([
        'String',
        'Memo',
        'Integer',
        'BigInt',
        'Decimal',
        'Double',
        'Money',
        'Boolean',
        'Picklist',
      ] as const),
      ...([
        'State',
        'Status',
        'DateTime',
        'Lookup',
        'Customer',
        'Owner',
        'Uniqueidentifier',
        'Other',
      ] as const),
    ]
    const given = fc.oneof(fc.string({ unit: 'binary' }), fc.double(), fc.boolean(), fc.constant(null))
    fc.assert(
      fc.property(given, fc.constantFrom(...types), fc.boolean(), (one, type, inverted) => {
        const coerced = coerce(one, column('a', type, { options: choice.options ?? [] }), inverted)
        if (coerced.kind === 'wrong') {
          const fixed = coerce('§', column('a', type), inverted)
          assert.ok(coerced.advice.length < 120 && (fixed.kind !== 'wrong' || !coerced.advice.includes('§')))
        }
      }),
      { numRuns: 1000 },
    )
  })
})

describe('a date', () => {
  const spellings: [string, string | undefined][] = [
    ['2023-01-16T23:32:19Z', '2023-01-16T23:32:19Z'],
    ['2014-09-17T22:31:49+0000', '2014-09-17T22:31:49Z'],
    ['2014-09-17T22:31:49-08:00', '2014-09-18T06:31:49Z'],
    ['2017-07-27T01:38:33Z+0000', '2017-07-27T01:38:33Z'],
    ['2014-11-13 12:43:04', '2014-11-13T12:43:04Z'],
    ['2014-11-13T12:43', '2014-11-13T12:43:00Z'],
    ['2014-11-13T12:43:04.999Z', '2014-11-13T12:43:04Z'],
    ['2014-11-13 12:43:04 +05:30', '2014-11-13T07:13:04Z'],
    ['2024-02-29', '2024-02-29T00:00:00Z'],
    ['0099-01-01', '0099-01-01T00:00:00Z'],
    ['2023-02-29', undefined],
    ['2023-13-01', undefined],
    ['2023-01-16T24:00:00Z', undefined],
    ['2023-01-16T23:60:00Z', undefined],
    ['2023-01-16T23:00:00+15:00', undefined],
    ['9999-12-31T23:59:59-01:00', undefined],
    ['0000-01-01T00:00:00+01:00', undefined],
    ['2023-1-6', undefined],
    ['1673911939', undefined],
    ['', undefined],
  ]
  for (const [written, read] of spellings) {
    it(`${JSON.stringify(written)} is ${read ?? 'none'}`, () => assert.equal(readInstant(written), read))
  }

  it('reads every instant of the calendar back as it was written', () => {
    const dates = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
    fc.assert(
      fc.property(dates, (date) => {
        const iso = date.toISOString()
        assert.equal(readInstant(iso), `${iso.slice(0, 19)}Z`)
      }),
    )
  })
})

describe('the text of an option', () => {
  const shown: [value: number, text: string][] = [
    [1, 'Web'],
    [2, '2'],
    [3, '3'],
    [4, '4'],
    [5, 'Other'],
    [-7, '-7'],
    [99, '99'],
  ]
  for (const [value, label] of shown) {
    it(`${value} is ${label}`, () => assert.equal(textOfOption(value, choice.options ?? []), label))
  }
})

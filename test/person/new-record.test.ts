import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { newRecord } from '../../src/person/new-record.ts'
import type { FieldValue } from '../../src/person/person.ts'
import { parseSelection, type SelectionPolicy } from '../../src/person/selection.ts'
import { column, stockTables, tableOf } from './stock-tables.ts'

const MATRIX = [
  { value: 1, label: 'Gold' },
  { value: 2, label: 'Silver' },
]
const table = tableOf('lead', [
  ...stockTables.lead.columns.values(),
  column('new_tier', 'Picklist', { options: MATRIX }),
  column('new_score', 'Integer', { min: 0, max: 100 }),
  column('new_code', 'String', { maxLength: 5 }),
  column('new_must', 'Integer', { requiredLevel: 'ApplicationRequired' }),
  column('new_owner', 'Lookup', {
    targets: [{ table: 'account', navigationProperty: 'new_Owner', entitySet: 'accounts' }],
  }),
])

const ADD = [
  { marketo: 'tier', lead: 'new_tier' },
  { marketo: 'score', lead: 'new_score', type: 'integer' },
  { marketo: 'code', lead: 'new_code' },
  { marketo: 'must', lead: 'new_must', type: 'integer' },
  { marketo: 'account', lead: 'new_owner', direction: 'to-dynamics' },
]
const OMIT: SelectionPolicy = { onInvalid: 'omit', requiredColumns: 'form' }

/** A whole person but for `fields`. */
function recordOf(fields: Record<string, FieldValue>, policy: SelectionPolicy, file: object = {}) {
  const { selection, problems } = parseSelection(JSON.stringify({ add: ADD, ...file }), policy)
  assert.deepEqual(problems, undefined)
  assert.ok(selection)
  const person = { email: 'a@b.example', fields: { lastName: 'Ek', must: 1, ...fields } }
  return newRecord(person, 'lead', selection, table)
}

const codes = (findings: readonly { code: string; field: string }[]) =>
  findings.map(({ code, field }) => `${field} ${code}`).sort()

const UNFIT: readonly [fields: Record<string, FieldValue>, finding: string][] = [
  [{ tier: 'Bronze' }, 'new_tier option-unknown'],
  [{ score: 'many' }, 'new_score type-mismatch'],
  [{ score: 101 }, 'new_score value-out-of-range'],
  [{ code: 'ABCDEF' }, 'new_code field-too-long'],
  [{ account: 'Contoso' }, 'new_owner type-mismatch'],
]

describe('a value that does not fit an optional column', () => {
  for (const [fields, finding] of UNFIT) {
    it(`refuses the person with "fail" and is left out with "omit": ${finding}`, () => {
      const refused = recordOf(fields, { onInvalid: 'fail', requiredColumns: 'form' })
      assert.deepEqual([codes(refused.failures), codes(refused.omitted)], [[finding], []])
      const made = recordOf(fields, OMIT)
      assert.deepEqual([codes(made.failures), codes(made.omitted)], [[], [finding]])
      assert.deepEqual(
        [
          made.columns.lastname,
          made.columns.new_must,
          Object.keys(made.columns)
            .join()
            .includes(finding.split(' ')[0] ?? ''),
        ],
        ['Ek', 1, false],
      )
    })
  }

  it('may be one of several: all are left out and named', () => {
    const made = recordOf({ tier: 'Bronze', score: 101, code: 'ABCDEF' }, OMIT)
    assert.deepEqual(codes(made.omitted), [
      'new_code field-too-long',
      'new_score value-out-of-range',
      'new_tier option-unknown',
    ])
  })

  it('is treated as its own field says, whatever holds for the others', () => {
    const add = [{ ...ADD[0], onInvalid: 'omit' }, { ...ADD[2], onInvalid: 'fail' }, ADD[3]]
    for (const onInvalid of ['fail', 'omit'] as const) {
      const made = recordOf(
        { tier: 'Bronze', code: 'ABCDEF' },
        { onInvalid, requiredColumns: 'form' },
        { add },
      )
      assert.deepEqual(
        [codes(made.failures), codes(made.omitted)],
        [['new_code field-too-long'], ['new_tier option-unknown']],
      )
    }
  })

  it('gives way to an on-create field of the same column, and to the default', () => {
    const add = [...ADD, { marketo: 'tierGuess', lead: 'new_tier', direction: 'on-create' }]
    const guessed = recordOf({ tier: 'Bronze', tierGuess: 'gold' }, OMIT, { add })
    assert.deepEqual([guessed.columns.new_tier, codes(guessed.omitted)], [1, ['new_tier option-unknown']])
    const file = { add, defaults: { lead: { new_tier: 'Silver' } } }
    const neither = recordOf({ tier: 'Bronze', tierGuess: 'Tin' }, OMIT, file)
    assert.deepEqual([neither.columns.new_tier, neither.omitted.length], [2, 2])
  })
})

describe('what is never left out', () => {
  for (const [what, fields, finding] of [
    ['a required column that would be empty', { lastName: null }, 'lastname field-required'],
    ['a required column with a value that does not fit', { must: 'x' }, 'new_must type-mismatch'],
    ['a required column that has a default', { microsoftTopic: 'x'.repeat(301) }, 'subject field-too-long'],
    [
      'the e-mail, by which the person is known',
      { email: `${'x'.repeat(99)}@b.example` },
      'emailaddress1 field-too-long',
    ],
  ] as const) {
    it(`${what}`, () => {
      const refused = recordOf(fields, OMIT)
      assert.ok(codes(refused.failures).includes(finding), JSON.stringify(refused.failures))
      assert.deepEqual(refused.omitted, [])
    })
  }
})

describe('REQUIRED_COLUMNS', () => {
  it('form demands what a form asks for, api does not', () => {
    const file = { defaults: { lead: { subject: null } } }
    const fields = { lastName: null, must: null }
    const form = recordOf(fields, { onInvalid: 'fail', requiredColumns: 'form' }, file)
    assert.deepEqual(codes(form.failures), [
      'lastname field-required',
      'new_must field-required',
      'subject field-required',
    ])
    assert.deepEqual(recordOf(fields, { onInvalid: 'fail', requiredColumns: 'api' }, file).failures, [])
  })

  it('api lets a business-required column that does not fit be left out', () => {
    const made = recordOf({ must: 'x' }, { onInvalid: 'omit', requiredColumns: 'api' })
    assert.deepEqual([codes(made.failures), codes(made.omitted)], [[], ['new_must type-mismatch']])
  })
})

describe("a word that the field's values do not name", () => {
  for (const [otherwise, failures, omitted] of [
    ['omit', [], ['new_tier value-unmapped']],
    ['fail', ['new_tier value-unmapped'], []],
  ] as const) {
    it(`is treated as "otherwise": "${otherwise}" says, whatever onInvalid says`, () => {
      for (const onInvalid of ['fail', 'omit'] as const) {
        const add = [{ ...ADD[0], values: { Best: 1 }, otherwise, onInvalid }, ADD[3]]
        const made = recordOf({ tier: 'Worst' }, OMIT, { add })
        assert.deepEqual([codes(made.failures), codes(made.omitted)], [failures, omitted])
      }
    })
  }
})

describe('the default selection', () => {
  const sources = ['Trade show', 'Web', 'Web Inquiry', 'Webinar', 'List purchase', 'Advertisement']
  for (const leadSource of sources) {
    it(`makes a record of a person whose Lead Source is ${leadSource}, even where all else must fit`, () => {
      const { selection } = parseSelection('{}', { onInvalid: 'fail', requiredColumns: 'form' })
      assert.ok(selection)
      const person = { fields: { lastName: 'Ek', leadSource } }
      const made = newRecord(person, 'lead', selection, stockTables.lead)
      assert.deepEqual(made.failures, [])
      assert.equal('leadsourcecode' in made.columns, made.omitted.length === 0)
    })
  }

  it('refuses unknown lead sources where a rule says so', () => {
    const made = recordOf({ leadSource: 'Radio' }, OMIT, { rules: { leadSource: { onInvalid: 'fail' } } })
    assert.deepEqual(codes(made.failures), ['leadsourcecode option-unknown'])
  })
})

describe('a refusal of Dynamics', () => {
  const refusal = { code: 'field-too-long', field: 'new_code', advice: 'Shorten.' }

  it('that names a column leaves it out of the next try, where that is allowed', () => {
    const first = recordOf({ code: 'ABC', account: '3f0a2c11-5c1e-ee11-8179-000d3a8b0031' }, OMIT)
    assert.deepEqual(first.omittable(refusal), refusal)
    assert.deepEqual(first.omittable({ ...refusal, field: 'NEW_CODE' })?.field, 'new_code')
    assert.equal(first.omittable({ ...refusal, field: 'lastname' }), undefined)
    assert.equal(first.omittable({ ...refusal, field: 'emailaddress1' }), undefined)
    assert.equal(first.omittable({ ...refusal, field: 'new_tier' }), undefined, 'it was not sent')
    assert.equal(first.omittable({ code: 'business-rule', advice: '' }), undefined)
    assert.equal(
      first.omittable({ code: 'lookup-not-found', advice: '' })?.field,
      'new_owner',
      'the only look-up',
    )
    assert.equal(
      recordOf({ code: 'ABC' }, { onInvalid: 'fail', requiredColumns: 'form' }).omittable(refusal),
      undefined,
    )
  })

  it('is among what was left out', () => {
    const { selection } = parseSelection(JSON.stringify({ add: ADD }), OMIT)
    assert.ok(selection)
    const person = { fields: { lastName: 'Ek', must: 1, code: 'ABC', tier: 'Tin' } }
    const made = newRecord(person, 'lead', selection, table, [refusal])
    assert.deepEqual(codes(made.omitted), ['new_code field-too-long', 'new_tier option-unknown'])
    assert.equal('new_code' in made.columns, false)
  })
})

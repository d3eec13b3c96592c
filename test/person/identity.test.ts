import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  canonicalKeyOf,
  identifiersOf,
  isPlausibleEmail,
  normaliseEmail,
  recordIdOf,
} from '../../src/person/identity.ts'

const org = 'https://contoso.crm.dynamics.com'

describe('an e-mail as identity', () => {
  const spellings = [
    ['Ann.Ek@Example.ORG', 'ann.ek@example.org'],
    ['  ann@example.org\t', 'ann@example.org'],
    ['\u00a0ann@example.org', 'ann@example.org'],
    ['ann@example．org', 'ann@example.org'],
    ['ＡＮＮ@example.org', 'ann@example.org'],
    ['\u200bann\u00ad.e\u034fk@example.org\ufeff\u3000', 'ann.ek@example.org'],
    ['\u2003\u200d ann@example.org\u0085', 'ann@example.org'],
    ['a\u0001nn@example.org\uffff', 'ann@example.org'],
    ['e\u034f\u0301ve@example.org', '\u00e9ve@example.org'],
    ['e\u0301ve@example.org', '\u00e9ve@example.org'],
    ['T\u0308@example.org', '\u1e97@example.org'],
    [`a${'\u0315\u0300'.repeat(15)}@b.c`, `\u00e0${'\u0300'.repeat(14)}${'\u0315'.repeat(15)}@b.c`],
    // Nobody writes so many marks, and to put them in order takes quadratic time.
    [`A${'\u0315\u0300'.repeat(16)}@b.c`, `a${'\u0315\u0300'.repeat(16)}@b.c`],
    ["o'brien+news@example.org", "o'brien+news@example.org"],
    ['a.n.n@example.org', 'a.n.n@example.org'],
  ] as const
  for (const [written, normal] of spellings) {
    it(`reads ${JSON.stringify(written)} as ${normal}`, () => assert.equal(normaliseEmail(written), normal))
  }

  it('is the same in every case and with spaces around, and normalising twice changes nothing', () => {
    fc.assert(
      fc.property(fc.emailAddress(), fc.constantFrom('', ' ', '\t', '\u00a0'), (email, space) => {
        const key = canonicalKeyOf({ email })
        assert.equal(canonicalKeyOf({ email: space + email.toUpperCase() + space }), key)
        assert.equal(canonicalKeyOf({ email: email.toLowerCase() }), key)
      }),
    )
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        assert.equal(normaliseEmail(normaliseEmail(text)), normaliseEmail(text))
      }),
    )
  })

  const plausible = {
    'a@b': true,
    '"a b"@example.org': true,
    'a@b@example.org': true,
    'a b@example.org': false,
    'a\u00a0b@example.org': false,
    'a "b"@example.org': false,
    '"a b"@exam ple.org': false,
    'n/a': false,
    '@example.org': false,
    'ann@': false,
    'ann@exam ple.org': false,
    'a\n@b': false,
    'a\u007f@b': false,
    '': false,
  }
  for (const [email, verdict] of Object.entries(plausible)) {
    it(`${verdict ? 'is' : 'is never'} ${JSON.stringify(email)}`, () => {
      assert.equal(isPlausibleEmail(email), verdict)
      assert.equal(identifiersOf({ email }).length, verdict ? 1 : 0)
    })
  }
})

describe('the identifiers of a person', () => {
  it('are sorted, so that two calls claim them in one order', () => {
    assert.deepEqual(identifiersOf({ marketoId: 7, email: 'Ann@Example.org' }), [
      { kind: 'email', value: 'ann@example.org' },
      { kind: 'marketo', value: '7' },
    ])
  })

  it('give the e-mail as canonical key, else the Marketo id, else none', () => {
    assert.equal(canonicalKeyOf({ marketoId: 7, email: 'Ann@Example.org' }), 'email:ann@example.org')
    assert.equal(canonicalKeyOf({ marketoId: 7, email: 'none' }), 'marketo:7')
    assert.equal(canonicalKeyOf({ marketoId: 7 }), 'marketo:7')
    assert.equal(canonicalKeyOf({ email: 'none' }), undefined)
    assert.equal(canonicalKeyOf({}), undefined)
  })
})

describe('the id of a record', () => {
  const golden = [
    [org, 'lead', 'email:ann@example.org', 0, '7e4df05c-2c0c-5d89-8499-10ffd64b2545'],
    [org, 'lead', 'email:ann@example.org', 1, '60cb442f-c434-573c-b956-75e70ac8db3b'],
    [org, 'contact', 'email:ann@example.org', 0, '6cb1f825-590b-5e84-87b5-3e5a8c076fcf'],
    [org, 'lead', 'marketo:4711', 0, '05364caf-f71a-5e24-a725-698bb17ffb06'],
    [
      'https://fabrikam.crm4.dynamics.com',
      'lead',
      'email:ann@example.org',
      0,
      'a18211ae-af02-575a-adc0-0f866113418e',
    ],
    [org, 'lead', 'email:\u00e9ve@example.org', 0, '7535db37-a145-524b-a610-3aa3dcd6525a'],
  ] as const
  for (const [organisation, recordType, key, generation, id] of golden) {
    it(`of ${key} as ${recordType}, generation ${generation}, is ${id} for ever`, () => {
      assert.equal(recordIdOf(organisation, recordType, key, generation), id)
    })
  }

  it('is a lower-case RFC 4122 version 5 UUID, the same every time, whatever the case of the organisation', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), (key, generation) => {
        const id = recordIdOf(org, 'lead', key, generation)
        assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
        assert.equal(recordIdOf(org.toUpperCase(), 'lead', key, generation), id)
      }),
    )
  })

  it('differs when anything differs, even by where one part ends and the next begins', () => {
    const inputs = fc.tuple(
      fc.string().map((text) => text.toLowerCase()),
      fc.constantFrom('lead' as const, 'contact' as const),
      fc.string({ unit: 'binary' }),
      fc.nat({ max: 3 }),
    )
    fc.assert(
      fc.property(inputs, inputs, (a, b) => {
        assert.equal(recordIdOf(...a) === recordIdOf(...b), JSON.stringify(a) === JSON.stringify(b))
      }),
    )
    assert.notEqual(recordIdOf('a', 'lead', 'b', 1), recordIdOf('a', 'lead', 'b', 11))
    assert.notEqual(recordIdOf('a","b', 'lead', 'c', 0), recordIdOf('a', 'lead', '","b', 0))
  })

  it('is refused for a generation that is not a whole number from 0', () => {
    for (const generation of [-1, 0.5, Number.NaN, 2 ** 53]) {
      assert.throws(() => recordIdOf(org, 'lead', 'email:a@b', generation), RangeError)
    }
  })
})

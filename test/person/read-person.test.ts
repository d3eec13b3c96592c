import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { toPerson } from '../../src/person/read-person.ts'
import { defaultSelection, parseSelection } from '../../src/person/selection.ts'

const selection = defaultSelection()

describe('a person from a flat bag', () => {
  it('has its id, its e-mail as written but trimmed, and its fields', () => {
    const bag = {
      marketoId: '4711',
      email: ' Ann@Example.org ',
      lastName: 'Ek',
      doNotCall: false,
      city: null,
    }
    assert.deepEqual(toPerson(bag, selection), {
      person: {
        marketoId: 4711,
        email: 'Ann@Example.org',
        fields: { email: 'Ann@Example.org', lastName: 'Ek', doNotCall: false, city: null },
      },
      unknown: [],
      problems: [],
    })
  })

  it('says nothing where a token was empty', () => {
    const bag = { marketoId: '', email: ' ', lastName: '', firstName: '\t', phone: undefined }
    assert.deepEqual(toPerson(bag, selection), { person: { fields: {} }, unknown: [], problems: [] })
  })

  it('names every member that the selection does not have, inherited names included', () => {
    const bag: unknown = JSON.parse(
      '{"__proto__": 1, "constructor": 2, "lastname": "Ek", "priority": 3, "id": 4}',
    )
    assert.ok(typeof bag === 'object' && bag !== null)
    const { person, unknown } = toPerson({ ...bag, ['__proto__']: 1 }, selection)
    assert.deepEqual(unknown.sort(), ['__proto__', 'constructor', 'id', 'lastname', 'priority'])
    assert.deepEqual(person, { fields: {} })
  })

  it('knows the fields of either record type, and those that only come from Dynamics', () => {
    const { selection: narrow } = parseSelection(
      '{"select": [], "add": [{"marketo": "only", "contact": "new_only"}]}',
    )
    assert.ok(narrow)
    assert.deepEqual(toPerson({ only: 1, email: 'a@b.c', leadStatus: 'Open' }, narrow).unknown, [
      'leadStatus',
    ])
    assert.deepEqual(toPerson({ leadStatus: 'Open', company: 'Acme' }, selection).unknown, [])
  })

  const ids: [given: unknown, id: number | undefined][] = [
    [4711, 4711],
    ['4711', 4711],
    [' 4711 ', 4711],
    ['007', 7],
    [2 ** 53 - 1, 2 ** 53 - 1],
    [2 ** 53, undefined],
    ['9007199254740993', undefined],
    [0, undefined],
    [-1, undefined],
    ['-1', undefined],
    [1.5, undefined],
    ['1e3', undefined],
    ['{{lead.Id}}', undefined],
    [true, undefined],
    [[4711], undefined],
  ]
  for (const [given, id] of ids) {
    it(`${id === undefined ? 'refuses' : 'takes'} the marketoId ${JSON.stringify(given)}`, () => {
      const { person, problems } = toPerson({ marketoId: given }, selection)
      assert.equal(person.marketoId, id)
      assert.deepEqual(
        problems.map((problem) => [problem.code, problem.field]),
        id === undefined ? [['type-mismatch', 'marketoId']] : [],
      )
    })
  }

  it('refuses values that are no Marketo values, each by name', () => {
    const bag = {
      lastName: { a: 1 },
      firstName: ['x'],
      title: () => 1,
      city: Number.NaN,
      phone: 1n,
      email: 7,
    }
    const { person, problems } = toPerson(bag, selection)
    assert.deepEqual(
      problems.map((problem) => problem.field),
      Object.keys(bag),
    )
    assert.deepEqual(person, { fields: {} })
  })

  it('is made of any bag without a crash, and every member ends in exactly one place', () => {
    const names = fc.oneof(fc.constantFrom('email', 'marketoId', 'lastName', 'doNotCall'), fc.string())
    fc.assert(
      fc.property(fc.dictionary(names, fc.anything()), (bag) => {
        const { person, unknown, problems } = toPerson(bag, selection)
        const placed = [
          ...Object.keys(person.fields),
          ...unknown,
          ...problems.map((problem) => problem.field),
        ]
        assert.deepEqual(placed, [...new Set(placed)])
        for (const name of placed) assert.ok(Object.hasOwn(bag, name), name)
      }),
    )
  })
})

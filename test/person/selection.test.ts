import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { defaultFields } from '../../src/person/fields.ts'
import { defaultSelection, parseSelection } from '../../src/person/selection.ts'

const parse = (file: unknown) => parseSelection(JSON.stringify(file))

function accepted(file: unknown) {
  const { selection, problems } = parse(file)
  assert.deepEqual(problems, undefined)
  assert.ok(selection)
  return selection
}

describe('the default selection', () => {
  it('is every standard field, with a topic for leads', () => {
    const { fields, defaults } = defaultSelection()
    const standard = defaultFields.filter((field) => field.standard)
    assert.deepEqual(
      fields.lead.map((field) => field.marketo),
      standard.filter((field) => field.lead).map((field) => field.marketo),
    )
    assert.deepEqual(
      fields.contact.map((field) => field.marketo),
      standard.filter((field) => field.contact).map((field) => field.marketo),
    )
    assert.deepEqual(defaults, { lead: { subject: 'From Marketo' }, contact: {} })
  })

  it('is what an empty file means', () => {
    assert.deepEqual(accepted({}), defaultSelection())
  })
})

describe('a field selection', () => {
  it('takes groups and single fields, in the order of the table', () => {
    const { fields } = accepted({ select: ['priority', 'lastName', 'email'] })
    assert.deepEqual(
      fields.lead.map((field) => field.column),
      ['lastname', 'emailaddress1', 'mkt_priority'],
    )
    const all = accepted({ select: ['sales-insight', 'standard'] })
    assert.equal(all.fields.lead.length, defaultFields.filter((field) => field.lead).length)
    assert.deepEqual(accepted({ select: [] }).fields, { lead: [], contact: [] })
  })

  it('adds fields with type, direction, opposite sense and target', () => {
    const { fields } = accepted({
      select: [],
      add: [
        { marketo: 'segment', lead: 'new_segment', contact: 'new_kind' },
        { marketo: 'mayCall', lead: 'new_nocall', type: 'boolean', inverted: true, direction: 'on-create' },
        { marketo: 'accountId', contact: 'parentcustomerid', target: 'account' },
      ],
    })
    assert.deepEqual(fields, {
      lead: [
        { marketo: 'segment', type: 'string', column: 'new_segment', direction: 'both', inverted: false },
        { marketo: 'mayCall', type: 'boolean', column: 'new_nocall', direction: 'on-create', inverted: true },
      ],
      contact: [
        { marketo: 'segment', type: 'string', column: 'new_kind', direction: 'both', inverted: false },
        {
          marketo: 'accountId',
          type: 'string',
          column: 'parentcustomerid',
          direction: 'both',
          inverted: false,
          target: 'account',
        },
      ],
    })
  })

  it('names a stamp column per record type, or none', () => {
    assert.deepEqual(accepted({ stamp: { contact: 'new_stamp' } }).stamp, { contact: 'new_stamp' })
    assert.deepEqual(defaultSelection().stamp, {})
  })

  it('restricts for both record types or for one', () => {
    const { fields } = accepted({
      select: ['phone', 'city'],
      restrict: { phone: 'exclude', city: { contact: 'to-marketo' } },
    })
    assert.deepEqual(
      [...fields.lead, ...fields.contact].map((field) => [field.marketo, field.direction]),
      [
        ['city', 'both'],
        ['city', 'to-marketo'],
      ],
    )
  })

  it('lets a default field be excluded and mapped elsewhere', () => {
    const { fields } = accepted({
      select: ['leadSource'],
      restrict: { leadSource: 'exclude' },
      add: [{ marketo: 'leadSource', lead: 'new_source' }],
    })
    assert.deepEqual(
      fields.lead.map((field) => field.column),
      ['new_source'],
    )
  })

  it('says of a field which values its words stand for, and what becomes of others', () => {
    const values = { 'Trade Show': 5, ' Web ': 'Web' }
    const { fields } = accepted({
      select: ['leadSource', 'rating'],
      rules: { leadSource: { values, otherwise: 'omit', onInvalid: 'fail' } },
      add: [
        { marketo: 'tier', lead: 'new_tier', values: { Best: 1 }, otherwise: 'Silver', onInvalid: 'omit' },
      ],
    })
    const [source, rating, tier] = fields.lead
    assert.deepEqual(
      [...(source?.values?.words ?? [])],
      [
        ['trade show', { word: 'Trade Show', value: 5 }],
        ['web', { word: 'Web', value: 'Web' }],
      ],
    )
    assert.deepEqual([source?.values?.otherwise, source?.onInvalid], [{ kind: 'omit' }, undefined])
    assert.equal(rating?.onInvalid, 'omit')
    assert.deepEqual([tier?.values?.otherwise, tier?.onInvalid], [{ kind: 'value', value: 'Silver' }, 'omit'])
  })

  it('lets a field with two words for one value travel to Dynamics only, unless more is asked for', () => {
    const values = { Fair: 5, 'Trade Show': 5 }
    const add = [{ marketo: 'm', lead: 'new_m', values }]
    const { fields } = accepted({ select: ['leadSource'], rules: { leadSource: { values } }, add })
    assert.deepEqual(
      fields.lead.map(({ direction }) => direction),
      ['to-dynamics', 'to-dynamics'],
    )
    const sentence =
      '"Fair" and "Trade Show" stand for the same value, so the field can only be to-dynamics or on-create.'
    for (const direction of ['both', 'to-marketo']) {
      assert.deepEqual(parse({ add: [{ ...add[0], direction }] }).problems, [`add[0].values: ${sentence}`])
      const restrict = { leadSource: direction }
      assert.deepEqual(parse({ restrict, rules: { leadSource: { values } } }).problems, [
        `rules.leadSource.values: ${sentence}`,
      ])
    }
    assert.deepEqual(parse({ rules: { leadStatus: { values: { Open: 0, New: 0 } } } }).problems, [
      'rules.leadStatus.values: "Open" and "New" stand for the same value, so the field can only be to-dynamics or on-create.',
    ])
  })

  for (const [what, rule, path] of [
    ['a word without letters', { values: { ' ': 1 } }, 'rules.leadSource.values." "'],
    ['a word twice', { values: { Web: 1, web: 2 } }, 'rules.leadSource.values.web'],
    ['an empty map', { values: {} }, 'rules.leadSource.values'],
    ['a list', { values: [1] }, 'rules.leadSource.values'],
    ['null for a value', { values: { Web: null } }, 'rules.leadSource.values.Web'],
    ['otherwise alone', { otherwise: 'omit' }, 'rules.leadSource.otherwise'],
    ['otherwise as an object', { values: { Web: 1 }, otherwise: {} }, 'rules.leadSource.otherwise'],
    ['another rule', { onInvalid: 'skip' }, 'rules.leadSource.onInvalid'],
    ['another member', { direction: 'both' }, 'rules.leadSource.direction'],
  ] as const) {
    it(`refuses ${what} in a rule`, () => {
      const { problems = [] } = parse({ rules: { leadSource: rule } })
      assert.ok(
        problems.length > 0 && problems.every((one) => one.startsWith(`${path}: `)),
        problems.join('\n'),
      )
    })
  }

  it('wants a rule where the field is', () => {
    const add = [{ marketo: 'tier', lead: 'new_tier', type: 'boolean', inverted: true, values: { a: 1 } }]
    const rules = { tier: {}, leadsource: {}, priority: {} }
    assert.deepEqual(parse({ add, rules }).problems, [
      'add[0].inverted: cannot be combined with "values".',
      'rules.tier: its rule belongs to its entry under "add".',
      'rules.leadsource: there is no default field named "leadsource"; did you mean leadSource?',
      'rules.priority: priority is not selected.',
    ])
  })

  it('merges defaults with the built-in one, which null takes away', () => {
    assert.deepEqual(accepted({ defaults: { lead: { leadsourcecode: 8 } } }).defaults.lead, {
      subject: 'From Marketo',
      leadsourcecode: 8,
    })
    assert.deepEqual(accepted({ defaults: { lead: { subject: null } } }).defaults.lead, {})
  })

  it('reports every mistake at once, each with its path', () => {
    const { problems } = parse({
      selct: [],
      select: ['firstname', 'nobody', 7],
      add: [
        { marketo: '_x', lead: 'New_Column', type: 'number', direction: 'up' },
        { marketo: 'a' },
        { marketo: 'b', lead: 'new_b', inverted: true },
        { marketo: 'c', lead: 'new_c', inverted: 'yes', extra: 1 },
        { marketo: 'id', lead: 'new_id' },
        { marketo: 'marketoId', lead: 'new_id2' },
        'text',
        { marketo: 'microsoftType', lead: 'new_type' },
      ],
      restrict: { nobody: 'exclude', phone: 'exclude', email: 'never', city: ['lead'] },
      defaults: { lead: { Subject: 'x', subject: ' ', new_b: [] }, account: {} },
      stamp: { lead: 'New Stamp', account: 'new_stamp' },
    })
    const paths = problems?.map((problem) => problem.slice(0, problem.indexOf(': ')))
    assert.deepEqual(
      paths?.sort(),
      [
        'add[0].direction',
        'add[0].lead',
        'add[0].marketo',
        'add[0].type',
        'add[1]',
        'add[2].inverted',
        'add[3].extra',
        'add[3].inverted',
        'add[4].direction',
        'add[5].marketo',
        'add[6]',
        'add[7].marketo',
        'defaults.account',
        'defaults.lead.Subject',
        'defaults.lead.new_b',
        'defaults.lead.subject',
        'restrict.city',
        'restrict.email',
        'restrict.nobody',
        'restrict.phone',
        'select[0]',
        'select[1]',
        'select[2]',
        'selct',
        'stamp.account',
        'stamp.lead',
      ].sort(),
    )
  })

  const refusals: [why: string, file: unknown, problem: RegExp][] = [
    ['a near miss is named', { select: ['firstname'] }, /^select\[0\]: .*did you mean firstName\?/],
    ['one-way is not widened', { restrict: { leadStatus: 'both' } }, /^restrict\.leadStatus: .*to-marketo/],
    [
      'an excluded field must be selected',
      { select: [], restrict: { city: 'exclude' } },
      /city is not selected/,
    ],
    [
      'a selected name is not added again',
      { add: [{ marketo: 'city', lead: 'new_city' }] },
      /already selected/,
    ],
    [
      'a column has one writer',
      { add: [{ marketo: 'town', lead: 'address1_city' }] },
      /already written by city/,
    ],
    [
      'names are added once',
      {
        add: [
          { marketo: 'a', lead: 'x' },
          { marketo: 'a', lead: 'y' },
        ],
      },
      /^add\[1\]\.mar/,
    ],
    [
      "a stamp column is nobody else's",
      { stamp: { lead: 'fax' } },
      /^stamp\.lead: fax is already the column of fax/,
    ],
    ['a stamp is named per record type', { stamp: 'new_stamp' }, /^stamp: must be an object/],
    ['lists are lists', { select: 'standard', add: {} }, /^select: must be a list/],
    ['a file is an object', [], /^\$: must be an object/],
  ]
  for (const [why, file, problem] of refusals) {
    it(`is refused: ${why}`, () => {
      assert.match(parse(file).problems?.[0] ?? '', problem)
    })
  }

  it('allows a second field over a column only when it is on-create or to-marketo', () => {
    for (const direction of ['on-create', 'to-marketo']) {
      accepted({ add: [{ marketo: 'town', lead: 'address1_city', direction }] })
    }
  })

  it('is never a crash, whatever the file holds', () => {
    assert.match(parseSelection('{').problems?.[0] ?? '', /^\$: this is not valid JSON/)
    assert.ok(parseSelection('{"__proto__": {"x": 1}, "restrict": {"constructor": "exclude"}}').problems)
    const keys = fc.constantFrom(
      'select',
      'add',
      'restrict',
      'defaults',
      'stamp',
      'lead',
      'marketo',
      'type',
      'x',
    )
    const anything = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom('standard', 'email', 'lead', 'both', 'exclude'),
        fc.jsonValue(),
        fc.array(tie('node'), { maxLength: 3 }),
        fc.dictionary(keys, tie('node'), { maxKeys: 4 }),
      ),
    })).node
    fc.assert(
      fc.property(anything, (file) => {
        const { selection, problems } = parse(file)
        assert.ok(selection !== undefined || problems.every((problem) => /^\S.*: ./.test(problem)))
      }),
      { numRuns: 500 },
    )
  })
})

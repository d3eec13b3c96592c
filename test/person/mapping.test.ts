import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as mapping from '../../src/person/mapping.ts'
import type { FieldValue } from '../../src/person/person.ts'
import { defaultSelection, parseSelection } from '../../src/person/selection.ts'
import { stockTables } from './stock-tables.ts'

const table = stockTables.lead
const native = defaultSelection()

function selectionOf(file: unknown) {
  const { selection, problems } = parseSelection(JSON.stringify(file))
  assert.deepEqual(problems, undefined)
  assert.ok(selection)
  return selection
}

/** Without where the columns come from. */
function toColumns(...of: Parameters<typeof mapping.toColumns>) {
  const { sources, ...mapped } = mapping.toColumns(...of)
  return mapped
}

/** Only the fields named in `add`, and no default. */
const only = (...add: unknown[]) => selectionOf({ select: [], add, defaults: { lead: { subject: null } } })

describe('a person on the way to Dynamics', () => {
  it('becomes the columns of a lead', () => {
    const mapped = toColumns(
      {
        marketoId: 4711,
        email: 'Ann@Example.org',
        fields: {
          firstName: 'Ann',
          lastName: 'Ek',
          leadSource: 'web',
          rating: '1',
          annualRevenue: '1200000.50',
          doNotCall: '0',
          unsubscribed: true,
          microsoftPreferredMethodOfContact: 'Phone',
          company: '',
          city: null,
        },
      },
      'lead',
      native,
      table,
    )
    assert.deepEqual(mapped, {
      columns: {
        firstname: 'Ann',
        lastname: 'Ek',
        emailaddress1: 'Ann@Example.org',
        address1_city: null,
        leadsourcecode: 5,
        donotphone: false,
        donotbulkemail: true,
        leadqualitycode: 1,
        preferredcontactmethodcode: 3,
        revenue: 1200000.5,
        subject: 'From Marketo',
      },
      problems: [],
    })
  })

  it('becomes the columns of a contact, without the fields that only leads have', () => {
    const fields = { lastName: 'Ek', company: 'Acme', leadSource: 'Web', subject: 'Hello', fax: '1' }
    const mapped = toColumns({ fields }, 'contact', native, stockTables.contact)
    assert.deepEqual(mapped, { columns: { lastname: 'Ek' }, problems: [] })
  })

  it('sends no status, no status reason and no creation date', () => {
    const fields = {
      leadStatus: 'Qualified',
      microsoftStatusReason: 'Lost',
      microsoftCreatedDate: '2020-01-01',
    }
    assert.deepEqual(toColumns({ fields }, 'lead', native, table).columns, { subject: 'From Marketo' })
  })

  const topics: [fields: Record<string, FieldValue>, subject: string][] = [
    [{ microsoftTopic: 'A', subject: 'B' }, 'A'],
    [{ microsoftTopic: '', subject: 'B' }, 'B'],
    [{ microsoftTopic: null, subject: 'B' }, 'B'],
    [{ subject: 'B' }, 'B'],
    [{ microsoftTopic: ' ', subject: '' }, 'From Marketo'],
    [{ microsoftTopic: null }, 'From Marketo'],
    [{}, 'From Marketo'],
  ]
  for (const [fields, subject] of topics) {
    it(`has the topic ${subject} from ${JSON.stringify(fields)}`, () => {
      assert.deepEqual(toColumns({ fields }, 'lead', native, table), { columns: { subject }, problems: [] })
    })
  }

  it('gives the e-mail of the fields the last word over the e-mail of the identity', () => {
    const mapped = toColumns({ email: 'a@b.c', fields: { email: null } }, 'lead', native, table)
    assert.equal(mapped.columns.emailaddress1, null)
  })

  it('sends the Marketo id where the selection wants it', () => {
    const selection = only({ marketo: 'id', lead: 'telephone2', direction: 'on-create' })
    assert.deepEqual(toColumns({ marketoId: 7, fields: {} }, 'lead', selection, table).columns, {
      telephone2: '7',
    })
  })

  it('binds look-ups by navigation property, and a look-up to several tables by its target', () => {
    const selection = only(
      { marketo: 'contactId', lead: 'parentcontactid' },
      { marketo: 'accountId', lead: 'customerid', target: 'account' },
    )
    const id = '6d81597f-0f9f-e711-8122-000d3aa2331c'
    assert.deepEqual(toColumns({ fields: { contactId: id, accountId: id } }, 'lead', selection, table), {
      columns: {
        'parentcontactid@odata.bind': `/contacts(${id})`,
        'customerid_account@odata.bind': `/accounts(${id})`,
      },
      problems: [],
    })
    const empty = toColumns({ fields: { contactId: null, accountId: '' } }, 'lead', selection, table)
    assert.deepEqual(empty, { columns: {}, problems: [] })
  })

  it('refuses a value that fits no type, and names both sides of the field', () => {
    const { columns, problems } = toColumns(
      { fields: { leadSource: 'Carrier Pigeon' } },
      'lead',
      native,
      table,
    )
    assert.deepEqual(columns, { subject: 'From Marketo' })
    assert.deepEqual(
      problems.map(({ advice, ...problem }) => [problem, advice.includes('Pigeon')]),
      [
        [
          {
            severity: 'refused',
            code: 'option-unknown',
            field: 'leadsourcecode',
            marketoField: 'leadSource',
          },
          false,
        ],
      ],
    )
  })

  const asides: [column: string, code: string][] = [
    ['mkt_priority', 'column-missing'],
    ['createdon', 'column-read-only'],
    ['entityimage', 'column-unsupported'],
    ['ownerid', 'column-unsupported'],
    ['customerid', 'lookup-target-unclear'],
  ]
  for (const [column, code] of asides) {
    it(`sets ${column} aside as ${code}, unless the person says nothing about it`, () => {
      const selection = only({ marketo: 'x', lead: column })
      const given = column === 'createdon' ? '2020-01-01' : '6d81597f-0f9f-e711-8122-000d3aa2331c'
      const { columns, problems } = toColumns({ fields: { x: given } }, 'lead', selection, table)
      assert.deepEqual(columns, {})
      assert.deepEqual(
        problems.map((problem) => [problem.severity, problem.code, problem.field, problem.marketoField]),
        [['set-aside', code, column, 'x']],
      )
      for (const fields of [{}, { x: null }, { x: '' }]) {
        const silent = toColumns({ fields }, 'lead', selection, table).problems
        assert.deepEqual(silent, [], JSON.stringify(fields))
      }
    })
  }

  it('fills empty columns with defaults by label, number or look-up, and sets a wrong default aside', () => {
    const id = '6d81597f-0f9f-e711-8122-000d3aa2331c'
    const selection = selectionOf({
      defaults: {
        lead: {
          leadsourcecode: 'Web',
          leadqualitycode: 9,
          parentcontactid: id,
          new_gone: 1,
          lastname: 'Unknown',
        },
      },
    })
    const { columns, problems } = toColumns({ fields: { lastName: 'Ek' } }, 'lead', selection, table)
    assert.deepEqual(columns, {
      lastname: 'Ek',
      subject: 'From Marketo',
      leadsourcecode: 5,
      'parentcontactid@odata.bind': `/contacts(${id})`,
    })
    assert.deepEqual(
      problems.map((problem) => [problem.severity, problem.code, problem.field, problem.marketoField]),
      [
        ['set-aside', 'default-invalid', 'leadqualitycode', undefined],
        ['set-aside', 'column-missing', 'new_gone', undefined],
      ],
    )
  })

  it('does not read inherited members as values', () => {
    const selection = only({ marketo: 'constructor', lead: 'fax' }, { marketo: 'toString', lead: 'jobtitle' })
    assert.deepEqual(toColumns({ fields: {} }, 'lead', selection, table), { columns: {}, problems: [] })
  })
})

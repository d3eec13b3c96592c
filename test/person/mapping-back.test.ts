import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { toFields } from '../../src/person/mapping.ts'
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

/** Only the fields named in `add`, and no default. */
const only = (...add: unknown[]) => selectionOf({ select: [], add, defaults: { lead: { subject: null } } })

describe('a row on the way to Marketo', () => {
  it('becomes fields: absent stays absent, null stays null, choices become labels', () => {
    const row = {
      lastname: 'Ek',
      firstname: null,
      statecode: 0,
      statuscode: 2,
      createdon: '2026-01-02T03:04:05Z',
      subject: 'Hello',
      donotphone: false,
      revenue: 12.5,
      leadsourcecode: 77,
      versionnumber: 1,
    }
    assert.deepEqual(toFields(row, 'lead', native, table), {
      lastName: 'Ek',
      firstName: null,
      leadStatus: 'Open',
      microsoftStatusReason: 'Contacted',
      microsoftCreatedDate: '2026-01-02T03:04:05Z',
      microsoftTopic: 'Hello',
      doNotCall: false,
      annualRevenue: 12.5,
      leadSource: '77',
    })
  })

  it('leaves out fields that are one-way, by direction or by a pair of types that loses something', () => {
    const selection = only(
      { marketo: 'a', lead: 'fax', direction: 'to-dynamics' },
      { marketo: 'b', lead: 'jobtitle', direction: 'on-create' },
      { marketo: 'c', lead: 'estimatedclosedate', type: 'datetime' },
      { marketo: 'd', lead: 'telephone1', type: 'integer' },
      { marketo: 'e', lead: 'revenue', type: 'integer' },
    )
    const row = { fax: '1', jobtitle: '2', estimatedclosedate: '2026-01-02', telephone1: '3', revenue: 4 }
    assert.deepEqual(toFields(row, 'lead', selection, table), {})
  })

  it('reads look-ups and the owner by the name that Dataverse gives their value', () => {
    const id = '6d81597f-0f9f-e711-8122-000d3aa2331c'
    const selection = only(
      { marketo: 'contactId', lead: 'parentcontactid' },
      { marketo: 'ownerId', lead: 'ownerid', direction: 'to-marketo' },
    )
    const row = { _parentcontactid_value: id, _ownerid_value: id, parentcontactid: 'x' }
    assert.deepEqual(toFields(row, 'lead', selection, table), { contactId: id, ownerId: id })
  })
})

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { defaultFields } from '../../src/person/fields.ts'
import { parseSelection } from '../../src/person/selection.ts'
import { stockTables } from './stock-tables.ts'

const docs = readFileSync(new URL('../../docs/fields.md', import.meta.url), 'utf8')

/** Adobe, "Default Dynamics Field Mapping", without the owner. */
const nativeColumns = {
  lead: `createdon salutation firstname middlename lastname emailaddress1 jobtitle telephone1 mobilephone fax
    address1_line1 address1_city address1_stateorprovince address1_country address1_postalcode leadsourcecode
    statecode statuscode description donotphone donotbulkemail leadqualitycode address1_line2 address1_line3
    donotemail donotfax donotsendmm telephone2 preferredcontactmethodcode subject subject companyname revenue
    mkt_lastinterestingmomentdate mkt_lastinterestingmomentdesc mkt_leadinterestingmomentsource
    mkt_lastinterestingmomenttype mkt_relativescore mkt_priority mkt_urgency`,
  contact: `createdon salutation firstname middlename lastname emailaddress1 jobtitle telephone1 mobilephone
    address1_line1 address1_city address1_stateorprovince address1_country address1_postalcode statecode
    statuscode description donotphone donotbulkemail address1_line2 address1_line3 donotemail donotfax
    donotsendmm telephone2 preferredcontactmethodcode mkt_lastinterestingmomentdate
    mkt_lastinterestingmomentdesc mkt_leadinterestingmomentsource mkt_lastinterestingmomenttype
    mkt_relativescore mkt_priority mkt_urgency mkt_leadscore`,
}

describe('the default fields', () => {
  for (const recordType of ['lead', 'contact'] as const) {
    it(`map the columns that the native sync maps for a ${recordType}`, () => {
      const columns = defaultFields.flatMap((field) => field[recordType]?.column ?? [])
      assert.deepEqual(columns.sort(), nativeColumns[recordType].split(/\s+/).sort())
    })

    it(`that are standard have their column in a stock ${recordType} table`, () => {
      const missing = defaultFields
        .filter((field) => field.standard)
        .flatMap((field) => field[recordType]?.column ?? [])
        .filter((name) => !stockTables[recordType].columns.has(name))
      assert.deepEqual(missing, [])
    })
  }

  it('are offered, not selected, exactly where Marketo Sales Insight brings the column', () => {
    for (const field of defaultFields) {
      const column = (field.lead ?? field.contact)?.column ?? ''
      assert.equal(field.standard, !column.startsWith('mkt_'), field.marketo)
    }
  })

  it("have Adobe's own REST names where Marketo Sales Insight computes them", () => {
    const names = defaultFields.filter(({ standard }) => !standard).map(({ marketo }) => marketo)
    assert.deepEqual(names, [
      'msiLastInterestingMomentDate',
      'msiLastInterestingMomentDesc',
      'msiLastInterestingMomentSource',
      'msiLastInterestingMomentType',
      ...['relativeScore', 'priority', 'relativeUrgency', 'leadScore'],
    ])
  })

  it('have one Marketo name each', () => {
    const names = defaultFields.map((field) => field.marketo)
    assert.deepEqual(names, [...new Set(names)])
  })

  it('are documented with label, type, columns and direction', () => {
    const missing = defaultFields
      .map(({ label, marketo, type, lead, contact }) => {
        const name = (column?: string) => (column === undefined ? '–' : `\`${column}\``)
        const direction = lead?.direction ?? contact?.direction
        return `| ${label} | \`${marketo}\` | ${type} | ${name(lead?.column)} | ${name(contact?.column)} | ${direction} |`
      })
      .filter((row) => !docs.includes(row))
    assert.deepEqual(missing, [])
  })

  it('have one direction for both record types, which is what the documented table can say', () => {
    const split = defaultFields.filter(({ lead, contact }) => {
      return lead !== undefined && contact !== undefined && lead.direction !== contact.direction
    })
    assert.deepEqual(split, [])
  })
})

it('the documented example of a field selection is a valid one', () => {
  const example = /```json\n([\s\S]*?)```/.exec(docs)?.[1]
  assert.deepEqual(parseSelection(example ?? '').problems, undefined)
})

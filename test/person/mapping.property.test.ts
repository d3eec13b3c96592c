import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { toColumns } from '../../src/person/mapping.ts'
import { defaultSelection } from '../../src/person/selection.ts'
import { stockTables } from './stock-tables.ts'

it('a mapping never crashes, repeats no value in a problem, and sends only columns of the table', () => {
  const { fields: native } = defaultSelection()
  const names = [...new Set([...native.lead, ...native.contact].map((field) => field.marketo))]
  const secret = 'zq9secret'
  const values = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(secret, `${secret}@`, '2020-01-01', 'yes', '', null, true, -0),
    fc.double(),
  )
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom(...names), values),
      fc.constantFrom('lead' as const, 'contact' as const),
      (fields, recordType) => {
        const table = stockTables[recordType]
        const mapped = toColumns({ fields }, recordType, defaultSelection(), table)
        assert.ok(!JSON.stringify(mapped.problems).includes(secret))
        for (const key of Object.keys(mapped.columns)) assert.ok(table.columns.get(key)?.validForCreate, key)
      },
    ),
    { numRuns: 300 },
  )
})

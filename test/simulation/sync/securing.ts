import type { Trait } from './traits.ts'

const COLUMN = 'jobtitle'

/**
 * An administrator secures a column in the middle of everything and opens it again, and its delta links stay valid:
 * its nulls must reach no person (S16), and what was edited meanwhile arrives when it is open again (S1).
 */
export const securing: Trait = {
  name: 'securing',
  share: 0.3,
  deed: {
    everyMs: 900_000,
    run: ({ dynamics }) => dynamics.secure(COLUMN, !dynamics.secured.has(COLUMN)),
  },
  rest: ({ dynamics }) => {
    if (dynamics.secured.has(COLUMN)) dynamics.secure(COLUMN, false)
    // The next page of rows, or the next read of the schema an hour later, shows that it is open.
    const [row] = dynamics.rows.lead.values()
    if (row) dynamics.set(row.table, row.id, {})
  },
}

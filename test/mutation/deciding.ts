import type { Mutant } from './mutant.ts'

/** Deciding: what is written at all. */
export const deciding: readonly Mutant[] = [
  {
    name: 'shadow check',
    why: 'every difference is taken for an edit of both sides, so the loser of an old agreement wins nothing',
    file: 'src/sync/decide/plan.ts',
    text: '(agreed === undefined ? !isEmpty(held[side]) : held[side] !== agreed[side])',
    replacement: '(agreed === undefined ? !isEmpty(held[side]) : true)',
    tests: ['test/sync/plan.test.ts'],
  },
  {
    name: 'S17: two halves',
    why: 'what a side made of a value counts as its edit, and overwrites the original',
    file: 'src/sync/decide/agreement.ts',
    text: 'const half = (side: Side) => (form?.[side] === undefined ? agreed : form[side])',
    replacement: 'const half = (side: Side) => agreed',
    tests: ['test/sync/plan.property.test.ts'],
  },
  {
    name: "S17: the flow action's create",
    why: 'what a webhook made of a value counts as an edit of Dynamics, and overwrites the original on contacts',
    file: 'src/sync/decide/decide.ts',
    text: 'agreedOnCreate(given, schema)',
    replacement: 'given',
    tests: ['test/sync/created.test.ts'],
  },
  {
    name: 'field that two writers fight over',
    why: 'two writers outside take turns for ever, with a write each time',
    file: 'src/sync/decide/turns.ts',
    text: 'recent(turn, now).length >= RETURNS_MAX',
    replacement: 'false',
    tests: ['test/sync/turns.test.ts'],
  },
  {
    name: 'winner by record type',
    why: 'Marketo wins on contacts too',
    file: 'src/sync/decide/plan.ts',
    text: "return recordType === 'lead' ? 'marketo' : 'dynamics'",
    replacement: "return 'marketo'",
    tests: ['test/sync/plan.test.ts'],
  },
  {
    name: 'S10: only selected fields',
    why: 'whatever both sides tell is written, selected or not',
    file: 'src/sync/decide/plan.ts',
    text: 'for (const field of fields) {',
    replacement:
      "const told = Object.keys(marketo).filter((name) => !fields.some((one) => one.marketo === name))\n  for (const field of [...fields, ...told.map((name) => ({ marketo: name, direction: 'both', inverted: false, column: name }) as const)]) {",
    tests: ['test/sync/plan.test.ts'],
  },
  {
    name: 'S10: read-only columns',
    why: 'a column that cannot be changed is written to',
    file: 'src/person/sync-field.ts',
    text: "if (outward && (column.type === 'Owner' || !column.validForUpdate)) {",
    replacement: 'if (false) {',
    tests: ['test/person/sync-field.test.ts'],
  },
  {
    name: 'sync filter of a record',
    why: 'a record that says no is written to all the same',
    file: 'src/sync/decide/deliberate.ts',
    text: 'if (replica.stopped) return []',
    replacement: '',
    tests: ['test/journeys/sync-life.test.ts'],
  },
  {
    name: 'pause',
    why: 'a paused sync writes all the same',
    file: 'src/sync/engine.ts',
    text: 'const worked = this.#isPaused ? 0 : await',
    replacement: 'const worked = await',
    tests: ['test/journeys/sync-endpoints.test.ts'],
  },
]

import type { Mutant } from './mutant.ts'

const file = 'src/flow-action/sync-person.ts'
const tests = ['test/flow-action/unknown-create.test.ts']

/** Creating: a refusal says nothing about an earlier try whose outcome is unknown. */
export const creating: readonly Mutant[] = [
  {
    name: 'a resumed intent counts as perhaps landed',
    why: 'a person whose record is there is told failed after a crash',
    text: 'let mayHaveLanded = resumed',
    replacement: 'let mayHaveLanded = false',
    ...{ file, tests },
  },
  {
    name: 'a create with an unknown outcome is remembered',
    why: 'a person whose record is there is told failed after a lost answer',
    text: 'mayHaveLanded ||= error instanceof Unavailable',
    replacement: '',
    ...{ file, tests },
  },
  {
    name: 'a refusal is not believed while an earlier try may have landed',
    why: 'a person whose record is there is told failed',
    text: "result.kind === 'failed' && !mayHaveLanded",
    replacement: "result.kind === 'failed'",
    ...{ file, tests },
  },
]

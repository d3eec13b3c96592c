import type { Mutant } from './mutant.ts'

const SECURITY = 'test/journeys/sync-column-security.test.ts'
const SECURING = 'test/simulation/sync/securing.test.ts'
const BINDING = 'test/journeys/binding.test.ts'
const ELSEWHERE = 'test/simulation/sync/elsewhere.test.ts'

/** Whose values they are: of columns that we may read, of one organisation and one subscription. */
export const pairing: readonly Mutant[] = [
  {
    name: 'secured columns are set aside',
    why: 'null or a mask of a column that we may not read counts as a value',
    file: 'src/dataverse/columns.ts',
    text: "const read = may('canread') && masked?.has(name) === false",
    replacement: 'const read = true',
    tests: [SECURITY],
  },
  {
    name: 'proof of a page of rows',
    why: 'the nulls of a column that was secured meanwhile wipe Marketo',
    file: 'src/sync/intake/dynamics-stream.ts',
    text: "told.rows.length === 0 || (await areRowsProven(context, told.metadataVersion ?? ''))",
    replacement: 'true',
    tests: [SECURING],
  },
  {
    name: 'proof of rows read by id',
    why: 'the nulls of a column that was secured meanwhile are decided on',
    file: 'src/sync/write/work.ts',
    text: 'if (!(await schemas.areRowsProven(context))) return due.length',
    replacement: '',
    tests: [SECURITY, SECURING],
  },
  {
    name: 'page of a new schema version twice',
    why: 'a column that was secured and opened again before the question counts as open all the time',
    file: 'src/sync/schema-watch.ts',
    text: `    this.#provenVersion = pageVersion
    return false`,
    replacement: `    this.#provenVersion = pageVersion
    return true`,
    tests: [SECURING],
  },
  {
    name: 'columns that were away',
    why: 'edits of a column that was set aside for less than a cycle never arrive',
    file: 'src/sync/engine.ts',
    text: 'for (const source of this.#options.sources) await source.adopt?.(schema)',
    replacement: '',
    tests: [SECURING],
  },
  {
    name: 'a claim that is under way',
    why: 'a record takes a person over for whom another one may just be made',
    file: 'src/sync/intake/adopt.ts',
    text: 'if (others.some((owner) => owner && underWay.has(owner.linkId))) {',
    replacement: 'if (false) {',
    tests: ['test/simulation/sync/claims.test.ts'],
  },
  {
    name: 'S16: organisation of every call',
    why: 'an organisation that took the address over is read and written to',
    file: 'src/dataverse/organisation-check.ts',
    text: 'if (ageMs >= 0 && ageMs < KNOWN_FOR_MS) return',
    replacement: 'return',
    tests: [BINDING, ELSEWHERE],
  },
  {
    name: 'S16: organisation of the store',
    why: 'any organisation is taken for the one of the store',
    file: 'src/pairing.ts',
    text: 'if (organisationId === this.#organisation) {',
    replacement: 'if (organisationId) {',
    tests: [BINDING, ELSEWHERE],
  },
  {
    name: 'S16: subscription of the store',
    why: 'people of another subscription get the values and record ids of this one',
    file: 'src/pairing.ts',
    text: 'if (bound === value) continue',
    replacement: 'continue',
    tests: [BINDING, ELSEWHERE],
  },
  {
    name: 'S16: subscription of a chunk',
    why: 'a chunk of another subscription is worked on with the people of this one',
    file: 'src/pairing.ts',
    text: 'if (given === this.#subscription) return',
    replacement: 'return',
    tests: [BINDING],
  },
]

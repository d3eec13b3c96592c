import type { Mutant } from './mutant.ts'

const GUARDS = 'test/sync/guards.test.ts'

/** Taking in: what is believed of what both sides tell. */
export const takingIn: readonly Mutant[] = [
  {
    name: 'merges before deletions',
    why: 'the loser of a merge loses its link before it can follow the survivor',
    file: 'src/sync/marketo-stream.ts',
    text: '!(await isTime(page.items, context))',
    replacement: 'false',
    tests: ['test/sync/deletions.test.ts'],
  },
  {
    name: 'etag of a row that is known',
    why: 'every echo of our own writes is saved again',
    file: 'src/sync/see-rows.ts',
    text: 'if (etag === row.etag && epoch === replica.epoch && replica.dynamics) return replica',
    replacement: '',
    tests: [GUARDS],
  },
  {
    name: 'cursor of Dynamics after its effects',
    why: 'a kill in between loses a page',
    file: 'src/sync/dynamics-stream.ts',
    text: 'const news = await this.#intake.takeIn(',
    replacement:
      'await store.save({ now, cursors: [this.#cursor(to, now)] })\n    const news = await this.#intake.takeIn(',
    tests: [GUARDS],
  },
  {
    name: 'cursor of Marketo with its effects',
    why: 'a kill in between loses a page',
    file: 'src/sync/marketo-stream.ts',
    text: 'const saved = await saveComputed(store, async () => ({',
    replacement:
      'await store.save({ now, cursors: [{ stream: this.stream, position }] })\n    const saved = await saveComputed(store, async () => ({',
    tests: [GUARDS],
  },
  {
    name: 'our own entries of the change log',
    why: 'every write of ours is read back, since nothing else proves it',
    file: 'src/sync/see-changes.ts',
    text: 'if (change.ours && seeOwn(draft, change, conflicts)) continue',
    replacement: '',
    tests: [GUARDS],
  },
  {
    name: 'repair of a replaced edit',
    why: "an edit in Marketo that our write replaced unseen is lost, although Marketo's wins",
    file: 'src/sync/see-changes.ts',
    text: "if (repair.kind === 'restore') {",
    replacement: 'if (false) {',
    tests: [GUARDS],
  },
  {
    name: 'proof of a deletion that the delta tells',
    why: 'a row that was restored is taken for deleted',
    file: 'src/sync/row-intake.ts',
    text: 'const known = await this.#readRows(recordType, ours, context)',
    replacement: 'const known = await this.#readRows(recordType, ours.slice(0, 0), context)',
    tests: [GUARDS],
  },
  {
    name: 'page with doubts while Dynamics is busy',
    why: 'rows that a page told unreadably are passed over for good because Dynamics asked to wait',
    file: 'src/sync/row-intake.ts',
    text: 'if (!(error instanceof Rejected)) throw error',
    replacement: '',
    tests: ['test/sync/row-intake.test.ts'],
  },
  {
    name: 'proof of a deletion by absence',
    why: 'a row that a page leaves out is taken for deleted',
    file: 'src/sync/dynamics-stream.ts',
    text: 'const present = refs.length === 0 ? new Map()',
    replacement: 'const present = refs.length >= 0 ? new Map()',
    tests: [GUARDS],
  },
  {
    name: 'deletions by absence',
    why: 'what was deleted while the cursor was lost lives on in Marketo',
    file: 'src/sync/dynamics-stream.ts',
    text: 'if (from.full && !page.more) to.unseenAfter = 0',
    replacement: '',
    tests: [GUARDS],
  },
  {
    name: 'deletion beside an open write',
    why: 'what is known of a deleted row is forgotten, and the person is never told',
    file: 'src/sync/gather.ts',
    text: "if (intent?.toDynamics && replica.state !== 'tombstoned')",
    replacement: 'if (intent?.toDynamics)',
    tests: [GUARDS],
  },
  {
    name: 'host of a link',
    why: 'our token is sent to whoever a reply names',
    file: 'src/dataverse/change-link.ts',
    text: '|| url.origin !== origin',
    replacement: '',
    tests: ['test/dataverse/changes.test.ts'],
  },
]

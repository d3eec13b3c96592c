import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { apiOf } from '../../sandbox/dataverse/api.ts'
import { humanOf } from '../../sandbox/dataverse/human.ts'
import { Journal } from '../../sandbox/dataverse/journal.ts'
import { openOrganisation } from '../../sandbox/dataverse/organisation.ts'
import { schemaOf } from '../../sandbox/dataverse/schema.ts'

function open(now = () => 0) {
  const organisation = openOrganisation({ now })
  return {
    organisation,
    people: humanOf(organisation),
    api: apiOf(organisation, organisation.ids.applicationUser),
    schema: schemaOf(organisation),
  }
}

const SELECT = ['lastname', 'jobtitle']

test('an organisation lives without a server, by the clock and with the ids it is given', () => {
  let at = Date.UTC(2030, 0, 1)
  let made = 0
  const nextId = () => {
    made += 1
    return `00000000-0000-4000-8000-${String(made).padStart(12, '0')}`
  }
  const play = () => {
    made = 0
    const organisation = openOrganisation({ now: () => at, nextId })
    const people = humanOf(organisation)
    const id = people.seed('lead', { lastname: 'Ek' })
    people.qualify(id)
    return [people.row('lead', id), people.rows('contact'), organisation.rows.commits]
  }
  const once = play()
  assert.deepEqual(play(), once)
  at += 1000
  assert.notDeepEqual(play(), once)
  assert.match(JSON.stringify(once), /"createdon":"2030-01-01T00:00:00Z"/)
})

test('the service’s verbs without HTTP refuse as the Web API does', () => {
  const { people, api, schema } = open()
  const id = people.seed('lead', { lastname: 'Ek' })
  const read = api.read('lead', id, SELECT)
  assert.deepEqual(Object.keys(read), ['@odata.etag', 'jobtitle', 'lastname', 'leadid'])
  const ifMatch = String(read['@odata.etag'])
  const updated = api.update('lead', id, { jobtitle: 'Boss' }, { ifMatch, select: SELECT })
  assert.deepEqual([updated.jobtitle, updated['@odata.etag'] === ifMatch], ['Boss', false])
  assert.throws(() => api.update('lead', id, { jobtitle: 'x' }, { ifMatch }), { code: '0x80060882' })
  assert.throws(() => api.remove('lead', id, { ifMatch }), { code: '0x80060882' })
  assert.throws(() => api.create('lead', { leadid: id }), { code: '0x80040237' })
  assert.deepEqual(
    api.find('lead', "lastname eq 'EK'", ['lastname']).map((row) => row.leadid),
    [id],
  )
  const { next } = api.changes('lead', SELECT)
  schema.changeColumn('lead', 'jobtitle', { maxLength: 5 })
  assert.throws(() => api.changes('lead', SELECT, { from: next }), { code: '0x80044352' })
  api.remove('lead', id)
  assert.throws(() => api.read('lead', id, SELECT), { code: '0x80040217' })
})

test('tokens grow old by the clock that the organisation was given', () => {
  let at = Date.UTC(2030, 0, 1)
  const { api } = open(() => at)
  const { next } = api.changes('lead', SELECT)
  at += 7 * 86_400_000
  const fresh = api.changes('lead', SELECT, { from: next })
  at += 1000
  assert.throws(() => api.changes('lead', SELECT, { from: next }), { code: '0x80044352' })
  assert.deepEqual(api.changes('lead', SELECT, { from: fresh.next }).rows, [])
})

type Step =
  | { kind: 'seed' }
  | { kind: 'update' | 'touch' | 'remove' | 'restore'; pick: number }
  | { kind: 'undone'; pick: number }
  | { kind: 'page'; size: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.constant({ kind: 'seed' as const }),
  fc.record({
    kind: fc.constantFrom('update' as const, 'touch' as const, 'remove' as const, 'restore' as const),
    pick: fc.nat(100),
  }),
  fc.record({ kind: fc.constant('undone' as const), pick: fc.nat(100) }),
  fc.record({ kind: fc.constant('page' as const), size: fc.integer({ min: 1, max: 4 }) }),
)

test('whoever follows the links knows the table, whatever happens between the pages', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.constantFrom(0, 9), (steps, repeatedVersions) => {
      const { organisation, people, api } = open()
      organisation.knobs = { ...organisation.knobs, repeatedVersions }
      const { rows } = organisation
      const known = new Map<string, unknown>()
      const ids: string[] = []
      let from: string | undefined
      let last = 0
      const readPage = (pageSize: number) => {
        const page = api.changes('lead', SELECT, { pageSize, ...(from !== undefined && { from }) })
        assert.ok(page.rows.length + page.deletedIds.length <= pageSize)
        for (const row of page.rows) known.set(String(row.leadid), row.lastname)
        for (const id of page.deletedIds) known.delete(id)
        from = page.next
        return page.more
      }
      const apply = (one: Step) => {
        if (one.kind === 'page') return void readPage(one.size)
        last += 1
        if (one.kind === 'seed') return void ids.push(people.seed('lead', { lastname: `L${last}` }))
        const id = ids[one.pick % ids.length] ?? ''
        const row = rows.get('lead', id)
        if (one.kind === 'restore' && !row && id !== '') people.restore('lead', id)
        if (!row) return
        if (one.kind === 'update') people.update('lead', id, { lastname: `L${last}` })
        if (one.kind === 'touch') rows.touch('lead', row)
        if (one.kind === 'remove') people.remove('lead', id)
        if (one.kind !== 'undone') return
        const undone = new Error('undone')
        const work = () =>
          rows.atomically(() => {
            people.update('lead', id, { lastname: 'never' })
            people.remove('lead', id)
            people.restore('lead', id)
            people.seed('lead', { lastname: 'never' })
            throw undone
          })
        assert.throws(work, undone)
      }
      for (const one of steps) apply(one)
      while (readPage(3));
      // What happened since the delta began belongs to the next one.
      while (readPage(3));
      const truth = people.rows('lead').map((row) => [String(row.leadid), row.lastname] as const)
      assert.deepEqual(known, new Map(truth))
      const idle = api.changes('lead', SELECT, { from: from ?? '' })
      if (repeatedVersions === 0) assert.deepEqual([idle.rows, idle.deletedIds], [[], []])
    }),
  )
})

test('where delta links point back, what is newest comes again and nothing is lost', () => {
  const { organisation, people, api } = open()
  const ids = ['A', 'B'].map((lastname) => people.seed('lead', { lastname }))
  organisation.knobs = { ...organisation.knobs, repeatedVersions: 1 }
  const first = api.changes('lead', SELECT)
  people.update('lead', String(ids[0]), { lastname: 'A2' })
  const second = api.changes('lead', SELECT, { from: first.next })
  const third = api.changes('lead', SELECT, { from: second.next })
  const names = ({ rows }: typeof first) => rows.map((row) => row.lastname)
  assert.deepEqual([first, second, third].map(names), [['A', 'B'], ['B', 'A2'], ['A2']])
})

test('a first read takes every row exactly once, in the order they came', () => {
  const { people, api } = open()
  const ids = Array.from({ length: 25 }, () => people.seed('lead', {}))
  const read: unknown[] = []
  let page = api.changes('lead', ['leadid'], { pageSize: 10 })
  for (;;) {
    read.push(...page.rows.map((row) => row.leadid))
    if (!page.more) break
    people.update('lead', String(ids[0]), { lastname: 'moves' })
    page = api.changes('lead', ['leadid'], { pageSize: 10, from: page.next })
  }
  assert.deepEqual(read, ids)
})

test('what is undone is no change, and no row', () => {
  const { organisation, people, api } = open()
  const [kept, binned] = ['A', 'B'].map((lastname) => people.seed('lead', { lastname }))
  const early = api.changes('lead', SELECT).next
  people.remove('lead', String(binned))
  const { next } = api.changes('lead', SELECT)
  const undone = new Error('undone')
  const work = () => {
    people.update('lead', String(kept), { lastname: 'never' })
    people.remove('lead', String(kept))
    people.restore('lead', String(binned))
    people.seed('lead', { lastname: 'never' })
    throw undone
  }
  assert.throws(() => organisation.rows.atomically(work), undone)
  const { rows, deletedIds } = api.changes('lead', SELECT, { from: next })
  assert.deepEqual([rows, deletedIds], [[], []])
  assert.deepEqual(api.changes('lead', SELECT, { from: early }).deletedIds, [binned])
  assert.deepEqual(
    api.changes('lead', SELECT).rows.map((row) => row.lastname),
    ['A'],
  )
  people.restore('lead', String(binned))
  assert.equal(people.row('lead', String(binned))?.lastname, 'B')
})

test('a journal that is tidied now and then reads on from any number', () => {
  const journal = new Journal()
  for (let number = 1; number <= 10_000; number += 1) {
    journal.add(number, String(number % 7))
    journal.tidy()
  }
  journal.revert('3', undefined)
  assert.deepEqual(
    [...journal.after(9994)].map(({ number }) => number),
    [9995, 9996, 9997, 9998, 10_000],
  )
  assert.equal(journal.size, 6)
})

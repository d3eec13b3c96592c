import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hasDuplicateKey } from '../../sandbox/marketo/duplicate-key.ts'
import { Subscription } from '../../sandbox/marketo/subscription.ts'

const step = fc.oneof(
  fc.record({ kind: fc.constant('create' as const), email: fc.integer({ max: 4 }) }),
  fc.record({
    kind: fc.constant('update' as const),
    who: fc.nat(8),
    crmId: fc.option(fc.constantFrom('a', 'B', 'b')),
  }),
  fc.record({ kind: fc.constant('remove' as const), who: fc.nat(8) }),
  fc.record({ kind: fc.constant('merge' as const), who: fc.nat(8), other: fc.nat(8) }),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(3_000) }),
  fc.record({ kind: fc.constant('read' as const), size: fc.integer({ min: 1, max: 3 }) }),
)

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

function take(marketo: Subscription, one: Exclude<Step, { kind: 'wait' | 'read' }>): void {
  const ids = marketo.people.all().map(({ id }) => Number(id))
  if (one.kind === 'create') {
    marketo.create({ email: `p${one.email}@Example.com` })
    return
  }
  const id = ids[one.who % Math.max(1, ids.length)]
  if (id === undefined) return
  if (one.kind === 'update') marketo.update(id, { crmId: one.crmId })
  if (one.kind === 'remove') marketo.remove(id)
  if (one.kind === 'merge') {
    const other = ids[one.other % ids.length]
    if (other !== undefined && other !== id) marketo.merge(id, [other])
  }
}

test('whoever follows the tokens sees each entry once, however late, and none before its time', () => {
  const lateness = fc.array(fc.constantFrom(0, 0, 700, 5_000), { minLength: 1, maxLength: 10 })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), lateness, (steps, lates) => {
      const clock = { at: 1_700_000_000_000 }
      let entries = 0
      const visibleAfterMs = () => {
        entries += 1
        return lates[entries % lates.length] ?? 0
      }
      const marketo = new Subscription({
        now: () => clock.at,
        visibleAfterMs,
        knobs: { deletionsInActivities: true },
      })
      marketo.addField({ name: 'crmId', dataType: 'string' })
      let token = marketo.feed.tokenSince(clock.at)
      const seen: string[] = []
      const read = (size: number) => {
        const page = marketo.feed.activities({ token, typeIds: [12, 13, 32, 37], size })
        const visible = new Set(
          marketo.log
            .all()
            .filter(({ visibleAt }) => visibleAt <= clock.at)
            .map(({ guid }) => guid),
        )
        for (const { marketoGUID } of page.items) assert.ok(visible.has(marketoGUID))
        seen.push(...page.items.map(({ marketoGUID }) => marketoGUID))
        token = page.nextPageToken
        if (!page.moreResult) assert.equal(seen.length, visible.size)
        return page.moreResult
      }
      for (const one of steps) {
        if (one.kind === 'wait') clock.at += one.ms
        else if (one.kind === 'read') read(one.size)
        else take(marketo, one)
      }
      clock.at += 5_000
      while (read(2)) assert.ok(seen.length <= marketo.log.all().length)
      assert.deepEqual(
        seen.toSorted(),
        marketo.log
          .all()
          .map(({ guid }) => guid)
          .toSorted(),
      )
    }),
    { numRuns: 300 },
  )
})

test('a search finds exactly those whom looking at everybody finds', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const marketo = new Subscription({ now: () => 0 })
      marketo.addField({ name: 'crmId', dataType: 'string' })
      for (const one of steps) {
        if (one.kind !== 'wait' && one.kind !== 'read') take(marketo, one)
        for (const [field, value] of [
          ['crmId', 'B'],
          ['email', 'P1@example.com'],
        ] as const) {
          const looked = marketo.people
            .all()
            .filter((person) => String(person[field]).toLowerCase() === value.toLowerCase())
          assert.deepEqual(
            marketo.people.find(field, [value]),
            looked.map(({ id }) => id),
          )
        }
      }
    }),
    { numRuns: 200 },
  )
})

test('a doubled key is seen at any depth and in any spelling, and a text is no key', () => {
  const doubled = ['{"a":1,"a":2}', '{"b":[{"a":1,"\\u0061":2}]}', '{"x":{"a":{},"b":1,"a":null}}']
  for (const json of doubled) assert.equal(hasDuplicateKey(json), true, json)
  fc.assert(
    fc.property(fc.json({ maxDepth: 4 }), (json) => {
      assert.equal(hasDuplicateKey(JSON.stringify(JSON.parse(json))), false)
    }),
  )
  assert.equal(hasDuplicateKey('{"a":"\\"a\\":1","b":"a"}'), false)
})

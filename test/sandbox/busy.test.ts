import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runBusy } from '../../sandbox/busy/busy.ts'
import { seededChance } from '../../sandbox/busy/chance.ts'
import { deeds } from '../../sandbox/busy/deeds.ts'
import { Life } from '../../sandbox/busy/life.ts'
import { startSandbox } from '../../sandbox/index.ts'

/** Some deeds of a life by this seed, and what they have come to. */
async function live(seed: number, steps: number) {
  await using sandbox = await startSandbox()
  const { dataverse, marketo } = sandbox
  const sent: number[] = []
  const campaign = (personId: number) => {
    sent.push(personId)
    dataverse.api.create('lead', { emailaddress1: marketo.person(personId)?.email })
  }
  const life = new Life({ dataverse, marketo, chance: seededChance(seed), campaign })
  for (let step = 0; step < steps; step += 1) life.goOn()
  const commits = dataverse.commits.map(({ at: _, ...commit }) => commit)
  return { counts: life.counts, line: life.line(steps), sent, commits, people: marketo.people() }
}

test('in a long life every deed is done, and nothing that is done is refused', async () => {
  const { counts, line, sent } = await live(1, 1_500)
  const idle = deeds.filter(({ name }) => (counts.get(name) ?? 0) === 0)
  assert.deepEqual(idle, [])
  assert.equal(sent.length, counts.get('new in Marketo'))
  assert.match(line, /^ 1500 s {2}\d+ new in Marketo, .* \| \d+ people, \d+ leads, \d+ contacts \| 0 calls/)
})

test('the same seed makes the same life, another seed another', async () => {
  const once = await live(7, 200)
  const again = await live(7, 200)
  assert.deepEqual([again.counts, again.commits], [once.counts, once.commits])
  const emails = ({ people }: typeof once) => people.map(({ email }) => email)
  assert.deepEqual(emails(again), emails(once))
  assert.notDeepEqual((await live(8, 200)).counts, once.counts)
})

test('a busy sandbox says how to try it, counts, and ends when its time is over', async () => {
  const written: string[] = []
  await runBusy({
    port: 8400,
    seed: 1,
    forSeconds: 2,
    write: (text) => written.push(text),
    signal: AbortSignal.timeout(60_000),
  })
  assert.match(written[0] ?? '', /Swagger UI/)
  assert.equal(written[1], 'People work on both sides, with seed 1:\n\n')
  assert.match(written[2] ?? '', /^ {4}2 s {2}.* \| \d+ people, /)
  assert.equal(written.length, 3)
})

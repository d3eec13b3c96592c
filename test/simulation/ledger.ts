import assert from 'node:assert/strict'
import { recordIdOf } from '../../src/person/identity.ts'
import type { Answer, DeriveRecordId, NewRequest, Store } from '../../src/store/port.ts'
import type { SimulatedPerson, Trigger } from './people.ts'
import { keyOf, type Row, type SimulatedDataverse } from './vendor.ts'

export const deriveRecordId: DeriveRecordId = (recordType, canonicalKey, generation) =>
  recordIdOf('sim.example', recordType, canonicalKey, generation)

const GENERATIONS_MAX = 16

interface History {
  rows: Row[]
  /** Record id of each generation that was ever committed. */
  generations: Map<number, string>
  deletions: number
  created: number
}

/** What the world saw, kept apart from the service's own tables: the invariants are checked against this. */
export class Ledger {
  readonly #people: readonly SimulatedPerson[]
  readonly #histories: History[]
  readonly #accepted = new Map<string, number>()

  constructor(people: readonly SimulatedPerson[]) {
    this.#people = people
    this.#histories = people.map(() => ({ rows: [], generations: new Map(), deletions: 0, created: 0 }))
  }

  triggers(): Trigger[] {
    return this.#people.flatMap(({ triggers }) => triggers)
  }

  deletions(): [atMs: number, person: number][] {
    return this.#people.flatMap(({ index, deletedAtMs }): [number, number][] =>
      deletedAtMs === undefined ? [] : [[deletedAtMs, index]],
    )
  }

  humanRows(): Row[] {
    return this.#people
      .filter(({ enteredByHand }) => enteredByHand)
      .map(({ index, email }) => ({
        table: 'lead',
        id: `entered-by-hand-${index}`,
        byService: false,
        person: index,
        ...(email !== undefined && { email }),
      }))
  }

  liveRowsOf(person: number, vendor: SimulatedDataverse): Row[] {
    return this.#history(person).rows.filter((row) => vendor.rows.get(keyOf(row)) === row)
  }

  onAccepted(request: NewRequest): void {
    const { person } = JSON.parse(request.payload) as Trigger
    this.#accepted.set(request.requestId, this.#indexOf(person))
  }

  onDeleted(person: number): void {
    this.#history(person).deletions += 1
  }

  onAnswer(trigger: Trigger, answer: Answer): void {
    const { outcome } = JSON.parse(answer.body) as { outcome: string }
    const { refused } = this.#person(trigger.who)
    if (outcome === 'failed') assert.ok(refused, 'a person without fault was refused')
    if (outcome === 'created') assert.ok(!refused, 'a refused person was created')
  }

  /** E1, E7 and E8, at the instant in which a row comes to be. */
  onCommit(row: Row): void {
    const { canonicalKeys, index: who } = this.#person(row.person)
    const history = this.#history(who)
    if (row.byService) {
      const generation = generationOf(row, canonicalKeys)
      const earlier = history.generations.get(generation)
      assert.ok(earlier === undefined || earlier === row.id, `E1: two records of person ${who}`)
      assert.ok(history.deletions >= generation, `E8: generation ${generation} of ${who} without a deletion`)
      const byHand = history.rows.find((other) => !other.byService)
      assert.ok(!byHand || history.deletions > 0, `E7: person ${who} was there already`)
      history.generations.set(generation, row.id)
    }
    history.rows.push(row)
  }

  /** E2: every accepted request ended, and what it was told is true. */
  async checkAtRest(store: Store, vendor: SimulatedDataverse): Promise<void> {
    for (const [requestId, index] of this.#accepted) {
      const { outcome } = (await store.readRequest(requestId)) ?? {}
      const person = this.#person(index)
      const history = this.#history(index)
      assert.ok(outcome, `E2: request ${requestId} has no outcome`)
      if (outcome.outcome === 'failed') {
        assert.ok(person.refused, `E2: person ${index} failed: ${outcome.code}`)
        continue
      }
      const record = history.rows.find(({ id }) => id === outcome.recordId)
      assert.ok(record, `E2: request ${requestId} was told of a record that never was`)
      if (outcome.outcome === 'created') history.created += 1
    }
    for (const [index, history] of this.#histories.entries()) {
      assert.ok(history.created <= history.generations.size, `E5: person ${index} was created too often`)
      const live = this.liveRowsOf(index, vendor)
      const lost = !this.#person(index).refused && history.deletions === 0 && live.length === 0
      assert.ok(!lost || this.#person(index).triggers.length === 0, `E2: person ${index} is lost`)
      if (history.deletions === 0)
        assert.ok(live.length <= 1, `E1: person ${index} has ${live.length} records`)
    }
  }

  /** What Marketo holds: a person's e-mail, where they have one. */
  emailInMarketo(marketoId: number): string | null {
    return this.#person(Math.floor((marketoId - 1) / 2)).email ?? null
  }

  #person(index: number): SimulatedPerson {
    const person = this.#people[index]
    assert.ok(person)
    return person
  }

  #history(index: number): History {
    const history = this.#histories[index]
    assert.ok(history)
    return history
  }

  #indexOf({ marketoId, email }: Trigger['person']): number {
    return email === undefined ? Math.floor(((marketoId ?? 0) - 1) / 2) : Number(/^p(\d+)@/.exec(email)?.[1])
  }
}

function generationOf({ table, id }: Row, canonicalKeys: readonly string[]): number {
  for (let generation = 0; generation < GENERATIONS_MAX; generation += 1) {
    if (canonicalKeys.some((key) => deriveRecordId(table, key, generation) === id)) return generation
  }
  throw new Error(`E1: ${table} ${id} is no id of this person`)
}

import type {
  Identifier,
  Identity,
  Link,
  Outcome,
  RecordType,
  Settlement,
  Store,
} from '../../src/store/port.ts'
import type { AliasChange, LinkMove, SyncStore } from '../../src/store/sync-port.ts'
import type { Draw } from '../crash/draw.ts'
import { newRequest } from './contract.ts'

/** The few people and records that everything is about, so that whatever can collide does. */
const EMAILS = ['a@x', 'b@x', 'c@x'] as const
const PERSONS = [1, 2, 3] as const
const RECORDS = ['r1', 'r2', 'r3'] as const
const TYPES = ['lead', 'contact'] as const

export interface Driver {
  store: Store
  sync: SyncStore
}

/** What one deed left behind for the next ones. */
interface Known {
  requestIds: string[]
  links: Map<string, Link>
}

type Deed = (driver: Driver) => Promise<unknown>

/** Draws one verb after the other, each with what earlier ones made. The same seed gives the same verbs. */
export class Deeds {
  readonly #draw: Draw
  readonly #known: Known = { requestIds: [], links: new Map() }
  #now = 1_000_000

  constructor(draw: Draw) {
    this.#draw = draw
  }

  /** What the drivers have to agree on; `learn` is told the answer of the one whose link ids count. */
  get requestIds(): readonly string[] {
    return this.#known.requestIds
  }

  next(): { name: string; run: Deed; learn: (answer: unknown) => void } {
    this.#now += this.#draw.between(0, 5_000)
    const { requestIds } = this.#known
    if (requestIds.length === 0 || this.#draw.chance(0.3)) return this.#accept()
    const requestId =
      requestIds[this.#draw.between(Math.max(0, requestIds.length - 6), requestIds.length - 1)] ?? ''
    return this.#draw.chance(0.3) ? this.#move(requestId) : this.#work(requestId)
  }

  #accept() {
    const draw = this.#draw
    const byId = draw.chance(0.7)
    const who = {
      ...(byId && { marketoId: draw.one(PERSONS) }),
      ...((!byId || draw.chance(0.6)) && { email: draw.one(EMAILS) }),
    }
    const request = newRequest(who, {
      recordType: draw.one(TYPES),
      batch: draw.chance(0.1),
      now: this.#now,
      leaseUntil: this.#now + 10_000,
      payload: JSON.stringify({ number: this.#known.requestIds.length }),
      ...(draw.chance(0.3) && {
        idempotency: { key: `k${draw.between(1, 9)}`, bodyHash: draw.one(['h1', 'h2']) },
      }),
    })
    return {
      name: `accept ${JSON.stringify(who)}`,
      run: ({ store }: Driver) => store.acceptRequest(request),
      learn: (answer: unknown) => {
        if (!isWork(answer)) return
        this.#known.requestIds.push(request.requestId)
        this.#known.links.set(request.requestId, answer.work.link)
      },
    }
  }

  #work(requestId: string) {
    const draw = this.#draw
    const link = this.#known.links.get(requestId)
    const recordId = link?.recordId ?? ''
    const recordType = link?.recordType ?? 'lead'
    const now = this.#now
    const identity = identityOf({ marketoId: draw.one(PERSONS), email: draw.one(EMAILS) })
    const settlement = this.#settlement(recordType, recordId)
    const answer = { status: 202, body: `{"at":${now}}` }
    const queued = draw.chance(0.5)
    const attempts = draw.between(1, 3)
    const waiting = { code: draw.one(['vendor-busy', 'c']), advice: 'a', attempts: 0, nextAttemptAt: now + 5 }
    const { run, name } = draw.one<{ name: string; run: Deed }>([
      { name: 'takeUp', run: ({ store }) => store.takeUp(requestId, now + 10_000, now) },
      { name: 'takeUp', run: ({ store }) => store.takeUp(requestId, now + 10_000, now) },
      { name: 'storeIntent', run: ({ store }) => store.storeIntent(requestId, recordId, '{"n":1}', now) },
      { name: 'storeIntent', run: ({ store }) => store.storeIntent(requestId, recordId, '{"n":2}', now) },
      {
        name: `settle ${settlement.kind}`,
        run: ({ store }) => outcomeOf(store.settle(requestId, settlement, now)),
      },
      {
        name: `settle ${settlement.kind}`,
        run: ({ store }) => outcomeOf(store.settle(requestId, settlement, now)),
      },
      { name: 'confirmDeleted', run: ({ store }) => store.confirmDeleted(requestId, recordId, recordType) },
      { name: 'identify', run: ({ store }) => store.identify(requestId, identity, '{"completed":true}') },
      { name: 'release', run: ({ store }) => store.release(requestId) },
      {
        name: 'recordAnswer',
        run: ({ store }) => store.recordAnswer(requestId, answer, queued ? waiting : undefined, now),
      },
      {
        name: 'postpone',
        run: ({ store }) => store.postpone(requestId, { ...waiting, attempts }),
      },
    ])
    return {
      name: `${name} ${requestId}`,
      run,
      learn: (answer: unknown) => {
        if (isTaken(answer)) this.#known.links.set(requestId, answer.link)
      },
    }
  }

  #settlement(recordType: RecordType, recordId: string): Settlement {
    const draw = this.#draw
    const provenAt = this.#now - draw.between(0, 3_000)
    const gone = draw.one(PERSONS)
    return draw.one<Settlement>([
      { kind: 'linked', recordType, recordId, provenAt },
      { kind: 'linked', recordType, recordId, provenAt },
      { kind: 'linked', recordType: draw.one(TYPES), recordId: draw.one(RECORDS), provenAt },
      { kind: 'linked', recordType: draw.one(TYPES), recordId: draw.one(RECORDS), provenAt, gone },
      { kind: 'failed', code: 'c', advice: 'a' },
      { kind: 'ambiguous', code: 'c', advice: 'a' },
    ])
  }

  /** Link ids differ between drivers, so a link is named by a request that had it. */
  #move(requestId: string) {
    const draw = this.#draw
    const [from, into] = [requestId, draw.one([requestId, ...this.#known.requestIds])]
    const person = draw.one(PERSONS)
    const email = draw.one([...EMAILS, undefined])
    const record = { recordType: draw.one(TYPES), recordId: draw.one(RECORDS) }
    const own = this.#known.links.get(requestId)
    const kind = draw.one<LinkMove['kind'] | 'new' | 'alias'>([
      'tombstone',
      'restore',
      'orphan',
      'record',
      'person',
      'merge',
      'email',
      'new',
      'alias',
    ])
    const now = this.#now
    const failure = { side: 'marketo', code: 'person-shared', advice: 'a' } as const
    const looked: AliasChange = {
      other: draw.chance(0.5) ? { kind: 'marketo', marketoId: person } : { kind: 'record', ...record },
      ...(draw.chance(0.5) && { dueAt: now + draw.between(0, 9_000) }),
      ...(draw.chance(0.5) && { failure }),
    }
    const run = async ({ store, sync }: Driver) => {
      const [link, other] = [await store.takeUp(from, now, now), await store.takeUp(into, now, now)]
      const linkId = link?.link.linkId ?? 0
      const move = ((): LinkMove | undefined => {
        switch (kind) {
          case 'tombstone':
            return { kind, linkId, recordType: own?.recordType ?? 'lead', recordId: own?.recordId ?? '' }
          case 'restore':
            return { kind, linkId }
          case 'orphan':
          case 'person':
            return { kind, linkId, marketoId: person }
          case 'record':
            return { kind, linkId, ...record }
          case 'merge':
            return { kind, linkId, into: other?.link.linkId ?? linkId }
          case 'email':
            return { kind, linkId, ...(email !== undefined && { email }) }
          case 'alias':
          case 'new':
            return undefined
          default:
            return kind satisfies never
        }
      })()
      if (kind === 'alias') return (await sync.save({ now, aliases: [looked] })).kind
      const newLink = { ...record, ...(email !== undefined && { email }) }
      const { kind: result } = await sync.save(
        move
          ? { now, moves: [move] }
          : { now, newLinks: [{ link: newLink, replica: { ...NOTHING, marketoId: person } }] },
      )
      return result
    }
    return { name: `${kind} ${requestId}`, run, learn: () => {} }
  }
}

const NOTHING = { marketoSeenAt: 0, sent: [], stopped: false, priority: 0, attempts: 0, epoch: 0 } as const

function identityOf({ marketoId, email }: { marketoId: number; email: string }): Identity {
  const identifiers: Identifier[] = [
    { kind: 'email', value: email },
    { kind: 'marketo', value: String(marketoId) },
  ]
  return { identifiers, canonicalKey: `email:${email}`, marketoId }
}

function isWork(answer: unknown): answer is { work: { link: Link } } {
  return typeof answer === 'object' && answer !== null && 'work' in answer
}

function isTaken(answer: unknown): answer is { link: Link } {
  return typeof answer === 'object' && answer !== null && 'link' in answer
}

/** All that can be asked about these people, without the ids that a driver gives. */
export async function portrait({ store, sync }: Driver, requestIds: readonly string[]): Promise<unknown> {
  const people = await Promise.all(
    PERSONS.map(async (marketoId) => [
      await store.readPerson(marketoId),
      await store.readActivities(marketoId, 1_000),
    ]),
  )
  const requests = await Promise.all(requestIds.map((requestId) => store.readRequest(requestId)))
  const aliases = (await sync.dueAliases(1_000, Number.MAX_SAFE_INTEGER)).map((one) =>
    JSON.stringify(withoutIds(one)),
  )
  const failures = (await sync.readFailures({ limit: 1_000 })).map(({ code, other }) =>
    JSON.stringify({ code, other }),
  )
  return withoutIds({ people, requests, aliases: aliases.sort(), failures: failures.sort() })
}

export function withoutIds(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value ?? null, (name, one) =>
      name === 'linkId' || name === 'activityId' ? undefined : one,
    ),
  )
}

/** Whether it was the first call is a matter of milliseconds where an answer may be lost. */
async function outcomeOf(settling: ReturnType<Store['settle']>): Promise<Outcome> {
  return (await settling).outcome
}

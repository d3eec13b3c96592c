import type { CallContext } from '../abort.ts'
import { type Clock, isDatedAhead, type Random } from '../clock.ts'
import type { Columns, CreateResult, RecordRef, Records } from '../dataverse/records.ts'
import { type FailureDetail, Rejected, Unavailable } from '../errors.ts'
import { canonicalKeyOf, emailOfKey, identifiersOf } from '../person/identity.ts'
import type { RecordType } from '../person/person.ts'
import { type Backoff, retry } from '../retry.ts'
import type { IntentResult, Link, Settled, Settlement, Store, Warning, Work } from '../store/port.ts'
import { chooseRecord, survivor } from './choose-record.ts'
import { blameTheId, type CompletePerson } from './complete-person.ts'
import { Flights, type Landing } from './flights.ts'
import type { KnownPeople } from './known-people.ts'
import { obstacleOf, TWIN_AT_WORK } from './obstacle.ts'
import { type Payload, readPayload, writePayload } from './payload.ts'
import type { Prepared, PrepareRecord } from './prepare-record.ts'
import { ambiguous, duplicateDetected, linked, sharedWith, withWarnings } from './settlements.ts'

export interface SyncPersonOptions {
  store: Store
  records: Records
  /** For attempts in the background: shares one call among people. Same rows, same promises. */
  gathered: Records
  prepare: PrepareRecord
  /** Absent where Marketo cannot be asked: a Marketo id alone is then an identity of its own. */
  complete?: CompletePerson
  /** Absent where Marketo cannot be asked: who has a known e-mail then shares the record of who had it first. */
  known?: Pick<KnownPeople, 'isThere'>
  recordIdOf: (recordType: RecordType, canonicalKey: string, generation: number) => string
  clock: Clock
  random: Random
  limits: {
    /** How long others keep away from a link that is being worked on. Longer than an attempt. */
    leaseMs: number
    /** The same for attempts in the background, which take longer. */
    backgroundLeaseMs: number
    /** How long a proven link is believed without asking Dynamics. */
    linkTrustMs: number
    /** How often a twin on another replica looks whether the first one is done. */
    twinPollMs: number
    backoff: Backoff
  }
}

/**
 * What an earlier attempt stored may be out of date, and what it is replaced by may be so, too. Then come up to ten
 * columns that are left out, one at a time.
 */
const DECIDED_AGAIN_MAX = 12

interface FirstTry {
  payload: Payload
  prepared: Prepared & { kind: 'ready' }
  intent: IntentResult & { kind: 'stored' }
}

/** How long one attempt may take: a signal for the wire and the same moment as epoch ms for the waits. */
export interface Attempt extends CallContext {
  deadline: number
  /** Hears what stands in the way while the attempt goes on. */
  note: (obstacle: FailureDetail) => void
}

/**
 * Makes sure that exactly one record exists for a person. Every step may be repeated at any time, by any
 * process: the record's id is fixed by the claim, and the store decides who may make it.
 */
export class SyncPerson {
  readonly #options: SyncPersonOptions
  readonly #flights = new Flights()

  constructor(options: SyncPersonOptions) {
    this.#options = options
  }

  /** Settles the request. Throws Busy, Unavailable or Unauthorized when it must be tried again later. */
  async finish(accepted: Work, attempt: Attempt): Promise<Settled> {
    for (let work = accepted; ; work = await this.#takeUp(work.requestId, attempt)) {
      if (work.outcome) return { outcome: work.outcome, isFirst: false }
      const settlement = await this.#settlementOf(work, attempt)
      if (settlement) {
        const { store, clock } = this.#options
        return store.settle(work.requestId, await this.#withOwner(settlement, work, attempt), clock.now())
      }
      if (attempt.signal.aborted) throw new Unavailable('The attempt timed out')
    }
  }

  /**
   * A record that another person has by its e-mail or by a merge passes to this one when the other is gone; else
   * they share it, and it is the other's values that travel. Not to know it in time keeps nobody waiting: the
   * background sync asks again.
   */
  async #withOwner(settlement: Settlement, { link, payload }: Work, attempt: Attempt): Promise<Settlement> {
    if (settlement.kind !== 'linked') return settlement
    const { marketoId } = readPayload(payload).person
    if (marketoId === undefined) return settlement
    const { recordType, recordId } = settlement
    const isOwn = link.recordType === recordType && link.recordId === recordId
    const owner = isOwn ? link : ((await this.#options.store.readLink(recordType, recordId)) ?? link)
    if (owner.marketoId === undefined || owner.marketoId === marketoId) return settlement
    const isThere = await this.#options.known?.isThere(owner.marketoId, attempt)
    if (isThere === false) return { ...settlement, gone: owner.marketoId }
    return { ...settlement, ...sharedWith(owner.marketoId, isThere === true) }
  }

  /** undefined: what is true has changed meanwhile, look again. */
  async #settlementOf(work: Work, attempt: Attempt): Promise<Settlement | undefined> {
    const { link } = work
    const { clock, limits } = this.#options
    if (link.state === 'tombstoned') return this.#renew(work)
    const isLinked = link.state === 'linked' || link.state === 'orphaned'
    const provenAt = link.provenAt ?? 0
    const now = clock.now()
    const isProven = now - provenAt <= limits.linkTrustMs && !isDatedAhead(provenAt, now)
    if (isLinked && isProven) return linked(refOf(link), provenAt)
    const flight = this.#flights.get(link.linkId)
    if (flight) {
      attempt.note(TWIN_AT_WORK)
      return this.#share(await flight, work)
    }
    if (isLinked) return this.#lead(work, () => this.#confirm(work, attempt))
    if (work.leased) return this.#lead(work, () => this.#ensureRecord(work, attempt))
    attempt.note(TWIN_AT_WORK)
    await clock.sleep(limits.twinPollMs, attempt.signal)
    return undefined
  }

  /** A twin's result is ours too, unless it was refused for other data than ours. */
  #share(landing: Landing, work: Work): Settlement | undefined {
    if (landing.kind === 'error') throw landing.error
    if (landing.kind === 'unsettled') return undefined
    const { settlement, payload } = landing
    return settlement.kind === 'failed' && payload !== work.payload ? undefined : settlement
  }

  async #lead(work: Work, run: () => Promise<Settlement | undefined>): Promise<Settlement | undefined> {
    const landing = await this.#flights.run(work.link.linkId, async () => {
      try {
        const settlement = await run()
        return settlement ? { kind: 'settled', payload: work.payload, settlement } : { kind: 'unsettled' }
      } catch (error) {
        return { kind: 'error', error }
      }
    })
    if (landing.kind === 'error') {
      await this.#options.store.release(work.requestId)
      throw landing.error
    }
    return landing.kind === 'settled' ? landing.settlement : undefined
  }

  /** The proof of a link is old: ask whether the record is still there. */
  async #confirm(work: Work, attempt: Attempt): Promise<Settlement | undefined> {
    const records = this.#recordsFor(attempt)
    const found = await this.#retry(attempt, () => records.read(refOf(work.link), attempt))
    return found ? this.#proven(survivor(found), found.vendorRequestId) : this.#renew(work)
  }

  /** The record was deleted: the person may have another one. */
  async #renew({ requestId, payload, link }: Work): Promise<undefined> {
    await this.#options.store.confirmDeleted(requestId, link.recordId, readPayload(payload).recordType)
    return undefined
  }

  /** Look first, then store the intent, then create. */
  async #ensureRecord(work: Work, attempt: Attempt): Promise<Settlement | undefined> {
    const { store, prepare, complete, clock } = this.#options
    const said = readPayload(work.payload)
    if (complete?.isNeeded(said)) {
      const completed = await this.#retry(attempt, () => complete.complete(said, attempt))
      return this.#identify(work, completed)
    }
    const payload = withKnownEmail(said, work.link)
    const own: RecordRef = { table: work.link.recordType, id: work.link.recordId }

    const email = identifiersOf(payload.person).find(({ kind }) => kind === 'email')?.value
    const query = {
      ...(email && { email }),
      refs: [...this.#reservedRefs(work), ...(payload.record ? [payload.record] : [])],
    }
    const found = await this.#find(query, attempt)
    if ('kind' in found) return found
    const vendorRequestId = found[0]?.vendorRequestId
    const choice = chooseRecord(found, own, payload.record)
    if (choice.kind === 'one') {
      const proven = this.#proven(choice.record, vendorRequestId)
      const isOwn = choice.record.table === own.table && choice.record.id === own.id
      return isOwn ? withWarnings(proven, await this.#warningsOf(payload, own, attempt)) : proven
    }
    if (choice.kind === 'several') return ambiguous(choice.records.length, vendorRequestId)

    const prepared = await this.#retry(attempt, () => prepare.prepare(payload, own.table, attempt))
    if (prepared.kind === 'failed') return blameTheId(prepared, payload)

    const columns = JSON.stringify(prepared.columns)
    const intent = await store.storeIntent(work.requestId, own.id, columns, clock.now())
    if (intent.kind === 'moved') return undefined
    return this.#createAsTableIs(own, { payload, prepared, intent }, attempt)
  }

  /** An earlier try made the record, and its answer did not arrive: what was left out is said now. */
  async #warningsOf(payload: Payload, { table }: RecordRef, attempt: Attempt): Promise<readonly Warning[]> {
    const { prepare } = this.#options
    const prepared = await this.#retry(attempt, () => prepare.prepare(payload, table, attempt))
    return prepared.kind === 'ready' ? prepared.warnings : []
  }

  /** A query that Dynamics refuses is about this person's values: what it asks for is the same for everybody. */
  async #find(query: Parameters<Records['find']>[0], attempt: Attempt) {
    try {
      return await this.#retry(attempt, () => this.#recordsFor(attempt).find(query, attempt))
    } catch (error) {
      if (!(error instanceof Rejected)) throw error
      return { kind: 'failed' as const, ...error.detail }
    }
  }

  /** Once Dynamics refuses what the known table allows, the person is decided anew (see PrepareRecord.prepareAgain). */
  async #createAsTableIs(own: RecordRef, first: FirstTry, attempt: Attempt): Promise<Settlement> {
    const { prepare } = this.#options
    const { payload, intent } = first
    let { prepared } = first
    let sent = intent.columns
    for (let triesLeft = DECIDED_AGAIN_MAX; ; triesLeft -= 1) {
      const settlement = await this.#create(own, JSON.parse(sent) as Columns, intent.resumed, attempt)
      if (settlement.kind === 'linked') return withWarnings(settlement, prepared.warnings)
      if (triesLeft === 0 || settlement.kind !== 'failed') return settlement
      const [refused, used] = [sent, prepared]
      const again = await this.#retry(attempt, () =>
        prepare.prepareAgain(payload, used, refused, settlement, attempt),
      )
      if (again === undefined) return settlement
      if (again.kind === 'failed') return again
      prepared = again
      sent = JSON.stringify(again.columns)
    }
  }

  /** Now that the e-mail is known, the person may turn out to have a link already: look again. */
  async #identify({ requestId }: Work, payload: Payload): Promise<undefined> {
    const { person } = payload
    const canonicalKey = canonicalKeyOf(person)
    if (canonicalKey === undefined) throw new Error('A completed person has no identity')
    const identity = { identifiers: identifiersOf(person), canonicalKey }
    await this.#options.store.identify(requestId, identity, writePayload(payload))
    return undefined
  }

  /** Sends the same create until its outcome is known. */
  async #create(own: RecordRef, columns: Columns, resumed: boolean, attempt: Attempt): Promise<Settlement> {
    const records = this.#recordsFor(attempt)
    let mayHaveLanded = resumed
    const send = async (): Promise<CreateResult | Settlement> => {
      try {
        return await records.create(own, columns, attempt)
      } catch (error) {
        if (error instanceof Rejected) return { kind: 'failed', ...error.detail }
        mayHaveLanded ||= error instanceof Unavailable
        throw error
      }
    }
    const result = await this.#retry(attempt, send)
    if (result.kind === 'created') return this.#proven(own, result.vendorRequestId)
    if (result.kind === 'failed' && !mayHaveLanded) return result
    const found = await this.#retry(attempt, () => records.read(own, attempt))
    if (found) return this.#proven(survivor(found), found.vendorRequestId)
    if (result.kind === 'id-taken') throw new Unavailable('The row that had the id no longer exists')
    // Dynamics' duplicate rules also find the row that an earlier try of ours made: hence the read before.
    return result.kind === 'duplicate' ? duplicateDetected(result) : result
  }

  /** Dynamics has just shown the record. */
  #proven(ref: RecordRef, vendorRequestId?: string): Settlement & { kind: 'linked' } {
    return linked(ref, this.#options.clock.now(), vendorRequestId)
  }

  /** The ids that this person's record would have as a lead and as a contact. */
  #reservedRefs({ link }: Work): RecordRef[] {
    const { recordIdOf } = this.#options
    const other: RecordType = link.recordType === 'lead' ? 'contact' : 'lead'
    return [
      { table: link.recordType, id: link.recordId },
      { table: other, id: recordIdOf(other, link.canonicalKey, link.generation) },
    ]
  }

  #recordsFor({ lane }: Attempt): Records {
    const { records, gathered } = this.#options
    return lane === 'background' ? gathered : records
  }

  async #takeUp(requestId: string, { lane }: Attempt): Promise<Work> {
    const { store, clock, limits } = this.#options
    const leaseMs = lane === 'background' ? limits.backgroundLeaseMs : limits.leaseMs
    const work = await store.takeUp(requestId, clock.now() + leaseMs, clock.now())
    if (!work) throw new Error(`Request ${requestId} is no longer in the store`)
    return work
  }

  #retry<T>(attempt: Attempt, run: () => Promise<T>): Promise<T> {
    const { clock, random, limits } = this.#options
    const noted = async () => {
      try {
        return await run()
      } catch (error) {
        attempt.note(obstacleOf(error))
        throw error
      }
    }
    return retry(noted, { backoff: limits.backoff, ...attempt, clock, random })
  }
}

/** Who came with an id alone may be known by e-mail from an earlier request. */
function withKnownEmail(payload: Payload, { canonicalKey }: Link): Payload {
  const email = payload.person.email ?? emailOfKey(canonicalKey)
  return email === undefined ? payload : { ...payload, person: { ...payload.person, email } }
}

function refOf(link: Link): RecordRef {
  return { table: link.recordType, id: link.recordId }
}

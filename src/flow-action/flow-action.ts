import type { Clock } from '../clock.ts'
import { type FailureDetail, IN_PROGRESS } from '../errors.ts'
import { canonicalKeyOf, identifiersOf } from '../person/identity.ts'
import type { Person, RecordType } from '../person/person.ts'
import type { Acceptance, Answer, Campaign, NewRequest, Outcome, Store, Waiting } from '../store/port.ts'
import type { Attempts } from './attempts.ts'
import { writePayload } from './payload.ts'
import type { Worker } from './worker.ts'

export interface FlowActionOptions {
  store: Store
  attempts: Attempts
  worker: Worker
  clock: Clock
  /** How long others keep away from a link whose maker may be working on it. */
  leaseMs: number
  /** How often a replay looks whether the first request is done. */
  twinPollMs: number
}

/** What a campaign asks for, already checked by its endpoint. */
export interface FlowActionCall {
  requestId: string
  source: NewRequest['source']
  /** Name of the API key. */
  caller: string
  idempotency?: { key: string; bodyHash: string }
  person: Person
  recordType: RecordType
  assignTo?: string
  campaign?: Campaign
  /** Epoch ms by which the caller must have an answer. */
  deadline: number
  /** The endpoint's words for a result, or for why there is none yet. Pure. */
  render: (requestId: string, state: Outcome | Waiting) => Answer
}

/** The flow action Sync Person to Microsoft: claim, work, and an answer in time. */
export class FlowAction {
  readonly #options: FlowActionOptions

  constructor(options: FlowActionOptions) {
    this.#options = options
  }

  /** undefined = the Idempotency-Key was used with another body. */
  async perform(call: FlowActionCall): Promise<Answer | undefined> {
    const acceptance = await this.#options.store.acceptRequest(this.#toRequest(call))
    switch (acceptance.kind) {
      case 'mismatch':
        return undefined
      case 'seen':
        return this.#replay(acceptance, call)
      case 'accepted':
        return this.#answer(acceptance, call)
      default:
        return acceptance satisfies never
    }
  }

  #toRequest(call: FlowActionCall): NewRequest {
    const { clock, leaseMs } = this.#options
    const { requestId, source, caller, idempotency, person, recordType, assignTo, campaign } = call
    const canonicalKey = canonicalKeyOf(person)
    if (canonicalKey === undefined) throw new Error('A request has neither a marketoId nor an email')
    const now = clock.now()
    return {
      requestId,
      source,
      caller,
      identifiers: identifiersOf(person),
      canonicalKey,
      recordType,
      payload: writePayload({ person, recordType, ...(assignTo !== undefined && { assignTo }) }),
      batch: campaign?.type === 'batch',
      leaseUntil: now + leaseMs,
      now,
      ...(idempotency && { idempotency }),
      ...(person.marketoId !== undefined && { marketoId: person.marketoId }),
      ...(campaign && { campaign }),
    }
  }

  async #answer({ work }: Acceptance & { kind: 'accepted' }, call: FlowActionCall): Promise<Answer> {
    const { attempts, worker } = this.#options
    const { requestId } = work
    if (call.campaign?.type === 'batch') {
      worker.wake()
      return this.#record(requestId, this.#underWay(IN_PROGRESS), call)
    }
    let obstacle = IN_PROGRESS
    const note = (latest: FailureDetail) => {
      obstacle = latest
    }
    const state = await this.#byDeadline(
      attempts.run(work, { lane: 'real-time', waitUntil: call.deadline, note }),
      call.deadline,
    )
    if (state && 'outcome' in state && !call.idempotency) return call.render(requestId, state)
    return this.#record(requestId, state ?? this.#underWay(obstacle), call)
  }

  /** The first attempt is under way, or about to begin. */
  #underWay(obstacle: FailureDetail): Waiting {
    return { ...obstacle, attempts: 0, nextAttemptAt: this.#options.clock.now() }
  }

  /** The bytes of the first answer; when there is none yet, this one becomes it. */
  async #replay(seen: Acceptance & { kind: 'seen' }, call: FlowActionCall): Promise<Answer> {
    if (seen.answer) return seen.answer
    return this.#record(
      seen.requestId,
      seen.outcome ?? (await this.#watch(seen.requestId, call.deadline)),
      call,
    )
  }

  #record(requestId: string, state: Outcome | Waiting, { render }: FlowActionCall): Promise<Answer> {
    const { store, clock } = this.#options
    const waiting = 'outcome' in state ? undefined : state
    return store.recordAnswer(requestId, render(requestId, state), waiting, clock.now())
  }

  async #byDeadline<T>(work: Promise<T>, deadline: number): Promise<T | undefined> {
    const { clock } = this.#options
    const finished = new AbortController()
    const timeout = clock.sleep(Math.max(deadline - clock.now(), 0), finished.signal).then(
      () => undefined,
      () => undefined,
    )
    try {
      return await Promise.race([work, timeout])
    } finally {
      finished.abort('answered')
      // After the deadline nobody waits for the work: a failing store is the worker's to report.
      work.catch(() => {})
    }
  }

  async #watch(requestId: string, deadline: number): Promise<Outcome | Waiting> {
    const { store, clock, twinPollMs } = this.#options
    let waiting = this.#underWay(IN_PROGRESS)
    while (clock.now() < deadline) {
      const state = await store.readRequest(requestId)
      if (state?.outcome) return state.outcome
      waiting = state?.waiting ?? waiting
      if (state?.answer) break
      // The look may have taken longer than was left.
      await clock.sleep(Math.max(Math.min(twinPollMs, deadline - clock.now()), 0))
    }
    return waiting
  }
}

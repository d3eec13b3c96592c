import type { Update, UpdateResult } from '../dataverse/rows.ts'
import type { SyncLeads, WriteResult } from '../marketo/sync-leads.ts'
import { waitMs } from '../retry.ts'
import type { FailureSet, LinkMove, NewConflict, Replica } from '../store/sync-port.ts'
import type { Tally } from './counts.ts'
import { type Decision, withIntent, writesNothing } from './decide.ts'
import { type DeliberateOptions, deliberate, type Result } from './deliberate.ts'
import { chunks } from './pages.ts'
import { type SettleContext, settle } from './settle.ts'
import type { PullContext } from './stream.ts'

export interface WorkOptions extends DeliberateOptions {
  syncLeads: SyncLeads
  tally: Tally
  /** A vendor refuses a column or field that the schema has. */
  doubtSchema: () => void
}

/** A decision whose intent is stored: it may be sent. */
interface Writing {
  decision: Decision
  replica: Replica
}

/** Works off what is due: decide, store the intent, write, store what is true now. */
export class Work {
  readonly #options: WorkOptions

  constructor(options: WorkOptions) {
    this.#options = options
  }

  /** One round. Gives how many replicas it took up; 0 = nothing is due. Throws the vendors' errors of its reads. */
  async round(context: PullContext): Promise<number> {
    const { store, clock, settings, tally, doubtSchema } = this.#options
    const due = await store.due(settings.workMax, clock.now())
    if (due.length === 0) return 0
    const { decisions, results, movesOf } = await deliberate(due, this.#options, context)

    const writing = await this.#storeIntents(decisions, movesOf)
    const dynamics = await this.#writeDynamics(writing, context)
    const marketo = await this.#writeMarketo(writing, context)

    const settleContext = this.#settleContext(context)
    for (const { decision, replica } of writing) {
      const answers = { ...dynamics.get(replica.linkId), ...marketo.get(replica.linkId) }
      tally.add(decision, answers)
      if (isDrift(answers.dynamics) || isDrift(answers.marketo)) doubtSchema()
      results.push(settle(decision, replica, answers, settleContext))
    }
    for (const decision of decisions.filter(writesNothing)) {
      tally.add(decision, {})
      const agreed = settle(decision, decision.replica, {}, settleContext)
      results.push({ ...agreed, moves: [...movesOf(decision.replica), ...agreed.moves] })
    }
    await this.#save(results)
    return due.length
  }

  /**
   * Durable before anything is sent, with the links' moves, so that a campaign that fires at once finds the link,
   * and with the conflicts, so that no value is overwritten that the log does not have.
   */
  async #storeIntents(
    decisions: readonly Decision[],
    movesOf: (replica: Replica) => LinkMove[],
  ): Promise<Writing[]> {
    const { store, clock, random, settings } = this.#options
    const now = clock.now()
    const all = decisions
      .filter((decision) => !writesNothing(decision))
      .map((decision) => ({ decision, replica: withIntent(decision, random.uuid(), now) }))
    const stored: Writing[] = []
    for (const part of chunks(all, settings.saveMax)) {
      const saved = await store.save({
        now,
        moves: part.flatMap(({ replica }) => movesOf(replica)),
        replicas: part.map(({ replica }) => replica),
        conflicts: part.flatMap(({ decision, replica }) =>
          decision.plan.conflicts.map((conflict): NewConflict => ({ linkId: replica.linkId, ...conflict })),
        ),
      })
      // A link that changed meanwhile stays due, and is decided on again.
      if (saved.kind === 'stale') continue
      for (const { decision, replica } of part) {
        stored.push({ decision, replica: { ...replica, version: replica.version + 1 } })
      }
    }
    return stored
  }

  async #writeDynamics(writing: readonly Writing[], context: PullContext) {
    const { schema } = context
    const outward = writing.filter(({ decision }) => Object.keys(decision.toDynamics).length > 0)
    const updates = outward.map(({ decision, replica }): Update => {
      const { recordType: table, recordId: id, etag = '*' } = replica
      const stamp = schema.stamps[table]
      const stamped = stamp === undefined ? {} : { [stamp]: replica.intent?.intentId ?? null }
      return { ref: { table, id }, etag, columns: { ...decision.columns, ...stamped } }
    })
    if (updates.length === 0) return new Map()
    const results = await this.#options.rows.update(updates, schema.selects, context)
    return new Map(
      outward.map(({ replica }, index) => [replica.linkId, { dynamics: results[index] ?? UNKNOWN }] as const),
    )
  }

  async #writeMarketo(writing: readonly Writing[], context: PullContext) {
    const { syncLeads } = this.#options
    const inward = writing.filter(({ decision }) => Object.keys(decision.toMarketo).length > 0)
    const updates = inward.flatMap(({ decision: { toMarketo: fields }, replica: { linkId, marketoId } }) =>
      marketoId === undefined ? [] : [{ linkId, marketoId, fields }],
    )
    const people = inward.flatMap(
      ({ decision: { toMarketo: fields }, replica: { linkId, marketoId, recordId } }) =>
        marketoId === undefined ? [{ linkId, fields: { ...fields, [RECORD_ID]: recordId } }] : [],
    )
    const updated = updates.length === 0 ? [] : await syncLeads.update(updates, context)
    const made =
      people.length === 0
        ? []
        : await syncLeads.upsert(
            people.map(({ fields }) => fields),
            RECORD_ID,
            context,
          )
    return new Map([
      ...updates.map(({ linkId }, index) => [linkId, { marketo: updated[index] ?? UNKNOWN }] as const),
      ...people.map(({ linkId }, index) => [linkId, { marketo: made[index] ?? UNKNOWN }] as const),
    ])
  }

  /** A part whose link changed meanwhile is not saved: its intents say that both sides are to be read. */
  async #save(results: readonly Result[]): Promise<void> {
    const { store, clock, settings } = this.#options
    const now = clock.now()
    for (const part of chunks(results, settings.saveMax)) {
      await store.save({
        now,
        moves: part.flatMap(({ moves }) => moves),
        replicas: part.map(({ replica }) => replica),
        failures: part.map(({ replica: { linkId }, failures }): FailureSet => ({ linkId, failures })),
      })
    }
  }

  #settleContext({ schema }: PullContext): SettleContext {
    const { clock, random, settings } = this.#options
    const { settleMs, confirmMs, backoff, againBackoff } = settings
    return {
      now: clock.now(),
      schema,
      settleMs,
      confirmMs,
      backoffMs: (attempts) => waitMs(backoff, attempts, random),
      againMs: (attempts) => (attempts === 0 ? 0 : waitMs(againBackoff, attempts, random)),
    }
  }
}

function isDrift(answer: UpdateResult | WriteResult | undefined): boolean {
  return answer?.kind === 'refused' && DRIFT_CODES.includes(answer.detail.code)
}

const DRIFT_CODES = ['mapping-invalid', 'marketo-field-unknown']
const UNKNOWN = { kind: 'unknown' as const }
/** The key by which Marketo makes one person of a record, however often it is asked. */
const RECORD_ID = 'microsoftRecordId'

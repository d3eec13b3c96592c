import type { Unauthorized } from '../../errors.ts'
import type { SyncLeads } from '../../marketo/bulk-write.ts'
import { waitMs } from '../../retry.ts'
import type { FailureSet, LinkMove, NewConflict, Replica } from '../../store/sync-port.ts'
import type { Tally } from '../counts.ts'
import { Aliases } from '../decide/aliases.ts'
import { alterationsOf } from '../decide/altered.ts'
import { type Decision, withIntent, writesNothing } from '../decide/decide.ts'
import { type DeliberateOptions, type Deliberation, deliberate, type Result } from '../decide/deliberate.ts'
import type { FieldConflict } from '../decide/plan.ts'
import { chunks } from '../intake/pages.ts'
import type { PullContext } from '../intake/stream.ts'
import type { SchemaWatch } from '../schema-watch.ts'
import { type SettleContext, settle } from './settle.ts'
import { Writer, type Writing, type Written } from './writer.ts'

export interface WorkOptions extends DeliberateOptions {
  syncLeads: SyncLeads
  tally: Tally
  schemas: Pick<SchemaWatch, 'renewed' | 'areRowsProven'>
}

/** Works off what is due: decide, store the intent, write, store what is true now. */
export class Work {
  readonly #options: WorkOptions
  readonly #writer: Writer
  readonly #aliases: Aliases

  constructor(options: WorkOptions) {
    this.#options = options
    this.#writer = new Writer(options)
    this.#aliases = new Aliases(options)
  }

  /** Looks at those who share a link. Throws the vendors' errors of its reads. */
  lookAtAliases(context: PullContext): Promise<void> {
    return this.#aliases.look(context)
  }

  /**
   * One round. Gives how many replicas it took up; 0 = nothing is due. Throws the vendors' errors of its reads, and
   * after everything is saved what keeps all writes to Dynamics back.
   */
  async round(context: PullContext): Promise<number> {
    const { store, clock, settings, tally, schemas } = this.#options
    const due = await store.due(settings.workMax, clock.now())
    if (due.length === 0) return 0
    const { decisions, results, movesOf } = await deliberate(due, this.#options, context)
    // Nothing is decided by what may be the null of a secured column: all stay due for the schema as it is now.
    if (!(await schemas.areRowsProven(context))) return due.length
    const newer = await this.#schemaAfterChecks(decisions, context)
    // Nothing was written yet: all of it is decided again.
    if (newer) return this.round({ ...context, schema: newer })

    const writing = await this.#storeIntents(decisions, movesOf)
    const written = await this.#writer.write(writing, context)

    const settleContext = this.#settleContext(context)
    await this.#save(results, context)
    for (const part of chunks(written, settings.saveMax)) {
      const settled = part.map(({ decision, replica, answers }) => {
        tally.add(decision, answers)
        return settle(decision, replica, answers, settleContext)
      })
      await this.#save(settled, context)
    }
    for (const part of chunks(decisions.filter(writesNothing), settings.saveMax)) {
      const agreed = part.map((decision) => this.#agreed(decision, movesOf, settleContext))
      await this.#save(agreed, context)
    }
    const obstacle = obstacleOf(written)
    if (obstacle) throw obstacle
    return due.length
  }

  /** A value that the schema forbids may be welcome by now: the column was enlarged, the choice was added. */
  async #schemaAfterChecks(decisions: readonly Decision[], context: PullContext) {
    for (const { failures } of decisions) {
      const [first] = failures
      if (first === undefined) continue
      const { side, code, field } = first
      return this.#options.schemas.renewed(context.schema, { because: 'check', side, code, field }, context)
    }
    return undefined
  }

  /** Of a decision that writes nothing. */
  #agreed(decision: Decision, movesOf: Deliberation['movesOf'], context: SettleContext): Result {
    this.#options.tally.add(decision, {})
    const agreed = settle(decision, decision.replica, {}, context)
    const moves = [...movesOf(decision.replica), ...agreed.moves]
    return { ...agreed, moves, conflicts: decision.plan.conflicts }
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
    const all = decisions.filter((decision) => !writesNothing(decision))
    const stored: Writing[] = []
    for (const some of chunks(all, settings.saveMax)) {
      const part = some.map((decision) => ({ decision, replica: withIntent(decision, random.uuid(), now) }))
      const saved = await store.save({
        now,
        moves: part.flatMap(({ replica }) => movesOf(replica)),
        replicas: part.map(({ replica }) => replica),
        conflicts: part.flatMap(({ decision, replica }) => named(replica, decision.plan.conflicts)),
      })
      // A link that changed meanwhile stays due, and is decided on again.
      if (saved.kind !== 'saved') continue
      for (const { decision, replica } of part) {
        stored.push({ decision, replica: { ...replica, version: replica.version + 1 } })
      }
    }
    return stored
  }

  /** One whose link changed meanwhile is not saved: its intent says that both sides are to be read. */
  async #save(
    results: readonly Result[],
    context: PullContext,
    partMax = this.#options.settings.saveMax,
  ): Promise<void> {
    const { store, clock } = this.#options
    const failuresOf = ({ replica, failures }: Result): FailureSet => ({
      linkId: replica.linkId,
      failures: [...failures, ...alterationsOf(replica, context.schema)],
    })
    const now = clock.now()
    for (const part of chunks(results, partMax)) {
      const saved = await store.save({
        now,
        moves: part.flatMap(({ moves }) => moves),
        replicas: part.map(({ replica }) => replica),
        conflicts: part.flatMap(({ replica, conflicts = [] }) => named(replica, conflicts)),
        failures: part.map(failuresOf),
      })
      if (saved.kind === 'stale' && part.length > 1) await this.#save(part, context, 1)
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

/** A batch answers row by row, also where one refusal speaks of the whole organisation. */
function obstacleOf(written: readonly Written[]): Unauthorized | undefined {
  for (const { dynamics } of written.map(({ answers }) => answers)) {
    if (dynamics?.kind === 'unsent' && dynamics.because) return dynamics.because
  }
  return undefined
}

function named({ linkId }: Replica, conflicts: readonly FieldConflict[]): NewConflict[] {
  return conflicts.map((conflict) => ({ linkId, ...conflict }))
}

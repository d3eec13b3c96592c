import type { Logger } from 'pino'
import { type CallContext, withDeadline } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { isVendorError, Rejected } from '../errors.ts'
import { faultOf, SeldomLog } from '../log.ts'
import { CallRefused } from '../marketo/refusal.ts'
import type { SyncSchema } from '../person/sync-schema.ts'
import type { Stream, SyncStore } from '../store/sync-port.ts'
import type { Blocked, Cycle, CycleReport, Preview, StreamState } from './control.ts'
import type { Tally } from './counts.ts'
import type { Faults } from './faults.ts'
import type { PullContext, Source } from './intake/stream.ts'
import type { NativeSyncWatch } from './native-sync.ts'
import type { Previewer } from './preview.ts'
import type { SchemaWatch } from './schema-watch.ts'
import { isWithin, type SyncSettings } from './settings.ts'
import { type Trouble, troubleOf, unreadable } from './trouble.ts'
import type { ActivityPush } from './write/activity-push.ts'
import type { Work } from './write/work.ts'

export interface EngineOptions {
  /** In the order in which they are read. */
  sources: readonly Source[]
  work: Work
  push: ActivityPush
  schemas: SchemaWatch
  faults: Faults
  nativeSync: NativeSyncWatch
  previewer: Previewer
  tally: Tally
  store: SyncStore
  /** See CallContext. */
  beforeCall?: () => void
  clock: Clock
  log: Logger
  settings: SyncSettings
}

/** The background sync: takes in what both sides say, then works off what is due, again and again. */
export class Engine {
  readonly #options: EngineOptions
  readonly #since: number
  readonly #streams = new Map<Stream, StreamState>()
  readonly #pulledAt = new Map<Stream, number>()
  readonly #unreadable = new Map<Stream, number>()
  readonly #seldom: SeldomLog
  #blocked: Blocked | undefined
  #lastCycle: Cycle | undefined
  #nextCycleAt: number | undefined
  #isPaused = false
  /** Result and code of the last cycle that was logged; a new process is expected to be done. */
  #loggedEnd = 'done '
  #adopted: SyncSchema | undefined
  #wake = new AbortController()

  constructor(options: EngineOptions) {
    this.#options = options
    this.#since = options.clock.now()
    this.#seldom = new SeldomLog(options.log, options.clock)
  }

  /** Throws a sentence for an operator when a selected field would lose something on its way and back. */
  async refuseLossyFields(signal: AbortSignal): Promise<void> {
    const { schemas, clock, settings, log } = this.#options
    const problems = await withDeadline(clock, settings.startCheckMs, signal, (until) =>
      schemas.problems({ signal: until, lane: 'background' }),
    ).catch(() => {
      log.warn(
        { event: 'fields-unchecked' },
        'Dynamics does not answer: the fields are checked in the first cycle',
      )
      return []
    })
    if (problems.length > 0)
      throw new Error(`The field selection cannot be synced:\n- ${problems.join('\n- ')}`)
  }

  /** Cycle after cycle until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, settings } = this.#options
    while (!signal.aborted) {
      this.#wake = new AbortController()
      const startedAt = clock.now()
      try {
        await this.cycle(signal)
      } catch (err) {
        if (signal.aborted) return
        this.#seldom.write(
          'error',
          { event: 'sync-cycle-failed', ...faultOf(err) },
          'The background sync starts its next cycle after the interval',
        )
        this.#lastCycle = this.#summarise(startedAt, false, [troubleOf(err)])
      }
      this.#seldom.flush()
      this.#nextCycleAt = clock.now() + settings.intervalMs
      await clock.sleep(settings.intervalMs, AbortSignal.any([signal, this.#wake.signal])).catch(() => {})
    }
  }

  /** Reads every stream up to its end and works off what is due. Throws only what is a fault of ours, or an abort. */
  async cycle(signal: AbortSignal): Promise<Cycle> {
    const { clock, tally, log, push, store, settings, beforeCall, faults, nativeSync } = this.#options
    const startedAt = clock.now()
    const troubles: Trouble[] = []
    tally.beginCycle()
    const call: CallContext = { signal, lane: 'background', ...(beforeCall && { beforeCall }) }
    await faults.load()
    await nativeSync.look(call)
    const ran = await this.#rounds(call, troubles)
    if (ran) {
      const before = troubles.length
      const isAtEnd = (await this.#tolerate(troubles, signal, () => push.push(call))) ?? false
      this.#streams.set('activity-log', { behind: !isAtEnd, isAtEnd, ...troubles[before] })
      await store.pruneSync(startedAt - settings.retentionMs, settings.saveMax)
    }
    const cycle = this.#summarise(startedAt, ran, troubles)
    const { live, initial } = await store.backlog()
    faults.ended({ isCalm: cycle.result === 'done' && live + initial === 0 })
    await faults.report(clock.now())
    this.#lastCycle = cycle
    const { counts, ...summary } = cycle
    log[this.#levelOf(cycle)]({ event: 'sync-cycle', ...summary })
    return cycle
  }

  /** A cycle that ends as the one before it did is no news. */
  #levelOf({ result, code = '' }: Cycle): 'debug' | 'info' | 'warn' {
    const end = `${result} ${code}`
    const before = this.#loggedEnd
    this.#loggedEnd = end
    if (end === before) return 'debug'
    return result === 'done' ? 'info' : 'warn'
  }

  /** undefined = the cycle cannot go on. */
  async #schema(call: CallContext, troubles: Trouble[]): Promise<SyncSchema | undefined> {
    const { schemas, faults, clock } = this.#options
    const found = await this.#tolerate(troubles, call.signal, () => schemas.current(call))
    if (found && 'schema' in found) await schemas.report(found.schema)
    await faults.report(clock.now())
    this.#blocked = found && 'blocked' in found ? found.blocked : undefined
    if (this.#blocked) troubles.push(this.#blocked)
    return found && 'schema' in found ? found.schema : undefined
  }

  /** A schema that is doubted is asked for anew before it is used again. false = it could not be had at all. */
  async #rounds(call: CallContext, troubles: Trouble[]): Promise<boolean> {
    const { settings, store, work } = this.#options
    const ended = new Set<Stream>()
    for (let round = 0; round < settings.roundsMax; round += 1) {
      const more = await this.#takeIn(call, ended, troubles)
      const schema = more === undefined ? undefined : await this.#schema(call, troubles)
      if (schema === undefined) return round > 0
      this.#isPaused = (await store.readState()).paused
      const run = () =>
        this.#reconsidered({ ...call, schema }, async (context) => {
          await this.#adopt(context.schema)
          return work.round(context)
        })
      const look = () => work.lookAtAliases({ ...call, schema })
      if (!this.#isPaused) await this.#tolerate(troubles, call.signal, look)
      const worked = this.#isPaused ? 0 : await this.#tolerate(troubles, call.signal, run)
      if (worked === undefined || (!more && worked === 0)) break
    }
    return true
  }

  /** Page after page until a round of work has come together, so that its calls go out full. Tells whether more wait. */
  async #takeIn(call: CallContext, ended: Set<Stream>, troubles: Trouble[]): Promise<boolean | undefined> {
    const { workMax, pagesMax } = this.#options.settings
    let taken = 0
    for (let pages = 1; ; pages += 1) {
      const schema = await this.#schema(call, troubles)
      if (schema === undefined) return undefined
      const { more, items } = await this.#pullAll({ ...call, schema }, ended, troubles)
      taken += items
      if (!more || taken >= workMax || pages >= pagesMax) return more
    }
  }

  /** One page of each source that is not at its end; one at its end is asked again after an interval. */
  async #pullAll(context: PullContext, ended: Set<Stream>, troubles: Trouble[]) {
    const { sources, schemas, clock, settings } = this.#options
    let more = false
    let items = 0
    for (const source of sources) {
      const { stream, intervalMs = 0 } = source
      const waitMs = Math.max(intervalMs, ended.has(stream) ? settings.intervalMs : 0)
      const isDue = !isWithin(waitMs, this.#pulledAt.get(stream) ?? Number.NEGATIVE_INFINITY, clock.now())
      if (!isDue && !this.#streams.get(stream)?.behind) continue
      const before = troubles.length
      const pull = await this.#tolerate(troubles, context.signal, () =>
        this.#reconsidered({ ...context, schema: schemas.known ?? context.schema }, async (now) => {
          await this.#adopt(now.schema)
          return source.pull(now)
        }),
      )
      this.#pulledAt.set(stream, clock.now())
      this.#unreadable.set(stream, (this.#unreadable.get(stream) ?? 0) + (pull?.unreadable ?? 0))
      const trouble = troubles[before] ?? unreadable(this.#unreadable.get(stream) ?? 0)
      this.#streams.set(stream, { behind: pull?.more ?? false, isAtEnd: pull?.more === false, ...trouble })
      if (!pull?.more) ended.add(stream)
      more ||= pull?.more ?? false
      items += pull?.items ?? 0
    }
    return { more, items }
  }

  async #adopt(schema: SyncSchema): Promise<void> {
    if (schema === this.#adopted) return
    for (const source of this.#options.sources) await source.adopt?.(schema)
    this.#adopted = schema
  }

  /** A vendor's error ends only what ran into it. */
  async #tolerate<T>(
    troubles: Trouble[],
    signal: AbortSignal,
    run: () => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await run()
    } catch (error) {
      if (signal.aborted || !isVendorError(error)) throw error
      if (error instanceof Rejected) this.#options.schemas.doubt()
      troubles.push(troubleOf(error))
      const { code, advice } = troubleOf(error)
      this.#seldom.write('warn', { event: 'sync-trouble', code, reason: error.message }, advice)
      return undefined
    }
  }

  /** Once more with the schemas as they are now, where a side refuses to read what the known ones name. */
  async #reconsidered<T>(context: PullContext, run: (context: PullContext) => Promise<T>): Promise<T> {
    try {
      return await run(context)
    } catch (error) {
      if (!(error instanceof Rejected)) throw error
      const { code, field, vendorCode, vendorRequestId } = error.detail
      const unusable = error instanceof CallRefused ? error.fields : []
      const doubt = { because: 'refusal' as const, code, field, vendorCode, vendorRequestId, unusable }
      const schema = await this.#options.schemas.renewed(context.schema, doubt, context)
      if (schema === undefined) throw error
      return run({ ...context, schema })
    }
  }

  #summarise(startedAt: number, ran: boolean, [trouble]: readonly Trouble[]): Cycle {
    const { clock, tally } = this.#options
    const result = trouble === undefined ? 'done' : ran ? 'partial' : 'failed'
    // Nothing was read: what the reads before found is over.
    if (!ran)
      for (const [stream, state] of this.#streams) this.#streams.set(stream, { ...state, isAtEnd: false })
    return { startedAt, tookMs: clock.now() - startedAt, result, ...trouble, counts: tally.cycle }
  }

  report(): CycleReport {
    const { tally, faults } = this.#options
    return {
      ...(this.#blocked && { blocked: this.#blocked }),
      since: this.#since,
      totals: tally.total,
      ...(this.#lastCycle && { lastCycle: this.#lastCycle }),
      ...(this.#nextCycleAt !== undefined && { nextCycleAt: this.#nextCycleAt }),
      streams: Object.fromEntries(this.#streams),
      faults: faults.all.map(({ side, code, advice }) => ({ side, code, advice })),
    }
  }

  /** The last round of work was left out, since an operator wants it so. */
  get isPaused(): boolean {
    return this.#isPaused
  }

  /** The next cycle begins at once. */
  wake(): void {
    this.#wake.abort()
  }

  /** What the next cycle would do. Reads, writes nothing and moves no cursor. */
  async preview(itemsMax: number, call: CallContext): Promise<Preview> {
    const { schemas, previewer, settings } = this.#options
    const found = await schemas.current({ ...call, lane: 'background' }, settings.schemaCheckMs)
    if ('blocked' in found) return previewer.nothing()
    const context: PullContext = { ...call, lane: 'background', schema: found.schema }
    return this.#reconsidered(context, (now) => previewer.preview(itemsMax, now))
  }
}

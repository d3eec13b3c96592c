import type { Logger } from 'pino'
import type { CallContext } from '../abort.ts'
import type { Clock } from '../clock.ts'
import type { TableDefinition } from '../dataverse/columns.ts'
import type { Metadata } from '../dataverse/metadata.ts'
import type { Schema } from '../marketo/schema.ts'
import { TABLE_CODES } from '../person/problem.ts'
import type { FieldSelection } from '../person/selection.ts'
import { type LiveSchemas, mappingProblems, type SyncSchema, toSyncSchema } from '../person/sync-schema.ts'
import type { SyncStore } from '../store/sync-port.ts'
import type { Blocked } from './control.ts'
import type { Faults } from './faults.ts'
import { isWithin, type SyncSettings } from './settings.ts'

/** Why the known schema may no longer be the live one: a side refuses what it allows, or it forbids a value. */
export interface SchemaDoubt {
  because: 'refusal' | 'check'
  side?: 'marketo' | 'dynamics'
  code: string
  field?: string | undefined
  vendorCode?: string | undefined
  vendorRequestId?: string | undefined
  /** Marketo REST names that it refuses to hear, whatever is in them. */
  unusable?: readonly string[]
}

export interface SchemaWatchOptions {
  selection: FieldSelection
  metadata: Metadata
  marketo: Schema
  /** Why no cycle may run, whatever the schemas say. */
  fault?: () => Blocked | undefined
  store: SyncStore
  faults: Faults
  clock: Clock
  log: Logger
  settings: SyncSettings
}

/** Both live schemas, asked for again now and then and whenever a vendor says that a field is not there. */
export class SchemaWatch {
  readonly #options: SchemaWatchOptions
  #schema: SyncSchema | undefined
  #asked = false
  #readAt = Number.NEGATIVE_INFINITY
  #renewedAt = Number.NEGATIVE_INFINITY
  #used: SyncSchema | undefined
  #tables: readonly TableDefinition[] = []
  /** Pages of this metadata version hold values, when they are read after column security was asked for. */
  #provenVersion: string | undefined
  /** Rows were read since column security was last asked for, by this process or by one before it. */
  #hasUnprovenRows = true
  #live: LiveSchemas | undefined
  /** When Marketo refused a field that it describes. */
  readonly #refused = new Map<string, number>()

  constructor(options: SchemaWatchOptions) {
    this.#options = options
  }

  /** The latest one that was read. */
  get known(): SyncSchema | undefined {
    return this.#schema
  }

  /** Something was refused that the schema allows: do not believe it any longer. */
  doubt(): void {
    this.#readAt = Number.NEGATIVE_INFINITY
  }

  /** Rows were read by their ids, or came back from a write. */
  rowsRead(): void {
    this.#hasUnprovenRows = true
  }

  /**
   * Whether all rows that were read until now hold values: a column that is secured while the service runs reads as
   * null without a word. With the version of a page that was just read, Dynamics is asked only when the schema has
   * changed, or when permissions count.
   */
  async areRowsProven(call: CallContext, pageVersion?: string): Promise<boolean> {
    const { metadata } = this.#options
    if (pageVersion === undefined && !this.#hasUnprovenRows) return true
    const isKnown =
      pageVersion !== undefined && pageVersion === this.#provenVersion && !this.#reliesOnPermissions()
    if (!isKnown && !(await metadata.isSecuredAs(this.#tables, call))) {
      this.doubt()
      return false
    }
    this.#hasUnprovenRows = false
    if (!pageVersion || pageVersion === this.#provenVersion) return true
    // Secured and opened again before it was asked for looks like always open: a page of this version that is read
    // from now on was not.
    this.#provenVersion = pageVersion
    return false
  }

  /** Asks whether it is over: nothing else would. */
  async #faultStill(call: CallContext): Promise<Blocked | undefined> {
    const { fault, metadata } = this.#options
    if (!fault?.()) return undefined
    await metadata.table('lead', call, { fresh: true }).catch((error: unknown) => {
      if (!fault()) throw error
    })
    const { code, advice } = fault() ?? {}
    this.doubt()
    return code === undefined || advice === undefined ? undefined : { code, advice }
  }

  #reliesOnPermissions(): boolean {
    return this.#tables.some(({ columns }) => [...columns.values()].some(({ secured }) => secured?.read))
  }

  /** What travels now, as both sides said at most `maxAgeMs` ago. */
  async current(
    call: CallContext,
    maxAgeMs = this.#options.settings.schemaIntervalMs,
  ): Promise<{ schema: SyncSchema } | { blocked: Blocked }> {
    const fault = await this.#faultStill(call)
    if (fault) return { blocked: fault }
    const { clock, settings } = this.#options
    const now = clock.now()
    if (this.#schema && isWithin(maxAgeMs, this.#readAt, now)) return { schema: this.#schema }
    // While it is blocked, somebody may be setting Marketo up: a kept copy would not show it.
    const live = await this.#ask(call, this.#asked)
    this.#asked = true
    this.#live = live
    this.#tables = [live.tables.lead, live.tables.contact]
    this.#provenVersion = undefined
    for (const [name, at] of this.#refused) {
      // One that is gone is missing, and one that was refused long ago is tried again.
      if (!live.marketo.has(name) || !isWithin(settings.schemaIntervalMs, at, now)) this.#refused.delete(name)
    }
    this.#readAt = now
    return this.#keep(live)
  }

  #keep(live: LiveSchemas): { schema: SyncSchema } | { blocked: Blocked } {
    const schema = toSyncSchema({ ...live, refused: new Set(this.#refused.keys()) })
    if (schema.missing.length > 0) {
      this.#schema = undefined
      return { blocked: setupMissing(schema.missing) }
    }
    if (schema.hidden.length > 0) {
      this.#schema = undefined
      return { blocked: columnsHidden(schema.hidden) }
    }
    const isSame = this.#schema !== undefined && JSON.stringify(this.#schema) === JSON.stringify(schema)
    this.#schema = isSame && this.#schema ? this.#schema : schema
    return { schema: this.#schema }
  }

  /**
   * Another schema than the one that was `used`: decide again with it. undefined: what was decided stands, since both
   * sides are as `used` says, or were asked too lately to be asked again. Throws the vendors' errors.
   */
  async renewed(used: SyncSchema, doubt: SchemaDoubt, call: CallContext): Promise<SyncSchema | undefined> {
    const { clock, settings, log } = this.#options
    if (this.#schema && this.#schema !== used) return this.#schema
    const isCheck = doubt.because === 'check'
    const [since, leastMs] = isCheck
      ? [this.#readAt, settings.schemaCheckMs]
      : [this.#renewedAt, settings.schemaRefusalMs]
    if (isWithin(leastMs, since, clock.now())) return this.#setAside(used, doubt)
    if (!isCheck) this.#renewedAt = clock.now()
    this.doubt()
    const found = await this.current(call)
    const newer = 'schema' in found && found.schema !== used ? found.schema : this.#setAside(used, doubt)
    log.warn(
      { event: 'schema-reread', ...doubt, changed: newer !== undefined },
      'Both schemas were read again',
    )
    return newer
  }

  /** Without the fields that Marketo refuses although it has just described them. */
  #setAside(used: SyncSchema, { unusable = [] }: SchemaDoubt): SyncSchema | undefined {
    const named = unusable.filter((name) => used.readFields.includes(name))
    if (named.length === 0 || this.#live === undefined) return undefined
    for (const name of named) this.#refused.set(name, this.#options.clock.now())
    const found = this.#keep(this.#live)
    return 'schema' in found ? found.schema : undefined
  }

  /** What is set aside becomes a failure of the set-up, and ends with its cause. */
  async report(schema: SyncSchema): Promise<void> {
    this.#options.faults.set('schema', schema.drift)
    if (this.#used !== undefined && this.#used !== schema) await this.#retryRefused()
    this.#used = schema
  }

  /** Records that wait because of what the schema was: whoever enlarges a column waits for no back-off. */
  async #retryRefused(): Promise<void> {
    const { store, clock, settings } = this.#options
    for (const code of TABLE_CODES) {
      const failures = await store.readFailures({ code, limit: settings.workMax })
      for (const { failureId, linkId } of failures) {
        if (linkId !== undefined) await store.retryFailure(failureId, clock.now())
      }
    }
  }

  /** Sentences about fields that are selected both ways and would not come back as they went. */
  async problems(call: CallContext): Promise<string[]> {
    const { metadata, selection } = this.#options
    const [lead, contact] = await Promise.all([metadata.table('lead', call), metadata.table('contact', call)])
    return mappingProblems(selection, { lead, contact })
  }

  async #ask(call: CallContext, fresh: boolean): Promise<LiveSchemas> {
    const { metadata, marketo, selection } = this.#options
    const [lead, contact, fields] = await Promise.all([
      metadata.table('lead', call, { fresh }),
      metadata.table('contact', call, { fresh }),
      marketo.fields(call, fresh),
    ])
    return { selection, tables: { lead, contact }, marketo: fields }
  }
}

function columnsHidden(names: readonly string[]): Blocked {
  return {
    code: 'column-secured',
    advice: `People and records are recognised by ${names.join(', ')}: put the application user into a column security profile that allows it to read them, and let its role read column security profiles and field permissions.`,
  }
}

function setupMissing(names: readonly string[]): Blocked {
  return {
    code: 'setup-missing',
    advice: `Marketo has no usable field ${names.join(', ')}: run npm run setup once.`,
  }
}

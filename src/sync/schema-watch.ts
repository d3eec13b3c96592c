import type { CallContext } from '../abort.ts'
import type { Clock } from '../clock.ts'
import type { Metadata } from '../dataverse/metadata.ts'
import type { Schema } from '../marketo/schema.ts'
import type { FieldSelection } from '../person/selection.ts'
import { type LiveSchemas, mappingProblems, type SyncSchema, toSyncSchema } from '../person/sync-schema.ts'
import type { SyncStore } from '../store/sync-port.ts'
import type { Blocked } from './control.ts'
import { isWithin, type SyncSettings } from './settings.ts'

export interface SchemaWatchOptions {
  selection: FieldSelection
  metadata: Metadata
  marketo: Schema
  store: SyncStore
  clock: Clock
  settings: SyncSettings
}

/** Both live schemas, asked for again now and then and whenever a vendor says that a field is not there. */
export class SchemaWatch {
  readonly #options: SchemaWatchOptions
  #schema: SyncSchema | undefined
  #asked = false
  #readAt = Number.NEGATIVE_INFINITY
  #reported = ''

  constructor(options: SchemaWatchOptions) {
    this.#options = options
  }

  /** Something was refused that the schema allows: do not believe it any longer. */
  doubt(): void {
    this.#readAt = Number.NEGATIVE_INFINITY
  }

  /** What travels now. */
  async current(call: CallContext): Promise<{ schema: SyncSchema } | { blocked: Blocked }> {
    const { clock, settings } = this.#options
    const now = clock.now()
    if (this.#schema && isWithin(settings.schemaIntervalMs, this.#readAt, now))
      return { schema: this.#schema }
    // While it is blocked, somebody may be setting Marketo up: a kept copy would not show it.
    const live = await this.#live(call, this.#asked)
    this.#asked = true
    const schema = toSyncSchema(live)
    if (schema.missing.length > 0) return { blocked: setupMissing(schema.missing) }
    this.#schema = schema
    this.#readAt = now
    return { schema }
  }

  /** What is set aside becomes a failure of the set-up, and ends with its cause. */
  async report({ drift: failures }: SyncSchema): Promise<void> {
    const { store, clock } = this.#options
    const reported = JSON.stringify(failures)
    if (reported === this.#reported) return
    await store.save({ now: clock.now(), failures: [{ failures }] })
    this.#reported = reported
  }

  /** Sentences about fields that are selected both ways and would not come back as they went. */
  async problems(call: CallContext): Promise<string[]> {
    const { metadata, selection } = this.#options
    const [lead, contact] = await Promise.all([metadata.table('lead', call), metadata.table('contact', call)])
    return mappingProblems(selection, { lead, contact })
  }

  async #live(call: CallContext, fresh: boolean): Promise<LiveSchemas> {
    const { metadata, marketo, selection } = this.#options
    const [lead, contact, fields] = await Promise.all([
      metadata.table('lead', call, { fresh }),
      metadata.table('contact', call, { fresh }),
      marketo.fields(call, fresh),
    ])
    return { selection, tables: { lead, contact }, marketo: fields }
  }
}

function setupMissing(names: readonly string[]): Blocked {
  return {
    code: 'setup-missing',
    advice: `Marketo has no usable field ${names.join(', ')}: run npm run setup once.`,
  }
}

import type { Logger } from 'pino'
import type { CallContext } from '../abort.ts'
import type { Clock } from '../clock.ts'
import type { Schema } from '../marketo/schema.ts'
import type { NewFailure } from '../store/sync-port.ts'
import type { Faults } from './faults.ts'
import { isWithin, type SyncSettings } from './settings.ts'

export interface NativeSyncWatchOptions {
  schema: Pick<Schema, 'nativeSync'>
  faults: Faults
  clock: Clock
  log: Logger
  settings: SyncSettings
}

/** Whether Marketo's own CRM sync is on as well: asked for at the start and then once an hour. It stops nothing. */
export class NativeSyncWatch {
  readonly #options: NativeSyncWatchOptions
  #askedAt = Number.NEGATIVE_INFINITY
  #before: boolean | undefined

  constructor(options: NativeSyncWatchOptions) {
    this.#options = options
  }

  async look(call: CallContext): Promise<void> {
    const { schema, faults, clock, log, settings } = this.#options
    if (isWithin(settings.schemaIntervalMs, this.#askedAt, clock.now())) return
    this.#askedAt = clock.now()
    const isOn = await schema.nativeSync(call)
    if (isOn === undefined) return
    faults.set('native-sync', isOn ? [NATIVE_SYNC_ON] : [])
    if (isOn !== this.#before && isOn) log.warn({ event: NATIVE_SYNC_ON.code }, NATIVE_SYNC_ON.advice)
    this.#before = isOn
  }
}

const NATIVE_SYNC_ON: NewFailure = {
  side: 'marketo',
  code: 'marketo-native-sync-on',
  advice:
    "Marketo's own CRM sync is connected in this subscription: switch it off, since two syncs of the same people overwrite each other. This sync keeps running.",
  vendorCode: '1018',
}

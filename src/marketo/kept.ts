import { type CallContext, createSingleFlight } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { isVendorError, Unavailable } from '../errors.ts'
import type { Log } from '../log.ts'
import type { MarketoSettings } from './settings.ts'

/** Something that changes rarely: asked for once for all callers, the old copy while Marketo cannot be asked. */
export interface Kept<T> {
  /** With `fresh` Marketo is asked in any case, and a failure is thrown. */
  get(call: CallContext, fresh?: boolean): Promise<T>
  /** The next caller asks. */
  forget(): void
}

export function createKept<T>(options: {
  /** For the event log. */
  what: string
  load(call: CallContext): Promise<T>
  settings: MarketoSettings
  clock: Clock
  log: Log
  closing: AbortSignal
}): Kept<T> {
  const { what, load, settings, clock, log } = options
  let kept: { value: T; freshUntilMs: number } | undefined
  let lane: CallContext['lane']

  const flight = createSingleFlight(async (signal) => {
    const value = await load(lane === undefined ? { signal } : { signal, lane })
    kept = { value, freshUntilMs: clock.now() + settings.schemaTtlMs }
    return value
  }, options.closing)

  const ask = async (call: CallContext): Promise<T> => {
    lane = call.lane
    try {
      return await flight.join(call.signal)
    } catch (cause) {
      if (isVendorError(cause)) throw cause
      throw new Unavailable(`cancelled while Marketo was asked for its ${what}`, { cause })
    }
  }

  return {
    async get(call, fresh = false) {
      if (fresh || kept === undefined) return ask(call)
      if (clock.now() < kept.freshUntilMs) return kept.value
      const old = kept
      return ask(call).catch((error: unknown) => {
        log.warn({ event: 'marketo-old-copy', what, error: error instanceof Error ? error.name : 'unknown' })
        kept = { ...old, freshUntilMs: clock.now() + settings.schemaRetryMs }
        return old.value
      })
    },
    forget() {
      kept = undefined
    },
  }
}

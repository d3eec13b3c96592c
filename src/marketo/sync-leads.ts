import type { CallContext } from '../abort.ts'
import type { FailureDetail } from '../errors.ts'
import { type BulkWrite, writeInBatches } from './bulk-write.ts'
import type { Client } from './client.ts'
import type { MarketoFields } from './people.ts'
import type { MarketoSettings } from './settings.ts'
import { createTurns } from './turns.ts'
import { unavailable } from './verdict.ts'
import { readId } from './wire-values.ts'

export interface PersonUpdate {
  marketoId: number
  fields: MarketoFields
}

/** What became of one record of a bulk write. */
export type WriteResult =
  | { kind: 'created' | 'updated'; marketoId: number }
  /** Marketo has no such person (any more). */
  | { kind: 'missing' }
  /** Sending the same again cannot help. */
  | { kind: 'refused'; detail: FailureDetail }
  /** Certainly not executed; try again after this time. */
  | { kind: 'unsent'; retryAfterMs: number }
  /** No usable answer: it may or may not have been executed, now or later. */
  | { kind: 'unknown' }

/**
 * Bulk writes of people, at most 300 or 1 MB a call; a verb's calls go out one after the other, those of other
 * callers included, since concurrent upserts of one key make two people. Throws Unauthorized only when nothing
 * was sent; once something was, the rest is `unsent`. Source: Adobe, "Leads" (Sync Leads).
 */
export interface SyncLeads {
  /** Sync Leads, updateOnly by id. One result each, in order; throws only Unauthorized. null empties a field. */
  update(updates: readonly PersonUpdate[], call: CallContext): Promise<WriteResult[]>
  /**
   * Sync Leads, createOrUpdate by `lookupField`, which every person in `people` has and no two share.
   * One result each, in order; throws only Unauthorized.
   */
  upsert(people: readonly MarketoFields[], lookupField: string, call: CallContext): Promise<WriteResult[]>
}

export function createSyncLeads({
  client,
  settings,
}: {
  client: Client
  settings: MarketoSettings
}): SyncLeads {
  const updates = createTurns()
  const upserts = createTurns()

  const sync = <Input>(
    turns: ReturnType<typeof createTurns>,
    write: Pick<BulkWrite<Input>, 'frame' | 'inputs' | 'encode'>,
    idOf: (input: Input) => number | undefined,
    call: CallContext,
  ): Promise<WriteResult[]> => {
    const bulk: BulkWrite<Input> = {
      ...write,
      request: { path: 'leads.json', name: 'write people', permission: 'Read-Write Person' },
      reasons: 'reasons',
      read({ id, status }, input, requestId) {
        const [said, meant] = [readId(id), idOf(input)]
        if (said !== undefined && meant !== undefined && said !== meant) {
          throw unavailable('results in another order', requestId)
        }
        const marketoId = said ?? meant
        if (marketoId === undefined || (status !== 'created' && status !== 'updated')) return undefined
        return { kind: status, marketoId }
      },
    }
    const unsent = write.inputs.map((): WriteResult => {
      return { kind: 'unsent', retryAfterMs: settings.unsentRetryMs }
    })
    return turns(call.signal, () => writeInBatches(client, settings, bulk, call), unsent)
  }

  return {
    update: (people, call) =>
      sync(
        updates,
        {
          frame: { action: 'updateOnly', lookupField: 'id' },
          inputs: people,
          encode: ({ marketoId, fields }) => ({ ...fields, id: marketoId }),
        },
        ({ marketoId }) => marketoId,
        call,
      ),
    upsert: (people, lookupField, call) =>
      sync(
        upserts,
        {
          frame: { action: 'createOrUpdate', lookupField },
          inputs: people,
          encode: (fields) => fields,
        },
        () => undefined,
        call,
      ),
  }
}

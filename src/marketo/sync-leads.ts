import type { CallContext } from '../abort.ts'
import type { FailureDetail } from '../errors.ts'
import { type BulkWrite, writeInBatches } from './bulk-write.ts'
import type { Client } from './client.ts'
import type { MarketoFields } from './people.ts'
import { RefusedCalls } from './refused-calls.ts'
import type { MarketoSettings } from './settings.ts'
import { createTurns } from './turns.ts'
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
  /** Sending the same again cannot help. `fields`: all those of its fields that Marketo does not take. */
  | { kind: 'refused'; detail: FailureDetail; fields?: readonly string[] }
  /** Certainly not executed; try again after this time. */
  | { kind: 'unsent'; retryAfterMs: number }
  /**
   * No usable answer: it may or may not have been executed, now or later. `detail`: there was an answer, and it is
   * none that we know.
   */
  | { kind: 'unknown'; detail?: FailureDetail }

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
  const updates = { turns: createTurns(), refusedCalls: new RefusedCalls(settings) }
  const upserts = { turns: createTurns(), refusedCalls: new RefusedCalls(settings) }

  const sync = <Input>(
    { turns, refusedCalls }: typeof updates,
    write: Pick<BulkWrite<Input>, 'frame' | 'inputs' | 'encode' | 'fieldsOf' | 'idOf'>,
    call: CallContext,
  ): Promise<WriteResult[]> => {
    const bulk: BulkWrite<Input> = {
      ...write,
      request: { path: 'leads.json', name: 'write people', permission: 'Read-Write Person' },
      reasons: 'reasons',
      read({ id, status }, input) {
        const marketoId = readId(id) ?? write.idOf?.(input)
        if (marketoId === undefined || (status !== 'created' && status !== 'updated')) return undefined
        return { kind: status, marketoId }
      },
    }
    const unsent = write.inputs.map((): WriteResult => {
      return { kind: 'unsent', retryAfterMs: settings.unsentRetryMs }
    })
    const room = { client, settings, refusedCalls }
    return turns(call.signal, () => writeInBatches(room, bulk, call), unsent)
  }

  return {
    update: (people, call) =>
      sync(
        updates,
        {
          frame: { action: 'updateOnly', lookupField: 'id' },
          inputs: people,
          encode: ({ marketoId, fields }) => ({ ...fields, id: marketoId }),
          fieldsOf: ({ fields }) => Object.keys(fields),
          idOf: ({ marketoId }) => marketoId,
        },
        call,
      ),
    upsert: (people, lookupField, call) =>
      sync(
        upserts,
        {
          frame: { action: 'createOrUpdate', lookupField },
          inputs: people,
          encode: (fields) => fields,
          fieldsOf: Object.keys,
        },
        call,
      ),
  }
}

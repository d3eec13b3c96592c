import type { CallContext } from '../abort.ts'
import { type BulkWrite, writeInBatches } from './bulk-write.ts'
import type { Client } from './client.ts'
import { RefusedCalls } from './refused-calls.ts'
import type { MarketoSettings } from './settings.ts'
import type { WriteResult } from './sync-leads.ts'
import { writeDate } from './wire-values.ts'

/** One custom activity on one person. */
export interface CustomActivity {
  marketoId: number
  /** Epoch ms. */
  at: number
  typeId: number
  primaryAttributeValue: string
  /** By apiName; without empty ones. */
  attributes: Readonly<Record<string, string | number | boolean>>
}

export interface ActivityLog {
  /**
   * At most 300 or 1 MB a call; one result each, in order, `created` with the person's id. Throws Unauthorized
   * only when nothing was sent. Marketo keeps no key of them: what is `unknown` may come twice when sent again.
   * Source: Adobe, "Activities" (add custom activities).
   */
  add(activities: readonly CustomActivity[], call: CallContext): Promise<WriteResult[]>
}

export function createActivityLog(options: { client: Client; settings: MarketoSettings }): ActivityLog {
  const { client, settings } = options
  const room = { client, settings, refusedCalls: new RefusedCalls(settings) }
  return {
    add(activities, call) {
      const write: BulkWrite<CustomActivity> = {
        request: {
          path: 'activities/external.json',
          name: 'add activities',
          permission: 'Read-Write Activity',
        },
        frame: {},
        inputs: activities,
        encode: ({ marketoId, at, typeId, primaryAttributeValue, attributes }) => ({
          leadId: marketoId,
          activityDate: writeDate(at),
          activityTypeId: typeId,
          primaryAttributeValue,
          attributes: Object.entries(attributes).map(([apiName, value]) => ({ apiName, value })),
        }),
        // Here Marketo says `errors` where Sync Leads says `reasons`, and `id` is the activity's.
        reasons: 'errors',
        read: ({ status }, { marketoId }) =>
          status === 'added' ? { kind: 'created', marketoId } : undefined,
      }
      return writeInBatches(room, write, call)
    },
  }
}

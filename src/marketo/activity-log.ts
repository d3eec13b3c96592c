import type { CallContext } from '../abort.ts'
import type { WriteResult } from './sync-leads.ts'

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
  /** 300 a call, one result each, in order. Throws only Unauthorized. Source: Adobe, "Activities" (custom). */
  add(activities: readonly CustomActivity[], call: CallContext): Promise<WriteResult[]>
}

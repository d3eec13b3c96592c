import type { CallContext } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { isVendorError, Rejected } from '../errors.ts'
import type { Log } from '../event-log.ts'
import { createActivityTypes } from './activity-types.ts'
import type { Client } from './client.ts'
import { createFields } from './fields.ts'
import type { MarketoSettings } from './settings.ts'

/** One field of a person. Source: Adobe, "Leads" (describe2). */
export interface MarketoField {
  /** REST name. */
  name: string
  /** As Marketo spells it: string, text, integer, float, boolean, date, datetime, email, phone, url, … */
  dataType: string
  /** Characters; of text-like types. */
  length?: number
  updateable: boolean
  /** Whether `leads.json` can be asked by it. */
  searchable: boolean
}

export interface NewField {
  name: string
  displayName: string
  dataType: string
  description: string
}

export interface NewActivityType {
  apiName: string
  name: string
  description: string
  triggerName: string
  filterName: string
  primaryAttribute: { apiName: string; name: string; dataType: string }
  attributes: readonly { apiName: string; name: string; dataType: string }[]
}

export interface ApprovedActivityType {
  id: number
  /** API names of what it takes: an older set-up made fewer. */
  attributes: ReadonlySet<string>
}

export type Ensured = 'created' | 'present'

/** The shape of a person and of custom activities. Every verb throws Unauthorized, Rejected, Busy or Unavailable and nothing else. */
export interface Schema {
  /**
   * By REST name; from cache while it is fresh, an older copy when Marketo cannot be asked. With `fresh` asked
   * anew, and never old.
   */
  fields(call: CallContext, fresh?: boolean): Promise<ReadonlyMap<string, MarketoField>>
  /**
   * Makes a custom field unless a field has the name already. Rejected with `marketo-field-type-differs` when a
   * field of another type has it.
   */
  ensureField(field: NewField, call: CallContext): Promise<Ensured>
  /** Makes and approves a custom activity unless it is there; adds attributes that are missing. */
  ensureActivityType(type: NewActivityType, call: CallContext): Promise<Ensured | 'completed'>
  /**
   * Whether Marketo's own CRM sync is on; undefined = it cannot be told now, or with these permissions. Throws
   * nothing but an abort.
   */
  nativeSync(call: CallContext): Promise<boolean | undefined>
  /** An approved custom activity by its API name, cached like `fields`; undefined = there is none. */
  activityType(apiName: string, call: CallContext): Promise<ApprovedActivityType | undefined>
}

export interface SchemaOptions {
  client: Client
  settings: MarketoSettings
  clock: Clock
  log: Log
  closing: AbortSignal
}

export function createSchema(options: SchemaOptions): Schema {
  return { ...createFields(options), ...createActivityTypes(options), ...createNativeSync(options) }
}

/**
 * Companies are closed while a native sync owns them, and so is their description, which costs least to ask for.
 * Source: Adobe, "Companies" and error code 1018.
 */
function createNativeSync({ client, settings }: SchemaOptions): Pick<Schema, 'nativeSync'> {
  const request = {
    path: 'companies/describe.json',
    query: new URLSearchParams(),
    name: 'describe companies',
    permission: 'Read-Only Company',
    timeoutMs: settings.metadataTimeoutMs,
  }
  return {
    async nativeSync(call) {
      try {
        await client.read(request, call)
        return false
      } catch (error) {
        if (error instanceof Rejected && error.detail.code === 'marketo-native-sync-on') return true
        if (isVendorError(error) && !call.signal.aborted) return undefined
        throw error
      }
    },
  }
}

import type { Bend } from './bends.ts'
import type { Call } from './call.ts'
import type { Limits } from './limits.ts'
import type { Person } from './people.ts'
import type { CustomField } from './schema.ts'
import type { Activity, Webhook, WebhookCall } from './webhook.ts'

/** The handle of a running Marketo: what a test or a visitor may do to it. */
export interface MarketoSandbox {
  url: string
  /** The custom service whose token opens the REST API. */
  service: { clientId: string; clientSecret: string }
  /** Every HTTP request as it ended, those for tokens included. */
  calls: readonly Call[]
  /** Call Webhook (110), in order. */
  activities: readonly Activity[]
  /** In the order of their ids; empty fields are left out. */
  people(): readonly Person[]
  person(id: number): Person | undefined
  /** As a form fill or an import would; returns the id, 1001 and up. Throws the vendor's refusal. */
  seed(fields: Readonly<Record<string, unknown>>): number
  /** null and the empty string clear a field. Throws the vendor's refusal. */
  update(id: number, fields: Readonly<Record<string, unknown>>): void
  remove(id: number): void
  /** The losers' ids are gone afterwards. */
  merge(winner: number, losers: readonly number[]): void
  /** A custom field; replaces one of the same name. */
  addField(field: CustomField): void
  removeField(name: string): void
  bend(bend: Bend): void
  setLimits(limits: Partial<Limits>): void
  /** The token runs out now: 602 at its next use, 601 after that. */
  revokeToken(): void
  /** Resolves when the answer is logged; what it maps is written later. Rejects for a definition that Marketo would not save. */
  callWebhook(webhook: Webhook): Promise<WebhookCall>
  /** Back to a fresh subscription: people, fields, calls, bends, activities, limits. */
  reset(): void
}

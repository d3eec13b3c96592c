import type { Activity, WireActivity } from './activity.ts'
import type { Bend } from './bends.ts'
import type { Call } from './call.ts'
import type { Cause } from './cause.ts'
import type { FlowSteps } from './flow-step/flow-steps.ts'
import type { Knobs } from './knobs.ts'
import type { Limits } from './limits.ts'
import type { Person } from './people.ts'
import type { CustomField, DataType } from './schema.ts'
import type { Subscription } from './subscription.ts'
import type { Webhook, WebhookCall } from './webhook.ts'
import type { WholeRefusal } from './whole-refusals.ts'

/** The handle of a running Marketo: what a test or a visitor may do to it. */
export interface MarketoSandbox {
  url: string
  /** The custom service whose token opens the REST API. */
  service: { clientId: string; clientSecret: string }
  /** What is behind the wire: people, fields and the change log. */
  subscription: Subscription
  /** Every HTTP request as it ended, those for tokens included. */
  calls: readonly Call[]
  /** Call Webhook (110), in order. */
  readonly activities: readonly WireActivity[]
  /** The whole change log in the order in which it was written, late entries included. */
  log(): readonly Activity[]
  /** In the order of their ids; empty fields are left out. */
  people(): readonly Person[]
  person(id: number): Person | undefined
  /** As a form fill or an import would; returns the id, 1001 and up. Throws the vendor's refusal. */
  seed(fields: Readonly<Record<string, unknown>>, cause?: Cause): number
  /** null and the empty string clear a field. Throws the vendor's refusal. */
  update(id: number, fields: Readonly<Record<string, unknown>>, cause?: Cause): void
  /** The flow step Change Score; `field` is leadScore unless said otherwise. */
  changeScore(id: number, amount: number, cause?: Cause, field?: string): void
  remove(id: number, cause?: Cause): void
  /** The losers' ids are gone afterwards. */
  merge(winner: number, losers: readonly number[], cause?: Cause): void
  /** A custom field; replaces one of the same name. */
  addField(field: CustomField): void
  removeField(name: string): void
  renameField(name: string, to: string): void
  /** Values that do not fit are lost. */
  retypeField(name: string, dataType: DataType): void
  /** Values that are longer stay. */
  shortenField(name: string, length: number): void
  /** API writes to a blocked field are dropped without a word. */
  blockField(name: string, isBlocked: boolean): void
  readonly knobs: Readonly<Knobs>
  setKnobs(knobs: Partial<Knobs>): void
  /** The next `count` activities (default 1) become visible `ms` after they are dated. */
  delayActivities(ms: number, count?: number): void
  /** Every paging token of the change log is lost. */
  expirePagingTokens(): void
  bend(bend: Bend): void
  /** Forgets the bends that still wait. */
  unbend(): void
  refuseWhole(refusal: WholeRefusal): void
  /** Ends every `refuseWhole`. */
  refuseNothing(): void
  setLimits(limits: Partial<Limits>): void
  /** The token runs out now: 602 at its next use, 601 after that. */
  revokeToken(): void
  /** Resolves when the answer is logged; what it maps is written later. Rejects for a definition that Marketo would not save. */
  callWebhook(webhook: Webhook): Promise<WebhookCall>
  /** Services of others as steps of campaigns. */
  flowSteps: FlowSteps
  /** Back to a fresh subscription: people, fields, log, calls, bends, limits, knobs, services of flow steps. */
  reset(): void
}

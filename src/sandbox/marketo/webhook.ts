import { randomUUID } from 'node:crypto'
import { mappedValues, mappingProblem, type ResponseMapping } from './mapping.ts'
import { type Answer, isLoopback, type Outgoing, send, silence } from './outgoing.ts'
import { type People, stamp, type Value } from './people.ts'
import type { Schema } from './schema.ts'
import { fillIn, type TokenEncoding, tokensOf, unescapeTemplate } from './tokens.ts'

export const METHODS = ['DELETE', 'GET', 'PATCH', 'POST', 'PUT'] as const

/** A webhook as Admin defines it, and the person and campaign it is called for. Adobe, "Webhooks". */
export interface Webhook {
  /** Of the activity; default the URL without its query. */
  name?: string
  /** May hold tokens. */
  url: string
  /** Default POST. */
  method?: (typeof METHODS)[number]
  template: string
  encoding: TokenEncoding
  /** Values may hold tokens. */
  headers?: Readonly<Record<string, string>>
  /** Absent: none is sent, which is one of the two things Marketo may do. */
  contentType?: string
  /** Paths in the JSON answer, to SOAP names of fields. */
  mappings?: readonly ResponseMapping[]
  personId: number
  /** A batch campaign never calls a webhook. */
  campaign?: { id: number; name: string; type?: 'trigger' | 'batch' }
  /** By their whole name without braces: `program.Name`, `my.region`, `trigger.Name`. */
  tokens?: Readonly<Record<string, string>>
  /** Default Marketo's 30 s. */
  timeoutMs?: number
}

/** What came of it. */
export interface WebhookCall extends Answer {
  /** As it was sent; absent when nothing was. */
  sent?: Outgoing
  /** Names of the fields that are being written, a moment later. */
  mapped: readonly string[]
}

export interface Activity {
  marketoGUID: string
  leadId: number
  activityDate: string
  activityTypeId: number
  campaignId?: number
  primaryAttributeValue: string
  attributes: readonly { name: string; value: string }[]
}

export interface WebhookParts {
  schema: Schema
  people: People
}

/** Adobe leaves open how late mapped values are written; only that the next flow step cannot count on them. */
const MAPPING_DELAY_MS = 50

/** The flow step Call Webhook. Adobe, "Webhooks", its errors and its response mappings. */
export class Webhooks {
  readonly activities: Activity[] = []
  readonly #parts: WebhookParts
  readonly #writing = new Set<NodeJS.Timeout>()
  readonly #closed = new AbortController()

  constructor(parts: WebhookParts) {
    this.#parts = parts
  }

  reset(): void {
    this.activities.length = 0
    for (const timer of this.#writing) clearTimeout(timer)
    this.#writing.clear()
  }

  /** Ends calls that wait for an answer. */
  close(): void {
    this.reset()
    this.#closed.abort()
  }

  /** Rejects for a definition or person that Marketo would not have; whatever comes of the call is logged. */
  async call(webhook: Webhook): Promise<WebhookCall> {
    const { schema } = this.#parts
    const { mappings = [], personId } = webhook
    const problem = mappings.flatMap((mapping) => mappingProblem(schema, mapping) ?? [])[0]
    if (problem !== undefined) throw new Error(problem)
    const outgoing = this.#fill(webhook)
    const answer =
      typeof outgoing === 'string'
        ? silence(outgoing)
        : await send(outgoing, this.#closed.signal, webhook.timeoutMs)
    this.#log(webhook, answer)
    const isGood = answer.status >= 200 && answer.status < 300
    const values = isGood ? mappedValues(schema, mappings, answer.response) : {}
    this.#writeLater(personId, values)
    return {
      ...(typeof outgoing !== 'string' && { sent: outgoing }),
      ...answer,
      mapped: Object.keys(values),
    }
  }

  /** The call as it goes out, or why none does. */
  #fill({ campaign, tokens, ...webhook }: Webhook): Outgoing | string {
    const person = this.#parts.people.get(webhook.personId)
    if (!person) throw new Error(`the sandbox has no person ${webhook.personId}`)
    if (campaign?.type === 'batch') return '1000'
    const template = unescapeTemplate(webhook.template)
    if (template === undefined) return 'Invalid escape in the template'
    const scope: Record<string, Value> = {
      ...(campaign && { 'campaign.id': campaign.id, 'campaign.Name': campaign.name }),
      ...tokens,
    }
    const find = tokensOf(this.#parts.schema, person, scope, stamp())
    const fill = (text: string) => fillIn(text, webhook.encoding, find)
    const url = new URL(fill(webhook.url))
    if (!isLoopback(url)) throw new Error('the sandbox calls webhooks on loopback addresses only')
    const headers = Object.fromEntries(
      Object.entries(webhook.headers ?? {}).map(([name, value]) => [name.toLowerCase(), fill(value)]),
    )
    const contentType = webhook.contentType === undefined ? {} : { 'content-type': webhook.contentType }
    return {
      method: webhook.method ?? 'POST',
      url: url.href,
      headers: { ...contentType, ...headers },
      body: fill(template),
    }
  }

  #writeLater(personId: number, values: Readonly<Record<string, Value>>): void {
    const { people, schema } = this.#parts
    const timer = setTimeout(() => {
      this.#writing.delete(timer)
      const known = Object.entries(values).filter(([name]) => schema.field(name))
      if (known.length > 0 && people.get(personId)) people.update(personId, Object.fromEntries(known))
    }, MAPPING_DELAY_MS)
    this.#writing.add(timer)
  }

  #log({ name, url, personId, campaign }: Webhook, { response, errorType }: Answer): void {
    const attributes = [
      { name: 'Response', value: response },
      { name: 'Error Type', value: errorType },
    ]
    this.activities.push({
      marketoGUID: randomUUID(),
      leadId: personId,
      activityDate: stamp(),
      activityTypeId: 110,
      ...(campaign && { campaignId: campaign.id }),
      primaryAttributeValue: name ?? url.replace(/\?.*/s, ''),
      attributes: attributes.filter(({ value }) => value !== ''),
    })
  }
}

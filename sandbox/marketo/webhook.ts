import { escapeHtml } from '../html.ts'
import { named, TYPE } from './activity.ts'
import type { Knobs } from './knobs.ts'
import { mappedValues, mappingProblem, type ResponseMapping } from './mapping.ts'
import { type Answer, isLoopback, type Outgoing, send, silence } from './outgoing.ts'
import type { Subscription } from './subscription.ts'
import { fillIn, type Token, type TokenEncoding, tokensOf, unescapeTemplate } from './tokens.ts'
import { stamp, type Value } from './value.ts'

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

/** Adobe leaves open how late mapped values are written; only that the next flow step cannot count on them. */
const MAPPING_DELAY_MS = 50

/** The flow step Call Webhook. Adobe, "Webhooks", its errors and its response mappings. */
export class Webhooks {
  readonly #marketo: Subscription
  readonly #writing = new Set<NodeJS.Timeout>()
  readonly #closed = new AbortController()

  constructor(marketo: Subscription) {
    this.#marketo = marketo
  }

  reset(): void {
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
    const { schema } = this.#marketo
    const { mappings = [] } = webhook
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
    this.#writeLater(webhook, values)
    return {
      ...(typeof outgoing !== 'string' && { sent: outgoing }),
      ...answer,
      mapped: Object.keys(values),
    }
  }

  /** The call as it goes out, or why none does. */
  #fill({ campaign, tokens, ...webhook }: Webhook): Outgoing | string {
    const person = this.#marketo.people.get(webhook.personId)
    if (!person) throw new Error(`the sandbox has no person ${webhook.personId}`)
    if (campaign?.type === 'batch') return '1000'
    const template = unescapeTemplate(webhook.template)
    if (template === undefined) return 'Invalid escape in the template'
    const scope: Record<string, Value> = {
      ...(campaign && { 'campaign.id': campaign.id, 'campaign.Name': campaign.name }),
      ...tokens,
    }
    const { schema, knobs, now } = this.#marketo
    const find = tokensOf(schema, scope, stamp(now()))(person)
    const fill = (text: string) => fillIn(text, webhook.encoding, (name) => mangled(find(name), knobs))
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

  #writeLater({ personId, ...webhook }: Webhook, values: Readonly<Record<string, Value>>): void {
    const { people, schema } = this.#marketo
    const timer = setTimeout(() => {
      this.#writing.delete(timer)
      const known = Object.entries(values).filter(([name]) => schema.field(name))
      if (known.length === 0 || !people.has(personId)) return
      const cause = { source: 'Webhook', reason: `Response of ${nameOf(webhook)}` }
      this.#marketo.update(personId, Object.fromEntries(known), cause)
    }, MAPPING_DELAY_MS)
    this.#writing.add(timer)
  }

  #log({ personId, campaign, ...webhook }: Webhook, { response, errorType }: Answer): void {
    this.#marketo.log.append({
      leadId: personId,
      typeId: TYPE.callWebhook,
      ...(campaign && { campaignId: campaign.id }),
      primaryValue: nameOf(webhook),
      attributes: named({ Response: response, 'Error Type': errorType }),
    })
  }
}

/** What a webhook makes of a text before it is encoded. */
function mangled(
  token: Token | undefined,
  { webhookFoldsLines, webhookEscapesHtml }: Knobs,
): Token | undefined {
  if (typeof token?.value !== 'string') return token
  const folded = webhookFoldsLines ? token.value.replaceAll(/\r\n|\r|\n/g, ' ') : token.value
  return { ...token, value: webhookEscapesHtml ? escapeHtml(folded) : folded }
}

function nameOf({ name, url }: Pick<Webhook, 'name' | 'url'>): string {
  return name ?? url.replace(/\?.*/s, '')
}

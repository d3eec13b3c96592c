import { type Cause, FORM } from './cause.ts'
import type { ResponseMapping } from './mapping.ts'
import { type CustomField, DATA_TYPES } from './schema.ts'
import { TOKEN_ENCODINGS } from './tokens.ts'
import { METHODS, type Webhook } from './webhook.ts'

/** What a stranger types into the controls, read or refused with a sentence. */

export type Members = Readonly<Record<string, unknown>>

export function record(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error('a JSON object is wanted')
  }
  return Object.fromEntries(Object.entries(value))
}

export function wholeNumber(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isInteger(value)) return value
  throw new Error(`${name} is a whole number`)
}

export function list(value: unknown, name: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw new Error(`${name} is a list`)
}

export function text(value: unknown, name: string): string {
  if (typeof value === 'string') return value
  throw new Error(`${name} is a text`)
}

export function oneOf<T extends string>(known: readonly T[], value: unknown, name: string): T {
  const found = known.find((candidate) => candidate === value)
  if (found === undefined) throw new Error(`${name} is one of ${known.join(', ')}`)
  return found
}

export function texts(value: unknown, name: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(record(value)).map(([key, each]) => [key, text(each, `${name}.${key}`)]),
  )
}

/** The members of `members` that are there, each read by its own reader. */
export function present<T extends object>(
  members: Members,
  readers: { [K in keyof T]: (value: unknown) => T[K] },
): Partial<T> {
  const read: Partial<T> = {}
  for (const name in readers) {
    const value = members[name]
    if (value !== undefined) read[name] = readers[name](value)
  }
  return read
}

export function toCustomField(members: Members): CustomField {
  return {
    name: text(members.name, 'name'),
    dataType: oneOf(DATA_TYPES, members.dataType, 'dataType'),
    ...present<{ displayName: string; length: number }>(members, {
      displayName: (value) => text(value, 'displayName'),
      length: (value) => wholeNumber(value, 'length'),
    }),
  }
}

/** Who is said to have done it: `source`, `reason` and `campaignId` of the query; a form fill unless it says. */
export function toCause(query: URLSearchParams): Cause {
  const [source, reason, campaign] = ['source', 'reason', 'campaignId'].map((name) => query.get(name))
  const campaignId = campaign == null ? {} : { campaignId: wholeNumber(Number(campaign), 'campaignId') }
  if (source == null) return { ...FORM, ...(reason != null && { reason }), ...campaignId }
  return { source, ...(reason != null && { reason }), ...campaignId }
}

export function toWebhook(members: Members): Webhook {
  return {
    url: text(members.url, 'url'),
    template: text(members.template ?? '', 'template'),
    encoding: oneOf(TOKEN_ENCODINGS, members.encoding ?? 'JSON', 'encoding'),
    personId: wholeNumber(members.personId, 'personId'),
    ...present<Required<Omit<Webhook, 'url' | 'template' | 'encoding' | 'personId'>>>(members, {
      name: (value) => text(value, 'name'),
      method: (value) => oneOf(METHODS, value, 'method'),
      headers: (value) => texts(value, 'headers'),
      contentType: (value) => text(value, 'contentType'),
      mappings: (value) => list(value, 'mappings').map((each) => toMapping(record(each))),
      campaign: (value) => toCampaign(record(value)),
      tokens: (value) => texts(value, 'tokens'),
      timeoutMs: (value) => wholeNumber(value, 'timeoutMs'),
    }),
  }
}

function toMapping({ path, field }: Members): ResponseMapping {
  return { path: text(path, 'path'), field: text(field, 'field') }
}

function toCampaign({ id, name, type }: Members): NonNullable<Webhook['campaign']> {
  return {
    id: wholeNumber(id, 'campaign.id'),
    name: text(name, 'campaign.name'),
    type: oneOf(['trigger', 'batch'], type ?? 'trigger', 'campaign.type'),
  }
}

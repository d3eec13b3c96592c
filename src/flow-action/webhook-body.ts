import { decodeUtf8, JSON_LIMITS, type JsonLimits, MalformedJson, parseJson } from '../json.ts'
import { isNullText } from '../person/read-person.ts'
import { inLowerCase } from './schemas.ts'
import {
  BadBody,
  duplicate,
  ENCODING_ADVICE,
  explain,
  FEWER_MEMBERS,
  isObject,
  refuseTemplateMistakes,
  type WebhookBodyProblem,
} from './webhook-template.ts'

/**
 * A Marketo webhook's body as it really arrives: a template with tokens pasted in, under a content type that
 * nobody promises. Source: Adobe, "Webhooks" and "Response mappings".
 */

/** Members of the REST endpoint's body, not yet validated; absent ones were absent, empty or null. */
export type WebhookMembers = {
  person: Record<string, unknown>
  syncAs?: unknown
  assignTo?: unknown
  campaign?: Record<string, unknown>
}

export type WebhookBody = { ok: true; members: WebhookMembers } | { ok: false; problem: WebhookBodyProblem }

/**
 * Never throws for what a caller sent. `body` is the raw body; its content type is a hint, not a promise.
 * `nullTextIsEmpty`: the text `null` stands for an empty token. `json` bounds a form's names, too.
 */
export function readWebhookBody(
  body: Uint8Array | string,
  contentType?: string,
  { nullTextIsEmpty = true, json = JSON_LIMITS }: { nullTextIsEmpty?: boolean; json?: JsonLimits } = {},
): WebhookBody {
  let text = ''
  try {
    text = (typeof body === 'string' ? body : decodeUtf8(body)).replace(/^\uFEFF/, '')
    const members = isForm(text, contentType) ? readForm(text, json) : readJson(text, json)
    refuseTemplateMistakes(members)
    return { ok: true, members: arrange(members, nullTextIsEmpty ? isEmptyOrNullText : isEmpty) }
  } catch (error) {
    if (error instanceof BadBody) return { ok: false, problem: error.problem }
    if (error instanceof MalformedJson) return { ok: false, problem: explain(error, text) }
    throw error
  }
}

/** What starts like JSON is JSON, whatever its type says; a form may come without its type. */
function isForm(text: string, contentType = ''): boolean {
  if (/^\s*(?:[{["]|$)/.test(text)) return false
  const mediaType = contentType.split(';')[0]?.trim().toLowerCase() ?? ''
  if (mediaType === 'application/x-www-form-urlencoded') return true
  return !mediaType.endsWith('json') && /^[\w.%+-]+=/.test(text)
}

function readJson(text: string, limits: JsonLimits): Record<string, unknown> {
  const value = parseJson(text, limits)
  if (isObject(value)) return value
  throw new BadBody('malformed-json', 'The body is JSON but not an object.', ENCODING_ADVICE)
}

/** Encoding leaves none of these in a value; a plus sign among them is itself and no blank. */
const NEVER_ENCODED = /[^\w.*+%&=~!'()-]/
const MEMBER_NAME = /^\w+$/

function readForm(text: string, { keyLengthMax, membersMax }: JsonLimits): Record<string, unknown> {
  const members: Record<string, unknown> = {}
  const isPlain = NEVER_ENCODED.test(text.trim())
  if (isPlain && /[\s+]/.test(text.trim())) throw notEncoded('has a blank or a plus sign that is not encoded')
  const pairs = text.trim().split('&')
  if (pairs.length > membersMax) {
    throw new BadBody('too-many-members', `The form has more than ${membersMax} members.`, FEWER_MEMBERS)
  }
  for (const pair of pairs) {
    if (pair === '') continue
    const separator = pair.indexOf('=')
    const key = decodeFormPart(separator < 0 ? pair : pair.slice(0, separator))
    if (separator < 0 || !MEMBER_NAME.test(key)) throw notEncoded('has an "&" that does not start a member')
    if (key.length > keyLengthMax) {
      throw new BadBody(
        'key-too-long',
        `A member name has more than ${keyLengthMax} characters.`,
        'Shorten the name in the template.',
      )
    }
    if (['__proto__', 'constructor', 'prototype'].includes(key)) {
      throw new BadBody(
        'forbidden-key',
        `A member may not be named "${key}".`,
        'Remove it from the template.',
      )
    }
    if (Object.hasOwn(members, key)) throw duplicate(key)
    members[key] = decodeFormPart(pair.slice(separator + 1))
  }
  return members
}

function notEncoded(what: string): BadBody {
  return new BadBody(
    'template-not-encoded',
    `The form-urlencoded body ${what}: a token was not encoded.`,
    'In the webhook definition set Request Token Encoding to Form/Url, and write fixed text in the template encoded too, such as Spring+Fair.',
  )
}

function decodeFormPart(part: string): string {
  try {
    return decodeURIComponent(part.replaceAll('+', ' '))
  } catch {
    throw new BadBody(
      'malformed-form',
      'The form-urlencoded body has a percent sign that does not start a UTF-8 escape.',
      'In the webhook definition set Request Token Encoding to Form/Url, or use a JSON template with encoding JSON.',
    )
  }
}

/** Members of a flat body that speak of the campaign, by their name inside `campaign`. */
const CAMPAIGN_MEMBERS: ReadonlyMap<string, string> = new Map([
  ['campaignId', 'id'],
  ['campaignName', 'name'],
  ['campaignType', 'type'],
])
/** The template's own notes: neither the person's nor ours. */
const IGNORED_MEMBERS: ReadonlySet<string> = new Set(['schema', 'program', 'programId', 'programName'])

/** Whatever is not known stays among the person's fields, where the endpoint refuses it by name. */
function arrange(members: Record<string, unknown>, isEmpty: (value: unknown) => boolean): WebhookMembers {
  const { person: nested, campaign: nestedCampaign, ...flat } = members
  const person = bag('person', nested, isEmpty)
  const campaign = bag('campaign', nestedCampaign, isEmpty)
  const arranged: WebhookMembers = { person }
  for (const [key, value] of Object.entries(flat)) {
    const campaignKey = CAMPAIGN_MEMBERS.get(key)
    if (isEmpty(value) || IGNORED_MEMBERS.has(key)) continue
    if (key === 'syncAs') arranged.syncAs = inLowerCase(value)
    else if (key === 'assignTo') arranged.assignTo = value
    else if (campaignKey !== undefined) put(campaign, campaignKey, value)
    else put(person, key, value)
  }
  if (Object.hasOwn(person, 'marketoId')) person.marketoId = numberFromDigits(person.marketoId)
  if (Object.hasOwn(campaign, 'id')) campaign.id = numberFromDigits(campaign.id)
  if (Object.keys(campaign).length > 0) arranged.campaign = campaign
  return arranged
}

function bag(name: string, value: unknown, isEmpty: (value: unknown) => boolean): Record<string, unknown> {
  if (isEmpty(value)) return {}
  if (!isObject(value)) {
    throw new BadBody(
      'malformed-body',
      `"${name}" is not an object.`,
      `Make "${name}" an object with members.`,
    )
  }
  return Object.fromEntries(Object.entries(value).filter(([, member]) => !isEmpty(member)))
}

function put(target: Record<string, unknown>, key: string, value: unknown): void {
  if (Object.hasOwn(target, key)) throw duplicate(key)
  target[key] = value
}

/** An empty token arrives as `""`; null is what other senders write for it. */
function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === ''
}

function isEmptyOrNullText(value: unknown): boolean {
  return isEmpty(value) || isNullText(value)
}

function numberFromDigits(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*\d{1,15}\s*$/.test(value)) return value
  return Number(value)
}

import type { MalformedJson } from '../json.ts'

/** The mistakes that are made in Marketo's webhook editor, told by their traces in the body. */

/** `detail` says what is wrong and where, `advice` what to change in Marketo's webhook definition. */
export interface WebhookBodyProblem {
  code: string
  detail: string
  advice: string
}

export const ENCODING_ADVICE =
  'In the webhook definition set Request Token Encoding to JSON and leave every token without quotes, as in {"email": {{lead.Email Address}}}.'
const QUOTES_ADVICE =
  'With Request Token Encoding JSON Marketo adds the quotes itself: remove the quotes around every token, as in {"email": {{lead.Email Address}}}.'

export const FEWER_MEMBERS = 'Name only the fields that Dynamics shall get in the template.'

/** A body that no person can be read from. */
export class BadBody extends Error {
  readonly problem: WebhookBodyProblem
  constructor(code: string, detail: string, advice: string) {
    super(detail)
    this.problem = { code, detail, advice }
  }
}

export function duplicate(key: string): BadBody {
  return new BadBody(
    'duplicate-key',
    `The member "${key}" appears twice.`,
    'Remove one of the two from the template.',
  )
}

/** `""Ann""` reads as an empty string with something other than punctuation behind it. */
function isDoublyQuoted(text: string, error: MalformedJson): boolean {
  if (error.code !== 'malformed-json') return false
  const before = text.slice(0, error.offset)
  const next = text[error.offset]
  if (next === undefined) return false
  if (next === '"') return /[:,[{]\s*""$/.test(before)
  return /[:,[{]\s*""\s*$/.test(before)
}

function isTrailingComma(text: string, error: MalformedJson): boolean {
  if (error.code !== 'malformed-json') return false
  const next = text[error.offset]
  return (next === '}' || next === ']') && text.slice(0, error.offset).trimEnd().endsWith(',')
}

/** What a body that is not JSON tells about the template it was made from. */
export function explain(error: MalformedJson, text: string): WebhookBodyProblem {
  if (isDoublyQuoted(text, error)) {
    const detail = `A value is quoted twice (line ${error.line}, column ${error.column}).`
    return { code: 'template-doubly-quoted', detail, advice: QUOTES_ADVICE }
  }
  if (isTrailingComma(text, error)) {
    const detail = `A comma is not followed by a member (line ${error.line}, column ${error.column}).`
    return { code: error.code, detail, advice: 'Remove the comma after the last member of the template.' }
  }
  const code = error.code === 'control-character' ? 'template-not-encoded' : error.code
  return { code, detail: error.message, advice: adviceFor(error) }
}

function adviceFor(error: MalformedJson): string {
  switch (error.code) {
    case 'empty-body':
      return 'Give the webhook definition a payload template and the request type POST.'
    case 'duplicate-key':
    case 'forbidden-key':
      return 'Remove it from the template.'
    case 'number-out-of-range':
    case 'number-loses-digits':
    case 'number-too-long':
      return 'Keep the number in a text field in Marketo, so that it arrives as a string.'
    case 'control-character':
      return `A token contains a line break that was not encoded. ${ENCODING_ADVICE}`
    case 'too-many-members':
      return FEWER_MEMBERS
    case 'key-too-long':
      return 'Shorten the name in the template.'
    case 'too-deep':
      return 'Send the person flat, as in {"email": {{lead.Email Address}}}.'
    case 'malformed-json':
    case 'not-utf8':
    case 'lone-surrogate':
      return ENCODING_ADVICE
  }
}

const TOKEN = /\{\{\s*(?:lead|company|member|campaign|program|trigger|system|my)\s*[.:][^{}]*\}\}/gi
/** Members that hold nobody's own words: a token anywhere in them is one that was not replaced. */
const WITHOUT_OWN_WORDS: ReadonlySet<string> = new Set([
  ...['marketoId', 'email', 'syncAs', 'assignTo'],
  ...['campaignId', 'campaignName', 'campaignType', 'id', 'type'],
])
/** What a template has around its tokens; letters and digits are somebody's text, which may quote a token. */
const NO_WORDS = /^[^\p{L}\p{N}]*$/u

/** Looks at the members and one level below them, where a nested person and campaign are. */
export function refuseTemplateMistakes(members: Record<string, unknown>, isCampaign = false): void {
  for (const [key, value] of Object.entries(members)) {
    if (isObject(value)) refuseTemplateMistakes(value, key === 'campaign')
    if (typeof value !== 'string') continue
    const rest = value.replaceAll(TOKEN, '')
    if (rest !== value && (isCampaign || WITHOUT_OWN_WORDS.has(key) || NO_WORDS.test(rest))) {
      throw new BadBody(
        'template-unresolved-token',
        `The member "${key}" still contains a token that Marketo did not replace.`,
        'Check the spelling of the token, and that it is available where the campaign runs: program tokens and My Tokens are available only inside their program.',
      )
    }
    if (/^\s*edit me\s*$/i.test(value)) {
      throw new BadBody(
        'template-default-left',
        `The member "${key}" contains the token editor's placeholder "edit me".`,
        'Remove ":default=edit me" from the token in the template, or give it a real default.',
      )
    }
  }
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

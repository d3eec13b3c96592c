import { decodeUtf8, parseJson } from '../../json.ts'
import { Refusal } from '../../problem.ts'
import { type Members, membersOf, textOf } from './members.ts'
import type { Submission } from './port.ts'
import { readPeople } from './read-people.ts'

/**
 * A chunk of people as Marketo sends it. Source: Adobe, "Self-Service Flow Steps" (service provider interface 1.0.0),
 * schema async. Marketo sends more than that schema says, and may send more tomorrow: what is not known is passed over.
 */

/** Token and key travel as headers of the callback; Adobe's schema demands neither. */
const HEADER_VALUE = /^[\x21-\x7e]{0,2048}$/

export interface SubmissionLimits {
  peopleMax: number
}

/**
 * JSON.parse takes a sixth of the time of our own reader, and a chunk is large; what that one refuses (a member that
 * comes twice, say) is no reason to refuse 10,000 people. Its sentences are used for what is no JSON at all.
 */
export function parseChunk(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decodeUtf8(bytes))
  } catch {
    return parseJson(bytes)
  }
}

/**
 * Throws Refusal where no callback could be sent or nothing is readable. `wireNames` gives the Marketo REST name of
 * an outgoing field.
 */
export function readSubmission(
  body: unknown,
  caller: string,
  wireNames: ReadonlyMap<string, string>,
  limits: SubmissionLimits,
): Submission {
  const chunk = membersOf(body)
  if (!chunk) throw new Refusal(400, 'malformed-body', 'The body is not a JSON object.')
  const context = membersOf(chunk.context) ?? {}
  const items = itemsOf(chunk, limits)
  const shared = [context.headers, context.admin, chunk.headers, chunk].map(membersOf)
  const { people, unreadable } = readPeople(items, shared, wireNames)
  const program = membersOf(context.program)
  const programId = textOf(program?.id)
  const programName = textOf(program?.name)
  return {
    token: headerValue('token', needed('token', textOf(chunk.token))),
    caller,
    callbackUrl: needed('callbackUrl', textOf(chunk.callbackUrl)),
    callbackKey: headerValue('apiCallBackKey', textOf(chunk.apiCallBackKey) ?? ''),
    munchkinId: needed('context.subscription.munchkinId', munchkinIdOf(context, shared)),
    campaign: campaignOf(chunk, context, items),
    ...(programId !== undefined && {
      program: { id: programId, ...(programName !== undefined && { name: programName }) },
    }),
    people,
    unreadable,
  }
}

function itemsOf({ objectData }: Members, { peopleMax }: SubmissionLimits): readonly unknown[] {
  if (objectData === undefined || objectData === null) return []
  if (!Array.isArray(objectData)) {
    throw new Refusal(400, 'invalid-value', 'The member "objectData" of the body is not a list.', {
      field: 'objectData',
    })
  }
  if (objectData.length > peopleMax) {
    throw new Refusal(400, 'too-many-people', `The chunk has more than ${peopleMax} people.`, {
      field: 'objectData',
      advice: 'Raise FLOW_STEP_PEOPLE, or send smaller chunks.',
    })
  }
  return objectData
}

function munchkinIdOf(context: Members, shared: readonly (Members | undefined)[]): string | undefined {
  for (const place of [membersOf(context.subscription), context, ...shared]) {
    const munchkinId = textOf(place?.munchkinId)
    if (munchkinId !== undefined) return munchkinId
  }
  return undefined
}

/** A person of a batch campaign has no trigger. The words of the campaign's type are not documented. */
function campaignOf(chunk: Members, context: Members, items: readonly unknown[]): Submission['campaign'] {
  const campaign = membersOf(context.campaign) ?? {}
  const id = needed('campaignId', textOf(chunk.campaignId) ?? textOf(campaign.id))
  const name = textOf(campaign.name)
  const said = /trigger|batch/i.exec(textOf(campaign.type) ?? '')?.[0].toLowerCase()
  const triggered = () =>
    items.some((item) => Object.keys(membersOf(membersOf(item)?.triggeringContext) ?? {}).length > 0)
  const isTrigger = said === undefined ? triggered() : said === 'trigger'
  return { id, ...(name !== undefined && { name }), type: isTrigger ? 'trigger' : 'batch' }
}

function needed(member: string, value: string | undefined): string {
  if (value !== undefined) return value
  throw new Refusal(400, 'missing-member', `The body lacks the member "${member}".`, { field: member })
}

function headerValue(member: string, value: string): string {
  if (HEADER_VALUE.test(value)) return value
  throw new Refusal(400, 'invalid-value', `The member "${member}" of the body cannot be sent as a header.`, {
    field: member,
  })
}

import { Refusal } from '../problem.ts'
import type { CrowdBuilder } from './crowd-builder.ts'
import { type Members, membersOf, textOf } from './members.ts'
import type { Submission } from './port.ts'
import { choicesIn } from './read-item.ts'

/**
 * A chunk of people as Marketo sends it. Source: Adobe, "Self-Service Flow Steps" (service provider interface 1.0.0),
 * schema async. Marketo sends more than that schema says, and may send more tomorrow: what is not known is passed over.
 */

/** Token and key travel as headers of the callback; Adobe's schema demands neither. */
const HEADER_VALUE = /^[\x21-\x7e]{0,2048}$/

/** What arrived: the body without its people, and these. */
export interface ReceivedChunk {
  /** Its objectData has something for each item. */
  body: unknown
  crowd: CrowdBuilder
}

/** Throws Refusal where no callback could be sent or nothing is readable. */
export function readSubmission({ body, crowd }: ReceivedChunk, caller: string): Submission {
  const chunk = membersOf(body)
  if (!chunk) throw new Refusal(400, 'malformed-body', 'The body is not a JSON object.')
  const context = membersOf(chunk.context) ?? {}
  checkItems(chunk)
  // Marketo delivers what is configured as a header in the payload.
  const shared = [context.headers, context.admin, chunk.headers, chunk]
  const program = membersOf(context.program)
  const programId = textOf(program?.id)
  const programName = textOf(program?.name)
  return {
    token: headerValue('token', needed('token', textOf(chunk.token))),
    caller,
    callbackUrl: needed('callbackUrl', textOf(chunk.callbackUrl)),
    callbackKey: headerValue('apiCallBackKey', textOf(chunk.apiCallBackKey) ?? ''),
    munchkinId: needed('context.subscription.munchkinId', munchkinIdOf(context, shared)),
    campaign: campaignOf(chunk, context, crowd),
    ...(programId !== undefined && {
      program: { id: programId, ...(programName !== undefined && { name: programName }) },
    }),
    choices: choicesIn(shared),
    crowd,
  }
}

function checkItems({ objectData }: Members): void {
  if (objectData === undefined || objectData === null || Array.isArray(objectData)) return
  throw new Refusal(400, 'invalid-value', 'The member "objectData" of the body is not a list.', {
    field: 'objectData',
  })
}

function munchkinIdOf(context: Members, shared: readonly unknown[]): string | undefined {
  for (const place of [context.subscription, context, ...shared]) {
    const munchkinId = textOf(membersOf(place)?.munchkinId)
    if (munchkinId !== undefined) return munchkinId
  }
  return undefined
}

/** A person of a batch campaign has no trigger. The words of the campaign's type are not documented. */
function campaignOf(chunk: Members, context: Members, crowd: CrowdBuilder): Submission['campaign'] {
  const campaign = membersOf(context.campaign) ?? {}
  const id = needed('campaignId', textOf(chunk.campaignId) ?? textOf(campaign.id))
  const name = textOf(campaign.name)
  const said = /trigger|batch/i.exec(textOf(campaign.type) ?? '')?.[0].toLowerCase()
  const isTrigger = said === undefined ? crowd.isTriggered : said === 'trigger'
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

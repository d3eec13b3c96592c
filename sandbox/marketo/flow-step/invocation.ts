import { randomUUID } from 'node:crypto'
import type { Person } from '../people.ts'
import type { Subscription } from '../subscription.ts'
import { stamp } from '../value.ts'
import { type Campaign, CHUNK_SIZE, type FlowValues, flowValuesFor } from './campaign.ts'
import type { Service } from './service.ts'

export const MUNCHKIN_ID = '997-SBX-001'

/** A part of a campaign's people in one call, before it is sent. */
export interface Invocation {
  /** The one-time token of its callback. */
  token: string
  /** In order, with each person's values of the step. */
  people: ReadonlyMap<number, FlowValues>
  /** JSON; each sending is these bytes. */
  body: Buffer
}

export interface InvocationParts {
  marketo: Subscription
  service: Service
  campaign: Campaign
  campaignId: number
  /** Of the campaign's run. */
  batchId: string
  callbackUrl: string
  callbackKey: string
}

/** The schema `async` of Adobe's interface, with its two members that only Adobe's own sample has: id and type. */
export function invocationsOf(parts: InvocationParts): Invocation[] {
  const { marketo, campaign } = parts
  const { chunkSize = CHUNK_SIZE } = campaign
  const ids = campaign.personIds ?? marketo.people.all().map(idOf)
  const valuesFor = flowValuesFor(marketo, campaign, parts.campaignId)
  const head = { ...headOf(parts), context: contextOf(parts) }
  const objectOf = objectsOf(parts)
  const invocations: Invocation[] = []
  for (let at = 0; at < ids.length; at += chunkSize) {
    const people = new Map<number, FlowValues>()
    const objectData = ids.slice(at, at + chunkSize).flatMap((id) => {
      const person = marketo.people.get(id)
      if (!person) return []
      const values = valuesFor(id, person)
      people.set(id, values)
      return objectOf(id, person, values)
    })
    const token = randomUUID()
    const body = Buffer.from(JSON.stringify({ ...head, id: invocations.length + 1, token, objectData }))
    invocations.push({ token, people, body })
  }
  return invocations
}

function idOf({ id }: Person): number {
  return Number(id)
}

function headOf(parts: InvocationParts) {
  const { batchId, campaignId, callbackKey, callbackUrl } = parts
  return {
    type: 'flowStep',
    batchid: batchId,
    campaignId,
    apiCallBackKey: callbackKey,
    callbackUrl,
    ...strays(parts, 'top'),
  }
}

/** My Tokens and headers, if it is here that they travel. */
function strays({ service, campaign }: InvocationParts, place: NonNullable<Campaign['strays']>): object {
  if ((campaign.strays ?? 'context') !== place) return {}
  const { myTokens } = service.definition
  const myTokenContext = Object.fromEntries(
    Object.entries(campaign.tokens ?? {}).filter(([name]) => myTokens.includes(name)),
  )
  return {
    ...(myTokens.length > 0 && { myTokenContext }),
    ...(Object.keys(service.headers).length > 0 && { headers: service.headers }),
  }
}

function contextOf(parts: InvocationParts): object {
  const { marketo, service, campaign, campaignId } = parts
  const { contexts } = service.definition
  const { name, type, program } = campaign
  const crmSyncStatus = marketo.knobs.nativeCrmSync ? 'enabled' : 'disabled'
  return {
    subscription: {
      munchkinId: MUNCHKIN_ID,
      ...(contexts.has('subscription') && { prefix: 'sandbox', crmSyncStatus }),
    },
    admin: service.admin,
    ...(contexts.has('campaign') && {
      campaign: {
        ...{ id: campaignId, name, type, description: '', status: 'active', commLimitEnabled: false },
        ...{ flowId: campaignId + 1, smartListId: campaignId + 2, folderId: 11, folderName: 'Campaigns' },
        ...{ workspaceId: 1, workspaceName: 'Default' },
        ...(program && { parentProgramId: program.id }),
      },
    }),
    ...(contexts.has('program') && { program: program ? programOf(program, stamp(marketo.now())) : {} }),
    ...strays(parts, 'context'),
  }
}

function programOf({ id, name }: NonNullable<Campaign['program']>, now: string): object {
  const kind = { type: 'Default', channelName: 'Operational', status: 'unlocked' }
  return { id, name, description: '', ...kind, createdAt: now, updatedAt: now }
}

function objectsOf(parts: InvocationParts): (id: number, person: Person, values: FlowValues) => object {
  const { marketo, service, campaign } = parts
  const { contexts } = service.definition
  const fields = Object.entries(service.mapping.outgoing)
  const more = {
    ...(contexts.has('programMember') && { programMemberContext: memberOf(campaign, stamp(marketo.now())) }),
    // A batch campaign has nothing that set it off.
    ...(contexts.has('trigger') &&
      campaign.type === 'trigger' && { triggeringContext: campaign.trigger ?? BY_REQUEST }),
    ...strays(parts, 'person'),
  }
  return (id, person, values) => {
    const objectContext: Record<string, unknown> = { id }
    for (const [name, field] of fields) {
      const value = person[field]
      if (value !== undefined) objectContext[name] = value
      else if (campaign.empties !== 'omit') objectContext[name] = null
    }
    return { objectType: 'lead', objectContext, flowStepContext: values, ...more }
  }
}

const BY_REQUEST = { triggerName: 'Campaign is Requested', name: 'Sandbox' }

function memberOf({ program }: Campaign, now: string): object {
  return program ? { id: program.id, status: 'Member', membershipDate: now, reachedSuccess: false } : {}
}

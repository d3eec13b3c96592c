import type { ChunkItem } from './chunk-body.ts'
import { type Members, membersOf, textOf } from './members.ts'
import type { Choices, SubmittedPerson } from './port.ts'

export const SYNC_AS_UNKNOWN = {
  code: 'sync-as-unknown',
  advice: 'Choose Lead or Contact in the flow step.',
}

/** One item of a chunk's objectData; undefined when it has no id, so that no callback can name it. */
export function readItem(value: unknown, wireNames: ReadonlyMap<string, string>): ChunkItem | undefined {
  const item = membersOf(value) ?? {}
  const lead = membersOf(item.objectContext) ?? {}
  const id = marketoIdOf(lead.id)
  if (id === undefined) return undefined
  const objectType = textOf(item.objectType)?.toLowerCase() ?? 'lead'
  if (objectType !== 'lead') {
    return { refused: { id, code: 'object-type-unknown', advice: 'Only people can be synced to Microsoft.' } }
  }
  const { syncAs, assignTo } = choicesIn([item.flowStepContext, item.headers])
  if (syncAs !== undefined && !isRecordType(syncAs)) return { refused: { id, ...SYNC_AS_UNKNOWN } }
  const trigger = textOf(membersOf(item.triggeringContext)?.triggerName)
  return {
    person: {
      id,
      fields: fieldsOf(lead, wireNames),
      ...(syncAs !== undefined && { syncAs }),
      ...(assignTo !== undefined && { assignTo }),
      ...(trigger !== undefined && { trigger }),
    },
  }
}

export function isTriggered(item: unknown): boolean {
  return Object.keys(membersOf(membersOf(item)?.triggeringContext) ?? {}).length > 0
}

export function isRecordType(text: string | undefined): text is 'lead' | 'contact' {
  return text === 'lead' || text === 'contact'
}

/** The first of the places that says something counts; Sync As in lower case. */
export function choicesIn(places: readonly unknown[]): Choices {
  const members = places.map(membersOf)
  const syncAs = firstText(members, 'syncAs')?.toLowerCase()
  const assignTo = firstText(members, 'assignTo')
  return { ...(syncAs !== undefined && { syncAs }), ...(assignTo !== undefined && { assignTo }) }
}

function marketoIdOf(value: unknown): number | undefined {
  const id = typeof value === 'string' && /^\d{1,16}$/.test(value.trim()) ? Number(value) : value
  return typeof id === 'number' && Number.isSafeInteger(id) && id > 0 ? id : undefined
}

function firstText(places: readonly (Members | undefined)[], name: string): string | undefined {
  for (const place of places) {
    const text = textOf(place?.[name])
    if (text !== undefined) return text
  }
  return undefined
}

/** By Marketo REST name; what the definition does not name, and what is no value, is passed over. */
function fieldsOf(lead: Members, wireNames: ReadonlyMap<string, string>): SubmittedPerson['fields'] {
  const fields: Record<string, string | number | boolean | null> = {}
  for (const [name, value] of Object.entries(lead)) {
    const marketo = wireNames.get(name)
    if (marketo !== undefined && isFieldValue(value)) fields[marketo] = value
  }
  return fields
}

function isFieldValue(value: unknown): value is string | number | boolean | null {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value)
}

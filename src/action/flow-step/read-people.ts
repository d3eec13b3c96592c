import { type Members, membersOf, textOf } from './members.ts'
import type { Submission, SubmittedPerson } from './port.ts'

type Unreadable = Submission['unreadable'][number]

/**
 * The items of a chunk's objectData. `shared` are the places beside the person's own in which a value of the step may
 * stand: Marketo delivers what is configured as a header in the payload.
 */
export function readPeople(
  items: readonly unknown[],
  shared: readonly (Members | undefined)[],
  wireNames: ReadonlyMap<string, string>,
): Pick<Submission, 'people' | 'unreadable'> {
  const people: SubmittedPerson[] = []
  const unreadable: Unreadable[] = []
  items.forEach((item, position) => {
    const reading = readPerson(membersOf(item) ?? {}, shared, wireNames)
    if ('code' in reading) unreadable.push({ position, ...reading })
    else people.push(reading)
  })
  return { people, unreadable }
}

function readPerson(
  item: Members,
  shared: readonly (Members | undefined)[],
  wireNames: ReadonlyMap<string, string>,
): SubmittedPerson | Omit<Unreadable, 'position'> {
  const lead = membersOf(item.objectContext) ?? {}
  const id = marketoIdOf(lead.id)
  if (id === undefined) {
    return { code: 'person-unreadable', advice: 'The item has no person’s id: report it to Marketo.' }
  }
  const objectType = textOf(item.objectType)?.toLowerCase() ?? 'lead'
  if (objectType !== 'lead') {
    return { id, code: 'object-type-unknown', advice: 'Only people can be synced to Microsoft.' }
  }
  const places = [membersOf(item.flowStepContext), membersOf(item.headers), ...shared]
  const syncAs = firstText(places, 'syncAs')?.toLowerCase()
  if (syncAs !== undefined && syncAs !== 'lead' && syncAs !== 'contact') {
    return { id, code: 'sync-as-unknown', advice: 'Choose Lead or Contact in the flow step.' }
  }
  const assignTo = firstText(places, 'assignTo')
  const trigger = textOf(membersOf(item.triggeringContext)?.triggerName)
  return {
    id,
    fields: fieldsOf(lead, wireNames),
    ...(syncAs !== undefined && { syncAs }),
    ...(assignTo !== undefined && { assignTo }),
    ...(trigger !== undefined && { trigger }),
  }
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

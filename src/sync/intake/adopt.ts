import type { FailureDetail } from '../../errors.ts'
import type { PersonUpdate } from '../../marketo/bulk-write.ts'
import type { MarketoFields, People, RefusedReads } from '../../marketo/people.ts'
import { identifiersOf, normaliseEmail } from '../../person/identity.ts'
import type { LinkMove, NewFailure, Replica, SyncStore } from '../../store/sync-port.ts'
import { RECORD_ID } from '../decide/refused.ts'
import { isSearching, madeFor } from '../decide/replica.ts'
import type { SyncSettings } from '../settings.ts'
import { seePerson } from './see-person.ts'
import type { PullContext } from './stream.ts'

export interface AdoptOptions {
  people: People
  store: SyncStore
  settings: SyncSettings
}

export interface Adopted {
  /** Tied to a person whose values are known, or to be made: no marketoId. */
  ready: Replica[]
  moves: LinkMove[]
  refused: { replica: Replica; failure: NewFailure }[]
  /** Another record with the same e-mail, or a flow action, comes first. */
  later: Replica[]
  /** Deleted records whose person was never made, and records that only looked for one who is there. */
  vain: Replica[]
}

/**
 * Who in Marketo a record without a person is: the one free person with its e-mail, or nobody yet.
 * A person is free unless another link has them or they name another living record as theirs. Who shared the link
 * with a person who is gone comes first.
 */
export async function adopt(
  replicas: readonly Replica[],
  now: number,
  { people, store, settings }: AdoptOptions,
  context: PullContext,
): Promise<Adopted> {
  const adopted: Adopted = { ready: [], moves: [], refused: [], later: [], vain: [] }
  if (replicas.length === 0) return adopted
  const { schema } = context
  const { first, later } = onePerEmail(replicas)
  adopted.later.push(...later)

  const emails = first.flatMap((replica) => emailOf(replica) ?? [])
  const retried = first.flatMap((replica) => madeFor(replica) ?? [])
  const refused: RefusedReads<string> = new Map()
  const search = async (field: string, values: readonly string[]) =>
    values.length === 0 ? [] : people.search(field, values, schema.readFields, context, refused)
  const found = [...(await search(RECORD_ID, retried)), ...(await search('email', emails))]
  const owners = await ownersOf(found, store)
  const underWay = await claimsUnderWay(owners, store)
  const byEmail = group(found)
  const sharers = await readSharers(first, { people, store }, context)

  for (const replica of first) {
    const { present, gone, unread } = sharers.get(replica.linkId) ?? NO_SHARERS
    for (const marketoId of gone) adopted.moves.push({ kind: 'orphan', linkId: replica.linkId, marketoId })
    const own = found.find(({ fields }) => isNamedBy(fields, replica))
    if (own === undefined && (present || unread)) {
      if (present) adopted.ready.push(tie(adopted.moves, replica, present))
      else adopted.later.push(replica)
      continue
    }
    const unknown = refused.get(madeFor(replica) ?? '') ?? refused.get(emailOf(replica) ?? '')
    if (unknown !== undefined) {
      if (unknown === 'unasked') adopted.later.push(replica)
      else adopted.refused.push({ replica, failure: unsearchable(unknown) })
      continue
    }
    if (own === undefined && replica.state === 'tombstoned') {
      adopted.vain.push(replica)
      continue
    }
    const email = emailOf(replica)
    const sameEmail = email === undefined ? [] : (byEmail.get(normaliseEmail(email)) ?? [])
    const candidates = own ? [own] : sameEmail
    const others = candidates.map(({ marketoId }) => owners.get(marketoId))
    if (others.some((owner) => owner && underWay.has(owner.linkId))) {
      adopted.later.push(replica)
      continue
    }
    const free = candidates.filter(
      ({ marketoId, fields }) => isFree(owners.get(marketoId), replica) && !namesAnother(fields, replica),
    )
    const [person] = free
    if (free.length > 1) {
      adopted.refused.push({ replica, failure: ambiguous(free.length) })
    } else if (own && person === undefined) {
      adopted.refused.push({ replica, failure: TIED_ELSEWHERE })
    } else if (person === undefined) (isSearching(replica) ? adopted.vain : adopted.ready).push(replica)
    else adopted.ready.push(tie(adopted.moves, replica, person))
  }
  return adopted

  function tie(moves: LinkMove[], replica: Replica, { marketoId, fields }: PersonUpdate): Replica {
    moves.push({ kind: 'person', linkId: replica.linkId, marketoId })
    const { intent, ...fresh } = replica
    // Made by an earlier try of ours: what it was made with is what both sides agreed on.
    const isOurs = isNamedBy(fields, replica) && intent?.toMarketo !== undefined
    const shadow = isOurs ? { ...replica.shadow, ...intent.toMarketo } : replica.shadow
    const state = replica.state === 'tombstoned' ? 'tombstoned' : 'linked'
    const tied: Replica = { ...fresh, ...madeWith(intent), marketoId, state, ...(shadow && { shadow }) }
    return seePerson(tied, fields, { now, schema, settings })
  }
}

/**
 * People whom a write without an answer has made while their record got another person: they share its link. Gives
 * also the links of which Marketo does not say so yet.
 */
export async function madeBeside(
  tied: readonly Replica[],
  { people }: Pick<AdoptOptions, 'people'>,
  context: PullContext,
): Promise<{ moves: LinkMove[]; unknown: ReadonlySet<number> }> {
  const open = tied.flatMap((replica) => {
    const { linkId, marketoId } = replica
    const recordId = madeFor(replica)
    return recordId === undefined || marketoId === undefined ? [] : [{ linkId, marketoId, recordId }]
  })
  if (open.length === 0) return { moves: [], unknown: new Set() }
  const refused: RefusedReads<string> = new Map()
  const recordIds = open.map(({ recordId }) => recordId)
  const found = await people.search(RECORD_ID, recordIds, [RECORD_ID], context, refused)
  const moves = open.flatMap(({ linkId, marketoId, recordId }) =>
    found
      .filter((one) => one.fields[RECORD_ID] === recordId && one.marketoId !== marketoId)
      // The last one is the link's own; the others share it.
      .flatMap((one) => [one.marketoId, marketoId])
      .map((id): LinkMove => ({ kind: 'person', linkId, marketoId: id })),
  )
  const unknown = open.filter(({ recordId }) => refused.has(recordId)).map(({ linkId }) => linkId)
  return { moves, unknown: new Set(unknown) }
}

/** What is left of an intent once its person is known: the columns with which the flow action made the record. */
function madeWith(intent: Replica['intent']): Pick<Replica, 'intent'> {
  if (intent?.created === undefined) return {}
  const { intentId, at, created } = intent
  return { intent: { intentId, at, created } }
}

/** One by one: a link may own a name besides the person it is for. */
async function ownersOf(
  people: readonly PersonUpdate[],
  store: Pick<SyncStore, 'findReplicas'>,
): Promise<Map<number, Replica>> {
  const owners = new Map<number, Replica>()
  for (const { marketoId } of people) {
    const [owner] = await store.findReplicas({ marketoIds: [marketoId] })
    if (owner) owners.set(marketoId, owner)
  }
  return owners
}

/** Of these links, those that a flow action works on. */
async function claimsUnderWay(
  owners: ReadonlyMap<number, Replica>,
  store: Pick<SyncStore, 'claimsUnderWay'>,
): Promise<Set<number>> {
  const claimed = [...owners.values()].flatMap(({ state, linkId }) => (state === 'claimed' ? [linkId] : []))
  return new Set(await store.claimsUnderWay(claimed))
}

interface Sharers {
  present?: PersonUpdate
  gone: number[]
  /** Marketo does not say of somebody whether they are there. */
  unread: boolean
}

const NO_SHARERS: Sharers = { gone: [], unread: false }

/** People by whose id a link is found although it has lost its own person. */
async function readSharers(
  replicas: readonly Replica[],
  { people, store }: Pick<AdoptOptions, 'people' | 'store'>,
  context: PullContext,
): Promise<Map<number, Sharers>> {
  const named = await store.peopleOf(replicas.map(({ linkId }) => linkId))
  if (named.length === 0) return new Map()
  const ids = named.map(({ marketoId }) => marketoId)
  const refused: RefusedReads<number> = new Map()
  const found = await people.read(ids, context.schema.readFields, context, refused)
  const sharers = new Map<number, Sharers>()
  for (const { linkId, marketoId } of named) {
    const before = sharers.get(linkId) ?? NO_SHARERS
    const fields = found.get(marketoId)
    const first = before.present ?? (fields && { marketoId, fields })
    sharers.set(linkId, {
      ...(first && { present: first }),
      gone: fields || refused.has(marketoId) ? before.gone : [...before.gone, marketoId],
      unread: before.unread || refused.has(marketoId),
    })
  }
  return sharers
}

/** Two records with one e-mail: the second waits until it is known whose person the first one is. */
function onePerEmail(replicas: readonly Replica[]) {
  const seen = new Set<string>()
  const first: Replica[] = []
  const later: Replica[] = []
  for (const replica of replicas) {
    const email = emailOf(replica)
    const key = email && normaliseEmail(email)
    if (key && seen.has(key)) later.push(replica)
    else first.push(replica)
    if (key) seen.add(key)
  }
  return { first, later }
}

function emailOf({ dynamics }: Replica): string | undefined {
  const email = dynamics?.email
  return typeof email === 'string' && identifiersOf({ email }).length > 0 ? email : undefined
}

function group(found: readonly PersonUpdate[]): Map<string, PersonUpdate[]> {
  const people = new Map<string, PersonUpdate[]>()
  for (const person of new Map(found.map((one) => [one.marketoId, one])).values()) {
    const email = normaliseEmail(String(person.fields.email ?? ''))
    people.set(email, [...(people.get(email) ?? []), person])
  }
  return people
}

/** A claim that is not under way has come to nothing: the flow action could not make a record for the person. */
function isFree(owner: Replica | undefined, replica: Replica): boolean {
  return owner === undefined || owner.linkId === replica.linkId || owner.state === 'claimed'
}

/** The person has the record, or was made for the one that the link had before. */
function isNamedBy({ microsoftRecordId }: MarketoFields, replica: Replica): boolean {
  return [replica.recordId, madeFor(replica)].some((id) => id !== undefined && id === microsoftRecordId)
}

/** A person of a record that was deleted is free again. GUIDs are compared without case and without braces. */
function namesAnother(fields: MarketoFields, replica: Replica): boolean {
  const { microsoftRecordId, microsoftIsDeleted } = fields
  if (isNamedBy(fields, replica)) return false
  if (typeof microsoftRecordId !== 'string' || microsoftRecordId.trim() === '') return false
  const named = microsoftRecordId
    .trim()
    .toLowerCase()
    .replace(/^\{(.*)\}$/, '$1')
  return named !== replica.recordId && microsoftIsDeleted !== true
}

/** To make a person by this record's id would only find the same one again. */
const TIED_ELSEWHERE: NewFailure = {
  side: 'marketo',
  code: 'ambiguous-match',
  field: 'microsoftRecordId',
  advice:
    'The person in Marketo whose microsoftRecordId names this record is linked to another record. Clear microsoftRecordId in Marketo, or merge the records.',
}

/** Who a record's person is cannot be asked for. */
function unsearchable(detail: FailureDetail): NewFailure {
  return detail.code === 'marketo-too-many-matches'
    ? ambiguous('More than a thousand')
    : { side: 'marketo', ...detail }
}

function ambiguous(count: number | string): NewFailure {
  return {
    side: 'marketo',
    code: 'ambiguous-match',
    field: 'email',
    advice: `${count} people in Marketo have the e-mail of this record. Merge them there, or give them different e-mail addresses.`,
  }
}

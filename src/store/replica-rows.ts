import type { RecordType } from './port.ts'
import { integer, optionalInteger, optionalText, type Row, text } from './rows.ts'
import type { NewConflict, Replica, SentToOther, SentValue, SyncIntent, Values } from './sync-port.ts'

type Value = Values[string]
/** No value is a list, so an empty one can say that a side lacks a field that the shadow has. */
type Difference = readonly [string, Value | readonly []]

const EQUAL = '{}'

/**
 * One side as JSON of the fields in which it differs from the shadow, so that a person who is equal on both
 * sides costs one copy of the values. null = not known. Numbers are finite and have no negative zero.
 */
export function compress(values: Values | undefined, shadow: Values | undefined): string | null {
  if (values === undefined) return null
  if (values === shadow) return EQUAL
  if (shadow === undefined) return JSON.stringify(values)
  const differences: Difference[] = []
  for (const field of Object.keys(values)) {
    const value = values[field] ?? null
    if (shadow[field] !== value) differences.push([field, value])
  }
  for (const field of Object.keys(shadow)) {
    if (!Object.hasOwn(values, field)) differences.push([field, []])
  }
  return differences.length === 0 ? EQUAL : JSON.stringify(Object.fromEntries(differences))
}

/** The inverse of `compress`, given the same shadow. */
export function expand(json: string | undefined, shadow: Values | undefined): Values | undefined {
  if (json === undefined) return undefined
  if (json === EQUAL) return shadow ?? {}
  const differences = JSON.parse(json) as Readonly<Record<string, Value | readonly []>>
  const values: Record<string, Value | readonly []> = { ...shadow, ...differences }
  for (const field of Object.keys(differences)) if (Array.isArray(differences[field])) delete values[field]
  return values as Values
}

/** Of a link joined with its replica, if it has one. */
export function toReplica(row: Row): Replica {
  const marketoId = optionalInteger(row, 'marketo_id')
  const link = {
    linkId: integer(row, 'link_id'),
    state: text(row, 'state') as Replica['state'],
    recordType: text(row, 'record_type') as RecordType,
    recordId: text(row, 'record_id'),
    ...(marketoId === undefined ? {} : { marketoId }),
  }
  const version = optionalInteger(row, 'version')
  if (version === undefined) return { ...link, ...NEVER_SYNCED }
  return { ...link, ...sidesOf(row), ...workOf(row), version }
}

const NEVER_SYNCED = {
  marketoSeenAt: 0,
  sent: [],
  stopped: false,
  priority: 0,
  attempts: 0,
  epoch: 0,
  version: 0,
} as const

/**
 * Stored with the shadow, under a name that no field has: an older version that runs beside passes it on with the
 * shadow, which it belongs to, and forgets it with that. See docs/decisions, "Two halves".
 */
const BESIDE_SHADOW = '#'

function shadowOf(row: Row): Pick<Replica, 'shadow' | 'forms' | 'turns'> {
  const stored = parse<Values & { [BESIDE_SHADOW]?: Pick<Replica, 'forms' | 'turns'> }>(row, 'shadow')
  if (stored === undefined) return {}
  const { [BESIDE_SHADOW]: beside, ...shadow } = stored
  return { shadow, ...beside }
}

function shadowText({ shadow, forms, turns }: Pick<Replica, 'shadow' | 'forms' | 'turns'>): string | null {
  if (shadow === undefined) return null
  const beside = { ...(isAny(forms) && { forms }), ...(isAny(turns) && { turns }) }
  return JSON.stringify(isAny(beside) ? { ...shadow, [BESIDE_SHADOW]: beside } : shadow)
}

/**
 * What was sent to others is stored with the rest, under names that no field has: an older version that runs beside
 * finds no such field, and forgets it in time.
 */
const OF_OTHERS = '#'

function sentOf(row: Row): Pick<Replica, 'sent' | 'sentToOthers'> {
  const stored = parse<(SentValue | SentToOther)[]>(row, 'sent') ?? []
  const others = stored.filter((one): one is SentToOther => 'marketoId' in one)
  if (others.length === 0) return { sent: stored }
  const sentToOthers = others.map((one) => ({ ...one, field: one.field.slice(OF_OTHERS.length) }))
  return { sent: stored.filter((one) => !('marketoId' in one)), sentToOthers }
}

function sentText({ sent, sentToOthers = [] }: Pick<Replica, 'sent' | 'sentToOthers'>): string | null {
  const stored = [...sent, ...sentToOthers.map((one) => ({ ...one, field: `${OF_OTHERS}${one.field}` }))]
  return stored.length === 0 ? null : JSON.stringify(stored)
}

function isAny(members: object | undefined): boolean {
  return members !== undefined && Object.keys(members).length > 0
}

function sidesOf(row: Row) {
  const agreement = shadowOf(row)
  const { shadow } = agreement
  const marketo = expand(optionalText(row, 'marketo'), shadow)
  const dynamics = expand(optionalText(row, 'dynamics'), shadow)
  const etag = optionalText(row, 'etag')
  return {
    ...agreement,
    ...(marketo && { marketo }),
    ...(dynamics && { dynamics }),
    ...(etag !== undefined && { etag }),
  }
}

function workOf(row: Row) {
  const restore = parse<Values>(row, 'restore')
  const intent = parse<SyncIntent>(row, 'intent')
  const told = parse<Omit<NewConflict, 'linkId'>[]>(row, 'told')
  const dueAt = optionalInteger(row, 'due_at')
  const dirtySince = optionalInteger(row, 'dirty_since')
  return {
    marketoSeenAt: integer(row, 'marketo_seen_at'),
    ...sentOf(row),
    ...(restore && { restore }),
    ...(intent && { intent }),
    ...(told && { told }),
    stopped: integer(row, 'stopped') === 1,
    ...(dueAt !== undefined && { dueAt }),
    ...(dirtySince !== undefined && { dirtySince }),
    priority: integer(row, 'priority') === 0 ? (0 as const) : (1 as const),
    attempts: integer(row, 'attempts'),
    epoch: integer(row, 'epoch'),
  }
}

/** The columns of a replica, as named parameters. */
export function toParameters(
  replica: Omit<Replica, 'linkId' | 'state' | 'recordType' | 'recordId' | 'version'>,
) {
  const { shadow, restore, intent, told } = replica
  return {
    shadow: shadowText(replica),
    marketo: compress(replica.marketo, shadow),
    dynamics: compress(replica.dynamics, shadow),
    etag: replica.etag ?? null,
    marketoSeenAt: replica.marketoSeenAt,
    sent: sentText(replica),
    restore: stringify(restore),
    intent: stringify(intent),
    told: stringify(told),
    stopped: replica.stopped ? 1 : 0,
    dueAt: replica.dueAt ?? null,
    dirtySince: replica.dirtySince ?? null,
    priority: replica.priority,
    attempts: replica.attempts,
    epoch: replica.epoch,
  }
}

function parse<T>(row: Row, column: string): T | undefined {
  const json = optionalText(row, column)
  return json === undefined ? undefined : (JSON.parse(json) as T)
}

function stringify(value: object | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value)
}

import type { NewConflict, Replica, SentToOther, SentValue, Values } from '../../store/sync-port.ts'

/** There is something to do now; what failed before gets a fresh start. Live work is never put behind loading. */
export function touch(replica: Replica, now: number, priority: Replica['priority'] = 0): Replica {
  const before = replica.dirtySince === undefined ? priority : replica.priority
  const urgent = before < priority ? before : priority
  return { ...replica, dueAt: now, dirtySince: replica.dirtySince ?? now, attempts: 0, priority: urgent }
}

/** Nothing is to be done until something changes. */
export function idle(replica: Replica): Replica {
  const { dueAt, dirtySince, ...calm } = replica
  return calm
}

/** Nothing is to be done but, later, to ask for proof of what was sent. */
export function rest(replica: Replica, confirmMs: number): Replica {
  const calm = idle(replica)
  const open = calm.sent.filter(({ confirmed, blocked }) => !confirmed && !blocked)
  if (open.length === 0) return calm
  return { ...calm, dueAt: Math.min(...open.map(({ at }) => at)) + confirmMs }
}

/**
 * The person is gone, and what was agreed with them is void: another one with the same e-mail, or one who shares the
 * link, takes the record over. Nobody is made for it until it changes.
 */
export function searching(replica: Replica, now: number): Replica {
  const { marketoId, ...alone } = idle(withoutIntent(withoutAgreement(withoutMarketo(replica))))
  return { ...alone, sent: [], attempts: 0, dueAt: now }
}

/** Whether a record waits for a person who is there already; nobody is made for it. */
export function isSearching({ state, marketoId, dirtySince, attempts }: Replica): boolean {
  return state === 'orphaned' && marketoId === undefined && dirtySince === undefined && attempts === 0
}

/** Marketo's side is not certain any more: it is read before anything is decided. */
export function withoutMarketo(replica: Replica): Replica {
  const { marketo, ...unknown } = replica
  return unknown
}

export function withoutDynamics(replica: Replica): Replica {
  const { dynamics, etag, ...unknown } = replica
  return unknown
}

/** Nothing was agreed on with the one on the other side. */
export function withoutAgreement(replica: Replica): Replica {
  const { shadow, forms, turns, restore, ...alone } = replica
  return alone
}

export function withoutIntent(replica: Replica): Replica {
  const { intent, ...settled } = replica
  return settled
}

/**
 * Late entries of the change log cannot come any more. A blocked value is remembered until it is replaced, and one that
 * is not proven, such as of a record that was stopped, until it is read.
 */
export function forgetSent(replica: Replica, before: number): Replica {
  const { sent, sentToOthers = [], ...rest } = replica
  const isKept = ({ at, blocked, confirmed }: SentValue) => at >= before || blocked || !confirmed
  const others = sentToOthers.filter(({ at }) => at >= before)
  if (sent.every(isKept) && others.length === sentToOthers.length) return replica
  return withSentToOthers({ ...rest, sent: sent.filter(isKept) }, others)
}

export function withSentToOthers(replica: Replica, others: readonly SentToOther[]): Replica {
  const { sentToOthers, ...rest } = replica
  return others.length === 0 ? rest : { ...rest, sentToOthers: others }
}

/** What the link keeps of one that is merged into it: what the change log has yet to show of that one's writes. */
export function takingOver(replica: Replica, merged: readonly Replica[]): Replica {
  const others = merged.flatMap(({ marketoId, sent, sentToOthers = [] }) => {
    const unshown = sent.filter(({ shown, blocked }) => !shown && !blocked)
    const own = marketoId === undefined ? [] : unshown.map((one): SentToOther => ({ ...one, marketoId }))
    return [...sentToOthers, ...own]
  })
  return withSentToOthers(replica, [...(replica.sentToOthers ?? []), ...others])
}

/** The record for which a write without an answer may have made a person. */
export function madeFor({ intent }: Replica): string | undefined {
  const recordId = intent?.toMarketo?.microsoftRecordId
  return typeof recordId === 'string' ? recordId : undefined
}

/** No write of the field to Marketo is open whose answer was lost. */
export function isAnswered({ intent }: Replica, field: string): boolean {
  return !Object.hasOwn(intent?.toMarketo ?? {}, field)
}

/** The latest value that we sent to a field. */
export function lastSent(replica: Pick<Replica, 'sent'>, field: string): SentValue | undefined {
  return replica.sent.findLast((one) => one.field === field)
}

/**
 * What Marketo is taken to hold. Where Field Management keeps our value out, what stands there is no edit of
 * anybody: it must not travel back.
 */
export function believedMarketo(replica: Replica): Values | undefined {
  const { marketo } = replica
  if (marketo === undefined) return undefined
  const believed: Record<string, Values[string]> = { ...marketo }
  for (const field of Object.keys(marketo)) {
    const sent = lastSent(replica, field)
    if (sent?.blocked && marketo[field] === sent.replaced) believed[field] = sent.value
  }
  return believed
}

/** Whether any field that is known now differs from what was known. */
export function differs(before: Values | undefined, after: Values): boolean {
  if (before === undefined) return true
  return Object.keys(after).some((field) => after[field] !== before[field])
}

/** What is lost with a link that is merged away: edits that a write of ours replaced and that wait to come back. */
export function lostWith(replica: Replica, into: number): NewConflict[] {
  return Object.entries(replica.restore ?? {}).map(([field, lost]) => {
    return { linkId: into, field, winner: 'dynamics', won: lastSent(replica, field)?.value ?? null, lost }
  })
}

/** Which conflicts are not to be told again. */
export function withTold(replica: Replica, told: NonNullable<Replica['told']>): Replica {
  const { told: before, ...rest } = replica
  return told.length === 0 ? rest : { ...rest, told }
}

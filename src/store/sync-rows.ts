import { toOther } from './alias-rows.ts'
import type { Link, LinkState, RecordType } from './port.ts'
import { integer, optionalInteger, optionalText, type Row, text, toQueued } from './rows.ts'
import type { Backlog, Conflict, Cursor, Failure, UnsentActivity } from './sync-port.ts'

/** Typed readers of what the background sync keeps beside the replicas. */

export function toCursor(row: Row): Cursor {
  const readAt = optionalInteger(row, 'read_at')
  return {
    stream: text(row, 'stream') as Cursor['stream'],
    position: text(row, 'position'),
    ...(readAt !== undefined && { readAt }),
  }
}

export function toConflict(row: Row): Conflict {
  const marketoId = optionalInteger(row, 'marketo_id')
  return {
    conflictId: integer(row, 'conflict_id'),
    linkId: integer(row, 'link_id'),
    at: integer(row, 'at'),
    recordType: text(row, 'record_type') as RecordType,
    recordId: text(row, 'record_id'),
    ...(marketoId !== undefined && { marketoId }),
    field: text(row, 'field'),
    winner: text(row, 'winner') as Conflict['winner'],
    won: JSON.parse(text(row, 'won')) as Conflict['won'],
    lost: JSON.parse(text(row, 'lost')) as Conflict['lost'],
  }
}

export function toUnsentActivity(row: Row): UnsentActivity {
  const marketoId = optionalInteger(row, 'marketo_id')
  const detail = JSON.parse(text(row, 'detail')) as Omit<Partial<UnsentActivity>, 'campaign'> & {
    campaign?: { name?: string }
  }
  const all = { ...detail, ...toQueued(row) }
  const { code, field, advice, vendorMessage, warnings, recordType, recordId, campaign } = all
  const { attempts, nextAttemptAt } = all
  return {
    activityId: integer(row, 'activity_id'),
    at: integer(row, 'at'),
    ...(marketoId !== undefined && { marketoId }),
    outcome: text(row, 'outcome'),
    ...(code !== undefined && { code }),
    ...(field !== undefined && { field }),
    ...(advice !== undefined && { advice }),
    ...(warnings !== undefined && { warnings }),
    ...(vendorMessage !== undefined && { vendorMessage }),
    ...(recordType !== undefined && { recordType }),
    ...(recordId !== undefined && { recordId }),
    ...(attempts !== undefined && { attempts }),
    ...(nextAttemptAt !== undefined && { nextAttemptAt }),
    ...(campaign?.name !== undefined && { campaign: campaign.name }),
  }
}

/** Of a failure joined with its link and replica, if it has them. */
export function toFailure(row: Row): Failure {
  const linkId = optionalInteger(row, 'link_id')
  const field = optionalText(row, 'field')
  const vendorCode = optionalText(row, 'vendor_code')
  const vendorMessage = optionalText(row, 'vendor_message')
  const vendorRequestId = optionalText(row, 'vendor_request_id')
  const marketoId = optionalInteger(row, 'marketo_id')
  const nextAttemptAt = optionalInteger(row, 'due_at')
  const otherKind = optionalText(row, 'other_kind')
  return {
    failureId: integer(row, 'failure_id'),
    ...(linkId !== undefined && {
      linkId,
      recordType: text(row, 'record_type') as Link['recordType'],
      recordId: text(row, 'record_id'),
    }),
    ...(marketoId !== undefined && { marketoId }),
    side: text(row, 'side') as Failure['side'],
    code: text(row, 'code'),
    ...(field !== undefined && { field }),
    advice: text(row, 'advice'),
    ...(vendorCode !== undefined && { vendorCode }),
    ...(vendorMessage !== undefined && { vendorMessage }),
    ...(vendorRequestId !== undefined && { vendorRequestId }),
    firstSeenAt: integer(row, 'first_seen_at'),
    lastSeenAt: integer(row, 'last_seen_at'),
    attempts: integer(row, 'attempts'),
    ...(nextAttemptAt !== undefined && { nextAttemptAt }),
    ...(otherKind !== undefined && { other: toOther(otherKind, text(row, 'other_value')) }),
  }
}

/** `others`: the states of links that are not linked, counted. */
export function toBacklog(row: Row, others: readonly Row[]): Backlog {
  const counts = others.map((one) => [text(one, 'state') as LinkState, integer(one, 'count')] as const)
  const linked = integer(row, 'links') - counts.reduce((sum, [, count]) => sum + count, 0)
  const oldestDirtyAt = optionalInteger(row, 'oldest_dirty_at')
  return {
    live: integer(row, 'live'),
    initial: integer(row, 'initial'),
    ...(oldestDirtyAt !== undefined && { oldestDirtyAt }),
    links: Object.fromEntries(linked > 0 ? [['linked', linked], ...counts] : counts),
    openFailures: integer(row, 'failures'),
  }
}

import { type FailureDetail, IN_PROGRESS } from '../errors.ts'
import type {
  Activity,
  Answer,
  Link,
  LinkState,
  Outcome,
  RecordType,
  Waiting,
  WaitingRequests,
} from './port.ts'

/** A row as either driver gives it: whole numbers as numbers, JSON as text. */
export type Row = Readonly<Record<string, unknown>>

/** Typed readers of a row: a column of another type is a fault of the store and throws. */

export function text(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw wrongType(column, value)
  return value
}

export function integer(row: Row, column: string): number {
  const value = row[column]
  if (typeof value !== 'number') throw wrongType(column, value)
  return value
}

export function optionalText(row: Row, column: string): string | undefined {
  return row[column] === null ? undefined : text(row, column)
}

export function optionalInteger(row: Row, column: string): number | undefined {
  return row[column] === null ? undefined : integer(row, column)
}

function wrongType(column: string, value: unknown): Error {
  return new Error(
    `Column ${column} of the store holds ${value === undefined ? 'nothing' : `a ${typeof value}`}`,
  )
}

export function toLink(row: Row): Link {
  const marketoId = optionalInteger(row, 'marketo_id')
  const provenAt = optionalInteger(row, 'proven_at')
  return {
    linkId: integer(row, 'link_id'),
    state: text(row, 'state') as LinkState,
    canonicalKey: text(row, 'canonical_key'),
    recordType: text(row, 'record_type') as RecordType,
    recordId: text(row, 'record_id'),
    generation: integer(row, 'generation'),
    ...(marketoId === undefined ? {} : { marketoId }),
    ...(provenAt === undefined ? {} : { provenAt }),
  }
}

export function toOutcome(row: Row): Outcome | undefined {
  const json = optionalText(row, 'outcome')
  return json === undefined ? undefined : (JSON.parse(json) as Outcome)
}

/** Of a request, which may be joined with something else. */
export function toWaiting(row: Row): Waiting {
  const detail = optionalText(row, 'waiting')
  return {
    ...(detail === undefined ? IN_PROGRESS : (JSON.parse(detail) as FailureDetail)),
    attempts: integer(row, 'attempts'),
    nextAttemptAt: optionalInteger(row, 'next_attempt_at') ?? integer(row, 'accepted_at'),
  }
}

/** What a queued activity says of its request, by `WAITING_OF_ACTIVITY`: the time ahead only while it is open. */
export function toQueued(row: Row): Partial<Waiting> {
  if (text(row, 'outcome') !== 'queued' || row.accepted_at === null) return {}
  const { nextAttemptAt, ...waiting } = toWaiting(row)
  return row.settled_at === null ? { ...waiting, nextAttemptAt } : waiting
}

/** The columns of a request as parameters. */
export function fromWaiting({ attempts, nextAttemptAt, ...detail }: Waiting) {
  return { attempts, nextAttemptAt, code: detail.code, detail: JSON.stringify(detail) }
}

export function toWaitingRequests(row: Row): WaitingRequests {
  return { code: text(row, 'code'), requests: integer(row, 'requests'), oldestAt: integer(row, 'oldest_at') }
}

/** Its member keeps the name that rows have had since the first version. */
type StoredDetail = Omit<Activity, 'activityId' | 'at' | 'requestId' | 'outcome' | 'source'> & {
  door: string
}

export function toActivity(row: Row): Activity {
  const marketoId = optionalInteger(row, 'marketo_id')
  const requestId = text(row, 'request_id')
  const { door: source, ...detail } = JSON.parse(text(row, 'detail')) as StoredDetail
  return {
    activityId: integer(row, 'activity_id'),
    at: integer(row, 'at'),
    ...(requestId === '' ? {} : { requestId }),
    outcome: text(row, 'outcome') as Activity['outcome'],
    ...(marketoId === undefined ? {} : { marketoId }),
    ...detail,
    source,
    ...toQueued(row),
  }
}

export function toAnswer(row: Row): Answer | undefined {
  const status = optionalInteger(row, 'answer_status')
  return status === undefined ? undefined : { status, body: text(row, 'answer_body') }
}

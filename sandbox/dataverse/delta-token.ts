import { uriError } from './errors.ts'

/** A moment in the life of a table. */
export interface Stamp {
  version: number
  /** Milliseconds since the epoch. */
  at: number
}

/** How far a reader of changes has come. */
export type Position =
  /** In the first read: `after` this place; changes since `since` are for the deltas. */
  | { kind: 'first'; since: Stamp; after: number; page: number }
  /** Between two reads. */
  | { kind: 'delta'; since: Stamp }
  /** In a delta of several pages, which ends at `until`: among the rows, or among the tombstones. */
  | { kind: 'rows' | 'tombstones'; since: Stamp; until: Stamp; after: number; page: number }

/** `919042!11/22/2026 08:10:44`, as the vendor writes it: the text after $deltatoken= before encoding. */
export function writeDeltaToken({ version, at }: Stamp): string {
  const [, year, month, day, time] = /^(\d+)-(\d+)-(\d+)T(.{8})/.exec(new Date(at).toISOString()) ?? []
  return `${version}!${month}/${day}/${year} ${time}`
}

export function readDeltaToken(token: string): Position {
  const [, version, month, day, year, time] =
    /^(\d{1,15})!(\d\d)\/(\d\d)\/(\d{4}) (\d\d:\d\d:\d\d)$/.exec(token) ?? []
  const at = Date.parse(`${year}-${month}-${day}T${time}Z`)
  if (version === undefined || Number.isNaN(at)) throw uriError(`The delta token '${token}' is not valid.`)
  return { kind: 'delta', since: { version: Number(version), at } }
}

/** The cookie of a nextLink within a tracked read, encoded once. */
export function writeTrackingCookie(position: Exclude<Position, { kind: 'delta' }>): string {
  const place = Buffer.from(JSON.stringify(position)).toString('base64url')
  return encodeURIComponent(
    `<cookie pagenumber="${position.page}" pagingcookie="${place}" istracking="True" />`,
  )
}

export function isTrackingCookie(token: string): boolean {
  return /istracking(=|%3d)("|%22)True/i.test(token)
}

export function readTrackingCookie(token: string): Position {
  try {
    const [, place = ''] = /pagingcookie="([\w-]+)"/.exec(decodeURIComponent(token)) ?? []
    const position: unknown = JSON.parse(Buffer.from(place, 'base64url').toString())
    if (isPosition(position)) return position
  } catch {
    // falls through: whatever is wrong with it, it is no cookie of ours
  }
  throw uriError('Malformed XML in the Paging Cookie')
}

function isPosition(value: unknown): value is Position {
  if (typeof value !== 'object' || value === null) return false
  if (!('kind' in value && 'since' in value && isStamp(value.since))) return false
  if (!('after' in value && 'page' in value && isNumber(value.after) && isNumber(value.page))) return false
  if (value.kind === 'first') return true
  return (value.kind === 'rows' || value.kind === 'tombstones') && 'until' in value && isStamp(value.until)
}

function isStamp(value: unknown): value is Stamp {
  if (typeof value !== 'object' || value === null) return false
  return 'version' in value && 'at' in value && isNumber(value.version) && isNumber(value.at)
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number'
}

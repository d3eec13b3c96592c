import type { RecordType } from './port.ts'
import { integer, optionalInteger, optionalText, type Row, text } from './rows.ts'
import type { Alias, Other } from './sync-port.ts'

/** How both databases hold the names that are not a link's own. */

/** Kind and value, as the table of identifiers has them. */
export function nameOf(other: Other): { kind: Other['kind']; value: string } {
  const { kind } = other
  return kind === 'marketo'
    ? { kind, value: String(other.marketoId) }
    : { kind, value: `${other.recordType}:${other.recordId}` }
}

export function toOther(kind: string, value: string): Other {
  if (kind === 'marketo') return { kind, marketoId: Number(value) }
  const colon = value.indexOf(':')
  const recordType = value.slice(0, colon) as RecordType
  return { kind: 'record', recordType, recordId: value.slice(colon + 1) }
}

export function toAlias(row: Row): Alias {
  const marketoId = optionalInteger(row, 'marketo_id')
  const seen = optionalText(row, 'seen')
  return {
    other: toOther(text(row, 'kind'), text(row, 'value')),
    link: {
      linkId: integer(row, 'link_id'),
      state: text(row, 'state') as Alias['link']['state'],
      recordType: text(row, 'record_type') as RecordType,
      recordId: text(row, 'record_id'),
      ...(marketoId !== undefined && { marketoId }),
    },
    ...(seen !== undefined && { seen: JSON.parse(seen) as NonNullable<Alias['seen']> }),
  }
}

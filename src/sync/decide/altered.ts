import type { FieldValue } from '../../person/person.ts'
import type { SyncSchema } from '../../person/sync-schema.ts'
import { valueIn } from '../../person/sync-values.ts'
import type { NewFailure, Replica } from '../../store/sync-port.ts'
import { halfOf, keptOtherwise, type Side, sides } from './agreement.ts'

/**
 * Where a side keeps a value in a form of its own: open for as long as both sides differ by it, and reported once
 * for a field and record. There is nothing to try again.
 */
export function alterationsOf(replica: Replica, schema: SyncSchema): NewFailure[] {
  return keptOtherwise(replica).flatMap(({ field, side, of, own }): NewFailure[] => {
    const known = schema.fields[replica.recordType].find(({ marketo }) => marketo === field)
    if (known === undefined || sides.some((one) => isEdited(replica, one, field))) return []
    const name = side === 'dynamics' && known.column ? known.column.logicalName : field
    return [{ ...CODES[side], side, field: name, advice: adviceFor(side, of, own) }]
  })
}

/** An edit may stay where it is, such as one that the other side refuses, or of a one-way field where that arrives. */
function isEdited(replica: Replica, side: Side, field: string): boolean {
  const held = valueIn(replica[side] ?? {}, field)
  return held !== undefined && held !== halfOf(side, field, replica)
}

const CODES = {
  marketo: { code: 'altered-by-marketo' },
  dynamics: { code: 'altered-by-dynamics' },
} as const
const NAMES: Readonly<Record<Side, string>> = { marketo: 'Marketo', dynamics: 'Dynamics' }

function adviceFor(side: Side, of: FieldValue, own: FieldValue): string {
  const [keeper, sender] =
    side === 'marketo' ? [NAMES.marketo, NAMES.dynamics] : [NAMES.dynamics, NAMES.marketo]
  const cause =
    side === 'marketo'
      ? 'Marketo cuts texts before an emoji and trims them'
      : 'look for a plug-in, workflow or column format that rewrites it'
  return `${keeper} stored this value of ${sender} in a form of its own: ${lengthOf(own)} of ${lengthOf(of)} (${cause}). ${sender} keeps its value and nothing is written back. Change the value in ${sender} if both must be equal.`
}

function lengthOf(value: FieldValue): string {
  if (typeof value !== 'string') return value === null ? '0 characters' : 'another value'
  return `${value.length} characters`
}

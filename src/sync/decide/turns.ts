import { createHash } from 'node:crypto'
import type { FieldValue } from '../../person/person.ts'
import type { Replica, Turn } from '../../store/sync-port.ts'
import type { Side } from './agreement.ts'

/**
 * Two writers outside that take turns with one field: A travels, B comes back, A again. Each time that the value
 * comes back which the other side had replaced is an alternation; at the third within a day the field stays as it is
 * until a day has passed without one.
 */

const DAY_MS = 86_400_000
const RETURNS_MAX = 2

export interface Travel {
  field: string
  from: Side
  value: FieldValue
  /** What had been agreed on. */
  before: FieldValue
}

/** Whether the value shall not travel now: it would be the third alternation within a day. */
export function isContested(turns: Replica['turns'], travel: Travel, now: number): boolean {
  const turn = turns?.[travel.field]
  return turn !== undefined && isReturn(turn, travel, now) && recent(turn, now).length >= RETURNS_MAX
}

/** What is remembered once this travels. To decide the same again, since it did not arrive, counts once. */
export function afterTravels(
  turns: Replica['turns'] = {},
  travels: readonly Travel[],
  now: number,
): Readonly<Record<string, Turn>> {
  const kept = Object.entries(turns).filter(([, { at }]) => isLately(at, now))
  const made = travels.flatMap((travel): [string, Turn][] => {
    const { field, from, value, before } = travel
    const turn = turns[field]
    if (turn && turn.from === from && turn.value === fingerprint(value)) return []
    const returns = turn ? recent(turn, now) : []
    const isBack = turn !== undefined && isReturn(turn, travel, now)
    return [
      [
        field,
        {
          from,
          value: fingerprint(value),
          before: fingerprint(before),
          at: now,
          returns: isBack ? [...returns, now] : returns,
        },
      ],
    ]
  })
  return Object.fromEntries([...kept, ...made])
}

function isReturn(turn: Turn, { from, value }: Travel, now: number): boolean {
  return turn.from !== from && turn.before === fingerprint(value) && isLately(turn.at, now)
}

function recent({ returns }: Turn, now: number): number[] {
  return returns.filter((at) => isLately(at, now))
}

function isLately(at: number, now: number): boolean {
  return now - at < DAY_MS
}

const PLAIN_MAX = 32

/** Long texts are not kept twice. */
function fingerprint(value: FieldValue): string {
  const text = JSON.stringify(value)
  return text.length <= PLAIN_MAX ? text : createHash('sha256').update(text).digest('base64')
}

import type { DeriveRecordId, RecordType } from '../port.ts'
import { toJson } from './statement.ts'

/** Of the error by which a function asks for a record id: only the service can derive it. */
const NEEDED = 'SP001'
/** Generations that one call may ask for: each of them is a record that was deleted. */
const ASKED_MAX = 1_000

type RecordIds = Record<string, string>

interface Needed {
  recordType: RecordType
  canonicalKey: string
  generation: number
}

/** Runs a verb with the record ids that it turns out to need; whatever it did before it asked was undone. */
export async function withRecordIds<T>(
  derive: DeriveRecordId,
  first: Needed | undefined,
  run: (ids: string) => Promise<T>,
): Promise<T> {
  const ids: RecordIds = {}
  const add = ({ recordType, canonicalKey, generation }: Needed) => {
    ids[`${recordType}|${generation}|${canonicalKey}`] = derive(recordType, canonicalKey, generation)
  }
  if (first) add(first)
  for (let asked = 0; ; asked += 1) {
    try {
      return await run(toJson(ids))
    } catch (error) {
      const needed = asked < ASKED_MAX ? neededBy(error) : undefined
      if (needed === undefined) throw error
      add(needed)
    }
  }
}

function neededBy(error: unknown): Needed | undefined {
  if (!(error instanceof Error) || !('code' in error) || error.code !== NEEDED) return undefined
  return 'detail' in error && typeof error.detail === 'string'
    ? (JSON.parse(error.detail) as Needed)
    : undefined
}

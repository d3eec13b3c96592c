import { adviceWhileWaiting, type FailureDetail, IN_PROGRESS } from '../errors.ts'
import { summaryOf } from '../person/problem.ts'
import type { ChunkCounts, ChunkPerson } from '../store/chunk-port.ts'
import type { Outcome, Waiting } from '../store/port.ts'

/** As the background sync writes them. */
const TYPES = { lead: 'Lead', contact: 'Contact' } as const

/**
 * The answer to a chunk. Shapes and limits as in Adobe's "Marketo Self-Service Flow Steps Service Provider
 * Interface" (flowCallBack): one item for each person, and no member that is null, which would clear nothing.
 * Names as in service-definition.ts. There is no error of the whole chunk: Marketo would ignore every person.
 */

/** Bytes of UTF-8 that Marketo keeps of a value; it would cut the rest, through a character if need be. */
const STRING_BYTES_MAX = 255
const TEXT_BYTES_MAX = 2_000

/** Collects the people of one chunk, page by page, into a text of as many parts. */
export class CallbackBody {
  readonly #parts: string[] = []
  readonly #munchkinId: string
  readonly #counts: Record<keyof ChunkCounts, number> = { created: 0, exists: 0, queued: 0, failed: 0 }

  constructor(munchkinId: string) {
    this.#munchkinId = munchkinId
  }

  add(people: readonly ChunkPerson[]): void {
    if (people.length === 0) return
    for (const { outcome } of people) this.#counts[outcome?.outcome ?? 'queued'] += 1
    const items = people.map((person) => JSON.stringify(toItem(person)))
    this.#parts.push(items.join(','))
  }

  get counts(): ChunkCounts {
    return this.#counts
  }

  /** Together they are the bytes. */
  get parts(): readonly string[] {
    const [first = '', ...others] = this.#parts
    const parts = [`{"munchkinId":${JSON.stringify(this.#munchkinId)},"objectData":[${first}`, ...others]
    return parts.map((part, index) => `${part}${index < parts.length - 1 ? ',' : ']}'}`)
  }
}

type Reason = Pick<Partial<FailureDetail>, 'code' | 'advice'>

/**
 * Who is still queued is no failure: nothing is to be mended, and the person ends as a record or as a recorded
 * failure. So `success` is true and `outcome` tells the difference.
 */
function toItem({ marketoId: id, outcome, waiting }: ChunkPerson) {
  const { recordType, recordId } = outcome ?? {}
  const { code, advice } = outcome ? reasonOf(outcome) : reasonToWait(waiting ?? IN_PROGRESS)
  const failed = outcome?.outcome === 'failed'
  return {
    leadData: {
      id,
      ...(recordType && recordId && { microsoftRecordId: recordId, microsoftType: TYPES[recordType] }),
    },
    activityData: {
      success: !failed,
      ...(failed && advice !== undefined && { reason: cut(advice, STRING_BYTES_MAX) }),
      ...(failed && code !== undefined && { errorCode: cut(code, STRING_BYTES_MAX) }),
      outcome: outcome?.outcome ?? 'queued',
      ...(recordType && recordId && { recordType, recordId }),
      ...(code !== undefined && { code: cut(code, STRING_BYTES_MAX) }),
      ...(advice !== undefined && { advice: cut(advice, TEXT_BYTES_MAX) }),
    },
  }
}

function reasonToWait(waiting: FailureDetail | Waiting): Reason {
  return { code: waiting.code, advice: adviceWhileWaiting(waiting) }
}

/** Fields that were left out of the record have no place of their own in the installed step. */
function reasonOf(outcome: Outcome): Reason {
  const reason: Partial<FailureDetail> =
    outcome.code === undefined ? (summaryOf(outcome.warnings) ?? {}) : outcome
  const { code } = reason
  const advice = adviceOf(reason)
  return { ...(code !== undefined && { code }), ...(advice !== undefined && { advice }) }
}

/** Marketo shows no field of its own for the column at fault. */
function adviceOf({ advice, field }: Pick<Outcome, 'advice' | 'field'>): string | undefined {
  return advice === undefined || field === undefined ? advice : `${field}: ${advice}`
}

/** At most `bytesMax` bytes of UTF-8, whole characters only. */
export function cut(text: string, bytesMax: number): string {
  // A character has at most three bytes for each of its UTF-16 units.
  if (text.length * 3 <= bytesMax) return text
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytesMax))
  return text.slice(0, read)
}

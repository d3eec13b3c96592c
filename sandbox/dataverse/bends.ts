import type { Arrival, BendOf } from '../bends.ts'
import type { ThrottleCode } from './errors.ts'
import { isBatch, parseQuery } from './request.ts'
import { isTracked } from './track.ts'

export type BendHow =
  | { kind: 'fail-before-commit'; status?: number; retryAfter?: string }
  | { kind: 'reset-before-commit' }
  | { kind: 'reset-after-commit' }
  /** `clean`: the chunked body ends properly, half way through the JSON; else the connection dies in it. */
  | { kind: 'cut-body-after-commit'; ending?: 'clean' | 'abrupt' }
  | { kind: 'hang-after-commit' }
  | { kind: 'hang-before-commit' }
  /** One byte of the body per gap. */
  | { kind: 'drip-after-commit'; gapMs: number }
  | { kind: 'html-502-after-commit' }
  | { kind: 'html-502-before-commit' }
  /** The client is cut off (or told 504) at once; the write is tried `afterMs` later and may find its id taken. */
  | { kind: 'commit-late'; afterMs: number; answer?: 'reset' | '504' }
  /** `retryAfter`: seconds or an HTTP date. */
  | { kind: 'throttle'; code: ThrottleCode; retryAfter: string }
  | { kind: 'unauthorized' }
  | { kind: 'deadlock' }
  | { kind: 'error'; status: number; code: string; message: string }
  | BatchBend
  | PageBend

type BatchBend =
  /** Part `at` (0 is the first) is refused and not carried out. */
  | { kind: 'fail-part'; at: number; status: number; code: string; message?: string; retryAfter?: string }
  /** The first `after` parts are carried out, then the connection dies. */
  | { kind: 'reset-mid-batch'; after: number }

/** What goes wrong with a page of rows, of changes above all. */
export type PageBend =
  /** A page for humans where JSON is due, and 200. */
  | { kind: 'html-200' }
  /** nextLink and deltaLink lead to another origin. */
  | { kind: 'foreign-link'; origin: string }
  /** nextLink leads to the same page, which goes on properly the second time. */
  | { kind: 'repeat-page' }
  /** The page after this one comes first, then this one, then the rest. */
  | { kind: 'swap-pages' }
  /** Tombstones first, newest first. */
  | { kind: 'reverse-rows' }
  /** An item of the page (the first one unless `at` says otherwise) loses members and gets others. */
  | { kind: 'spoil-row'; at?: number; set?: Readonly<Record<string, unknown>>; unset?: readonly string[] }

/** `changes`: a read with change tracking, by its preference or its token; it is no `read`. */
export const OPERATIONS = ['create', 'update', 'delete', 'batch', 'read', 'changes', 'metadata'] as const
export type Operation = (typeof OPERATIONS)[number]

export type Bend = BendOf<Operation, BendHow>

export function operationOf({ method, path, prefer = '' }: Arrival): Operation | undefined {
  const [resource = '', search = ''] = path.replace(/^\/api\/data\/v9\.[0-2]\//, '').split('?')
  if (isBatch(resource)) return 'batch'
  if (resource.startsWith('EntityDefinitions')) return 'metadata'
  if (method === 'PATCH') return 'update'
  if (method === 'DELETE') return 'delete'
  if (method === 'POST') return /^[a-z]\w*$/.test(resource) ? 'create' : undefined
  if (method !== 'GET') return undefined
  return isTracked(parseQuery(search), prefer) ? 'changes' : 'read'
}

import type { Arrival, BendOf } from '../bends.ts'
import type { ThrottleCode } from './errors.ts'
import { isBatch } from './request.ts'

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

export type Operation = 'create' | 'batch' | 'read' | 'metadata'

export type Bend = BendOf<Operation, BendHow>

export function operationOf({ method, path }: Arrival): Operation | undefined {
  const [resource = ''] = path.replace(/^\/api\/data\/v9\.[0-2]\//, '').split('?')
  if (isBatch(resource)) return 'batch'
  if (resource.startsWith('EntityDefinitions')) return 'metadata'
  if (method === 'GET') return 'read'
  return method === 'POST' && /^\w+$/.test(resource) ? 'create' : undefined
}

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

/** Applies to exactly one matching future reply. What is not said matches everything. */
export interface Bend {
  method?: string
  /** A string is the source of a regular expression; it is tried on the path with its query. */
  path?: RegExp | string
  operation?: 'create' | 'batch' | 'read' | 'metadata'
  how: BendHow
}

export interface Arrival {
  method: string
  /** With the query. */
  path: string
}

export class Bends {
  readonly #waiting: Bend[] = []

  add(bend: Bend): void {
    this.#waiting.push(bend)
  }

  /** Takes the first one that matches. */
  take(arrival: Arrival): BendHow | undefined {
    const at = this.#waiting.findIndex((bend) => matches(bend, arrival))
    return at < 0 ? undefined : this.#waiting.splice(at, 1)[0]?.how
  }

  clear(): void {
    this.#waiting.length = 0
  }
}

function matches(bend: Bend, arrival: Arrival): boolean {
  if (bend.method !== undefined && bend.method.toUpperCase() !== arrival.method) return false
  if (bend.path !== undefined && !new RegExp(bend.path).test(arrival.path)) return false
  return bend.operation === undefined || bend.operation === operationOf(arrival)
}

function operationOf({ method, path }: Arrival): Bend['operation'] {
  const [resource = ''] = path.replace(/^\/api\/data\/v9\.[0-2]\//, '').split('?')
  if (isBatch(resource)) return 'batch'
  if (resource.startsWith('EntityDefinitions')) return 'metadata'
  if (method === 'GET') return 'read'
  return method === 'POST' && /^\w+$/.test(resource) ? 'create' : undefined
}

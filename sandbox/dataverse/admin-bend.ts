import { list, number, optional, record, text } from './admin-input.ts'
import { type Bend, type BendHow, OPERATIONS } from './bends.ts'

/** A bend as it comes over HTTP; throws a sentence for what cannot be one. */
export function toBend({ method, path, operation, how }: Record<string, unknown>): Bend {
  const known = OPERATIONS.find((name) => name === operation)
  if (operation !== undefined && !known) throw new Error(`operation is one of ${OPERATIONS.join(', ')}`)
  if (path !== undefined) new RegExp(String(path))
  return {
    how: toHow(record(how)),
    ...(method === undefined ? {} : { method: String(method) }),
    ...(path === undefined ? {} : { path: String(path) }),
    ...(known ? { operation: known } : {}),
  }
}

const SIMPLE = [
  'reset-before-commit',
  'reset-after-commit',
  'hang-before-commit',
  'hang-after-commit',
  'html-502-before-commit',
  'html-502-after-commit',
  'unauthorized',
  'deadlock',
  'html-200',
  'repeat-page',
  'swap-pages',
  'reverse-rows',
] as const
const THROTTLES = ['0x80072321', '0x80072322', '0x80072326'] as const

function toHow(how: Record<string, unknown>): BendHow {
  const simple = SIMPLE.find((kind) => kind === how.kind)
  if (simple) return { kind: simple }
  switch (how.kind) {
    case 'fail-before-commit':
      return { kind: how.kind, ...optional(how, 'status', number), ...optional(how, 'retryAfter', text) }
    case 'cut-body-after-commit':
      return { kind: how.kind, ending: how.ending === 'clean' ? 'clean' : 'abrupt' }
    case 'drip-after-commit':
      return { kind: how.kind, gapMs: Number(how.gapMs ?? 1000) }
    case 'commit-late':
      return {
        kind: how.kind,
        afterMs: Number(how.afterMs ?? 1000),
        answer: how.answer === '504' ? '504' : 'reset',
      }
    case 'throttle': {
      const code = THROTTLES.find((known) => known === how.code)
      if (!code) throw new Error(`code is one of ${THROTTLES.join(', ')}`)
      return { kind: how.kind, code, retryAfter: String(how.retryAfter ?? '1') }
    }
    case 'error':
      return { kind: how.kind, status: number(how.status), code: text(how.code), message: text(how.message) }
    default:
      return toRowHow(how)
  }
}

function toRowHow(how: Record<string, unknown>): BendHow {
  switch (how.kind) {
    case 'fail-part':
      return {
        kind: how.kind,
        at: number(how.at),
        status: number(how.status),
        code: text(how.code),
        ...optional(how, 'message', text),
        ...optional(how, 'retryAfter', text),
      }
    case 'reset-mid-batch':
      return { kind: how.kind, after: number(how.after) }
    case 'foreign-link':
      return { kind: how.kind, origin: new URL(text(how.origin)).origin }
    case 'spoil-row':
      return {
        kind: how.kind,
        ...optional(how, 'at', number),
        ...optional(how, 'set', record),
        ...optional(how, 'unset', (names) => list(names).map(text)),
      }
    default:
      throw new Error(`no such bend: ${String(how.kind)}`)
  }
}

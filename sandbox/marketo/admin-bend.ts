import { type Members, oneOf, present, record, text, wholeNumber } from './admin-input.ts'
import { type Bend, type BendHow, COMMITS, type Committing, OPERATIONS } from './bends.ts'

export function toBend(members: Members): Bend {
  if (members.path !== undefined) new RegExp(text(members.path, 'path'))
  return {
    how: toHow(record(members.how)),
    ...present<{ method: string; path: string; operation: NonNullable<Bend['operation']> }>(members, {
      method: (value) => text(value, 'method'),
      path: (value) => text(value, 'path'),
      operation: (value) => oneOf(OPERATIONS, value, 'operation'),
    }),
  }
}

const SILENT = ['reset', 'hang'] as const
const SIMPLE = ['omit-nulls', 'empty-result', 'no-result'] as const

function toHow(how: Members): BendHow {
  const simple = SIMPLE.find((kind) => kind === how.kind)
  if (simple) return { kind: simple }
  const silent = SILENT.find((kind) => kind === how.kind)
  if (silent) return { kind: silent, ...toCommitting(how) }
  switch (how.kind) {
    case 'error':
      return {
        kind: how.kind,
        code: text(how.code, 'code'),
        ...toCommitting(how),
        ...present<{ message: string }>(how, { message: (value) => text(value, 'message') }),
      }
    case 'status':
      return {
        kind: how.kind,
        status: wholeNumber(how.status, 'status'),
        ...toCommitting(how),
        ...present<{ body: string; retryAfter: string }>(how, {
          body: (value) => text(value, 'body'),
          retryAfter: (value) => text(value, 'retryAfter'),
        }),
      }
    case 'html':
      return { kind: how.kind, status: wholeNumber(how.status ?? 502, 'status'), ...toCommitting(how) }
    case 'body':
      return { kind: how.kind, body: text(how.body, 'body') }
    case 'cut':
      return { kind: how.kind, ending: oneOf(['clean', 'abrupt'], how.ending ?? 'abrupt', 'ending') }
    case 'drip':
      return { kind: how.kind, gapMs: wholeNumber(how.gapMs ?? 1000, 'gapMs') }
    case 'delay':
      return { kind: how.kind, ms: wholeNumber(how.ms ?? 1000, 'ms') }
    default:
      throw new Error(`no such bend: ${String(how.kind)}`)
  }
}

function toCommitting(how: Members): Committing {
  return present<Required<Committing>>(how, {
    commit: (value) => oneOf(COMMITS, value, 'commit'),
    afterMs: (value) => wholeNumber(value, 'afterMs'),
  })
}

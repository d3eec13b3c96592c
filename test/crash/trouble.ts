import type { Bend, DataverseSandbox } from '../../sandbox/index.ts'
import type { Draw } from './draw.ts'

/** Adds one bend for a coming call to Dynamics: mostly writes whose answer is lost. */
export function bendSomething(dataverse: DataverseSandbox, draw: Draw): void {
  const unknown = draw.one<() => Bend['how']>([
    () => ({ kind: 'reset-after-commit' }),
    () => ({ kind: 'hang-after-commit' }),
    () => ({ kind: 'commit-late', afterMs: draw.between(50, 1_000), answer: draw.one(['reset', '504']) }),
    () => ({ kind: 'cut-body-after-commit', ending: draw.one(['clean', 'abrupt']) }),
    () => ({ kind: 'html-502-after-commit' }),
    () => ({ kind: 'html-502-before-commit' }),
    () => ({ kind: 'reset-before-commit' }),
    () => ({ kind: 'fail-before-commit' }),
  ])
  dataverse.bend({ operation: draw.chance(0.7) ? 'create' : 'batch', how: unknown() })
}

import type { Bend, Sandbox } from '../../../sandbox/index.ts'
import type { Draw } from '../draw.ts'

type MarketoBend = Parameters<Sandbox['marketo']['bend']>[0]

/** How long after its reply was lost a write may still be carried out. */
const LATE_MS_MAX = 1_000
const LATE_LOG_MS_MAX = 2_000

/** Adds one bend for a coming call: mostly writes whose answer is lost, on either side. */
export function bendSomething({ dataverse, marketo }: Sandbox, draw: Draw): void {
  draw.one([
    () => dataverse.bend({ operation: 'batch', how: lostByDynamics(draw) }),
    () => marketo.bend({ operation: 'sync', how: lostByMarketo(draw) }),
    () =>
      dataverse.bend({
        operation: draw.one<'changes' | 'batch' | 'create'>(['changes', 'batch', 'create']),
        how: draw.one<Bend['how']>([
          { kind: 'throttle', code: '0x80072322', retryAfter: '1' },
          { kind: 'reset-before-commit' },
          { kind: 'fail-before-commit' },
        ]),
      }),
    () =>
      marketo.bend({
        operation: draw.one<'lead-changes' | 'leads' | 'sync'>(['lead-changes', 'leads', 'sync']),
        how: draw.one<MarketoBend['how']>([
          { kind: 'error', code: '606' },
          { kind: 'delay', ms: 200 },
        ]),
      }),
    () => marketo.delayActivities(draw.between(100, LATE_LOG_MS_MAX), draw.between(1, 5)),
  ])()
}

function lostByDynamics(draw: Draw): Bend['how'] {
  return draw.one<Bend['how']>([
    { kind: 'reset-after-commit' },
    { kind: 'cut-body-after-commit', ending: draw.one(['clean', 'abrupt']) },
    { kind: 'commit-late', afterMs: draw.between(50, LATE_MS_MAX), answer: draw.one(['reset', '504']) },
    { kind: 'reset-mid-batch', after: draw.between(0, 3) },
    { kind: 'hang-after-commit' },
    { kind: 'html-502-before-commit' },
  ])
}

function lostByMarketo(draw: Draw): MarketoBend['how'] {
  const afterMs = draw.between(50, LATE_MS_MAX)
  return draw.one<MarketoBend['how']>([
    { kind: 'reset', commit: 'late', afterMs },
    { kind: 'reset', commit: draw.one<'first' | 'never'>(['first', 'never']) },
    { kind: 'hang', commit: 'first' },
    { kind: 'html', commit: 'late', afterMs },
    { kind: 'cut', ending: draw.one(['clean', 'abrupt']) },
    { kind: 'delay', ms: draw.between(50, 400) },
  ])
}

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { CallContext } from '../../src/abort.ts'
import type { Limiter } from '../../src/marketo/limiter.ts'
import type { MarketoSettings } from '../../src/marketo/settings.ts'
import { manualClock } from '../dataverse/manual-clock.ts'
import { withoutPostgres } from '../postgres/cluster.ts'
import { openReplicas, quiet, type Replica } from './rig.ts'

const open = new AbortController().signal
const SLICE_MS = 100
const small: Partial<MarketoSettings> = {
  windowCallsMax: 8,
  reservedWindowCalls: 3,
  windowMs: 4_000,
  concurrencyMax: 4,
  reservedConcurrency: 1,
  queueMax: 500,
  queueWaitMaxMs: 60_000,
}

const replica = fc.nat(2)
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('ask' as const), replica }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('ask behind' as const), replica }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('release' as const), replica }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('slow answer' as const), replica }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('ask twice' as const), replica }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), slices: fc.nat(12) }) },
  ),
  { minLength: 40, maxLength: 80 },
)

class World {
  readonly time: ReturnType<typeof manualClock>
  readonly replicas: readonly Replica[]
  readonly limiters: Limiter[]
  readonly starts: { atMs: number; behind: boolean }[] = []

  constructor(time: ReturnType<typeof manualClock>, replicas: readonly Replica[]) {
    this.time = time
    this.replicas = replicas
    this.limiters = replicas.map((one) => one.marketo(small))
  }

  get inFlight(): number {
    return this.limiters.reduce((sum, { inFlight }) => sum + inFlight, 0)
  }

  ask(index: number, lane: CallContext['lane']): void {
    const call = { signal: open, ...(lane && { lane }) }
    const started = () => this.starts.push({ atMs: this.time.clock.now(), behind: lane !== undefined })
    this.limiters[index]?.admit(call).then(started, () => undefined)
  }

  async wait(slices: number): Promise<void> {
    for (let slice = 0; slice < slices; slice += 1) {
      await this.time.advance(SLICE_MS)
      await quiet(this.replicas)
      this.judge()
    }
  }

  judge(): void {
    const now = this.time.clock.now()
    const recent = this.starts.filter(({ atMs }) => atMs > now - 4_000)
    const behind = recent.filter((start) => start.behind)
    assert(recent.length <= 8, `${recent.length} starts in a window`)
    assert(behind.length <= 5, `${behind.length} starts of the background in a window`)
    assert(this.inFlight <= 4, `${this.inFlight} calls at a time`)
  }
}

describe('three replicas with one budget', { skip: withoutPostgres, timeout: 120_000 }, () => {
  it('keep to it together, whatever comes when', async () => {
    const time = manualClock()
    await using all = await openReplicas(3, time.clock)
    await fc.assert(
      fc.asyncProperty(steps, async (taken) => {
        all.refresh()
        const world = new World(time, all.replicas)
        for (const step of taken) {
          if (step.kind === 'wait') {
            await world.wait(step.slices)
            continue
          }
          const wire = all.replicas[step.replica]?.wire
          const limiter = world.limiters[step.replica]
          if (!wire || !limiter) continue
          if (step.kind === 'release' && limiter.inFlight > 0) limiter.release()
          if (step.kind === 'ask') world.ask(step.replica, undefined)
          if (step.kind === 'ask behind') world.ask(step.replica, 'background')
          if (step.kind === 'ask twice') {
            wire.twice = true
            world.ask(step.replica, undefined)
          }
          if (step.kind === 'slow answer') {
            await all.replicas[step.replica]?.answerLate(async () => {
              world.ask(step.replica, undefined)
              await quiet(all.replicas)
              await world.wait(12)
            })
          }
          await quiet(all.replicas)
          world.judge()
          wire.twice = false
        }
        // Everybody is served in the end.
        for (let round = 0; round < 400 && world.limiters.some(({ queued }) => queued > 0); round += 1) {
          for (const limiter of world.limiters) if (limiter.inFlight > 0) limiter.release()
          await world.wait(2)
        }
        assert(
          world.limiters.every(({ queued }) => queued === 0),
          'somebody waits for ever',
        )
        for (const limiter of world.limiters) while (limiter.inFlight > 0) limiter.release()
      }),
      { numRuns: 8, endOnFailure: true },
    )
  })
})

import type { Mutant } from './mutant.ts'

/** Calling: never more than both vendors and the flow action bear. */
export const calling: readonly Mutant[] = [
  {
    name: 'lanes of Dynamics',
    why: 'the background takes every slot, and campaigns wait behind it',
    file: 'src/dataverse/limiter.ts',
    text: 'return inFlight < Math.max(1, concurrency - reserve)',
    replacement: 'return inFlight < concurrency',
    tests: ['test/dataverse/limiter.test.ts'],
  },
  {
    name: 'lanes of Marketo',
    why: 'the background uses up what campaigns need',
    file: 'src/marketo/limiter.ts',
    text: 'if (lane === undefined) return { windowCallsMax',
    replacement: 'if (true) return { windowCallsMax',
    tests: ['test/marketo/lanes.test.ts'],
  },
  {
    name: 'first come in the other lane',
    why: 'a campaign waits behind the backlog',
    file: 'src/limits/waiting-line.ts',
    text: "return this.lengthOf(undefined) > 0 ? undefined : 'background'",
    replacement: 'return this.#waiters[0]?.lane',
    tests: ['test/dataverse/limiter.test.ts', 'test/marketo/lanes.test.ts'],
  },
  {
    name: 'window of calls',
    why: 'Marketo refuses everybody with 606',
    file: 'src/marketo/limiter.ts',
    text: 'return Math.max(nowMs, budget.pausedUntilMs, windowFreeAtMs, dayIsUsed ? endsAtMs : nowMs)',
    replacement: 'return Math.max(nowMs, budget.pausedUntilMs, dayIsUsed ? endsAtMs : nowMs)',
    tests: ['test/marketo/budget.test.ts'],
  },
  {
    name: 'calls of a day',
    why: "other integrations' calls are used up",
    file: 'src/marketo/limiter.ts',
    text: 'const dayIsUsed = nowMs < endsAtMs && calls + ahead >= share.dailyCallsMax',
    replacement: 'const dayIsUsed = false',
    tests: ['test/marketo/budget.test.ts'],
  },
  {
    name: 'calls at a time',
    why: 'Marketo refuses with 615',
    file: 'src/marketo/limiter.ts',
    text: 'return inFlight >= Math.max(1, concurrency - share.reservedConcurrency)',
    replacement: 'return false',
    tests: ['test/marketo/limiter.test.ts'],
  },
  {
    name: 'no call inside a Retry-After',
    why: 'Dynamics makes the wait longer each time',
    file: 'src/dataverse/limiter.ts',
    text: '(now < this.pace.pausedUntilMs ? this.#paused(now) : undefined)',
    replacement: 'undefined',
    tests: ['test/dataverse/limiter.test.ts'],
  },
  {
    name: 'the longest Retry-After holds',
    why: 'a shorter one that comes later ends the wait',
    file: 'src/dataverse/limiter.ts',
    text: 'pausedUntilMs: Math.max(pace.pausedUntilMs, nowMs + retryAfterMs)',
    replacement: 'pausedUntilMs: nowMs + retryAfterMs',
    tests: ['test/dataverse/pace.test.ts'],
  },
]

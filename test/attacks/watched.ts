import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import packageJson from '../../package.json' with { type: 'json' }
import { type ChildService, startChild } from '../child-service.ts'

const LOOP_WATCH = fileURLToPath(new URL('loop-watch.ts', import.meta.url))
const LOOK_MS = 20
const POLL_MS = 10
const WITHIN_MS = 30_000

/** The flags of `npm start`, which the figures of memory depend on. */
const FLAGS = packageJson.scripts.start.split(' ').filter((word) => /^--(?:max|heap|initial)/.test(word))

export interface Cost {
  /** Resident memory above what it was before. */
  grownMb: number
  /** Longest time that the event loop was held, in processor time. */
  heldMs: number
  /** The same by the clock: on a busy machine this says little. */
  lateMs: number
}

/** The service as a process of its own, whose memory and event loop are watched. */
export async function startWatched(environment: Record<string, string>) {
  const child = startChild(environment, [], [...FLAGS, '--import', LOOP_WATCH])
  return {
    url: await child.url,
    log: child.log,
    residentMb: () => residentMb(child),
    /** What `work` cost. */
    async costOf(work: () => Promise<void>): Promise<Cost> {
      await loopHeld(child)
      const beforeMb = await residentMb(child)
      let peakMb = beforeMb
      const over = new AbortController()
      const watching = (async () => {
        while (!over.signal.aborted) {
          peakMb = Math.max(peakMb, await residentMb(child))
          await delay(LOOK_MS)
        }
      })()
      try {
        await work()
      } finally {
        over.abort()
        await watching
      }
      return { grownMb: peakMb - beforeMb, ...(await loopHeld(child)) }
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  }
}

/** 0 where the system does not tell. */
async function residentMb({ pid }: ChildService): Promise<number> {
  if (process.platform !== 'linux') return 0
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024
}

/** Since it was asked last. */
async function loopHeld({ pid, log }: ChildService): Promise<Pick<Cost, 'heldMs' | 'lateMs'>> {
  assert(pid !== undefined)
  const from = log.length
  process.kill(pid, 'SIGUSR2')
  for (const end = performance.now() + WITHIN_MS; performance.now() < end; await delay(POLL_MS)) {
    for (const line of log.slice(from)) {
      const entry = JSON.parse(line) as { event?: string; heldMs: number; lateMs: number }
      if (entry.event === 'loop-held') return { heldMs: entry.heldMs, lateMs: entry.lateMs }
    }
  }
  throw new Error('the service does not answer SIGUSR2')
}

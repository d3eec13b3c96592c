import { isDeepStrictEqual } from 'node:util'
import { openPlayground } from './playground.ts'
import { campaigns } from './tour/campaign.ts'
import { Stage } from './tour/stage.ts'
import type { Played, Step } from './tour/step.ts'
import { everyday } from './tour/steps.ts'
import { bothSides } from './tour/sync.ts'
import { header, note, row } from './tour/table.ts'
import { trouble } from './tour/trouble.ts'

export const TOUR: readonly Step[] = [...everyday, ...bothSides, ...campaigns, ...trouble]

const TOUR_MAX_MS = 90_000
const SETTINGS = {
  /** Refusals and lost answers are the tour's own doing; warnings about them would only hide the table. */
  LOG_LEVEL: 'error',
  /** No longer than the Retry-After that the tour has Dynamics ask for, so that its caller is told queued. */
  REST_DEADLINE_MS: '2000',
  RECOVERY_INTERVAL_SECONDS: '1',
  /** Cycles begin when a step says so, so that the calls of a step are its own. */
  SYNC_INTERVAL_SECONDS: '86400',
  SHUTDOWN_GRACE_MS: '2000',
}

export interface TourOptions {
  /** Absent: TOUR. */
  steps?: readonly Step[]
  /** The first port to try for the service; absent: 8080. */
  port?: number
  write: (text: string) => void
  /** Ends the tour; what was not played has not held. */
  signal: AbortSignal
}

/** Plays the steps against a fresh service and sandbox and writes a table. Resolves to the exit code: 0 = all held. */
export async function runTour({ steps = TOUR, write, signal, ...place }: TourOptions): Promise<0 | 1> {
  const startedAt = performance.now()
  const limited = AbortSignal.any([signal, AbortSignal.timeout(TOUR_MAX_MS)])
  await using playground = await openPlayground({ ...place, settings: SETTINGS, signal: limited })
  const stage = new Stage(playground, limited)
  await stage.firstCycle()
  const notes: string[] = []
  let held = 0
  write(`\n${header()}`)
  for (const [index, step] of steps.entries()) {
    const number = String(index + 1)
    const { answer, leads, told, broken } = await play(step, stage)
    write(row([number, step.title, step.asked, answer, String(leads), broken.length === 0 ? 'yes' : 'NO']))
    if (broken.length === 0) held += 1
    if (told !== undefined) notes.push(note(number, `Answer: ${told}`))
    notes.push(...broken.map((sentence) => note(number, `NOT HELD: ${sentence}`)))
  }
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
  write(`\n${notes.join('')}\n${held} of ${steps.length} held, by the sandbox's own log, in ${seconds} s.\n`)
  return held === steps.length ? 0 : 1
}

interface Verdict {
  answer: string
  leads: number
  told?: string
  /** A sentence for each promise that was not kept. */
  broken: readonly string[]
}

async function play(step: Step, stage: Stage): Promise<Verdict> {
  let played: Played
  try {
    played = await step.play(stage)
  } catch (error) {
    const broken = [error instanceof Error ? error.message : String(error)]
    return { answer: '-', leads: stage.leadsOf(step.email).length, broken }
  }
  const { answer, promises = [], told } = played
  const leads = stage.leadsOf(step.email).length
  const all = [
    ['answer', answer, step.answer] as const,
    ['leads of the person', leads, step.leads] as const,
    ...promises,
  ]
  const broken = all
    .filter(([, seen, promised]) => !isDeepStrictEqual(seen, promised))
    .map(([what, seen, promised]) => `${what}: ${show(seen)} instead of ${show(promised)}`)
  return { answer, leads, broken, ...(told !== undefined && { told }) }
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing')
}

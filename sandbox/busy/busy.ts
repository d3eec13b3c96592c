import { setTimeout as delay } from 'node:timers/promises'
import { API_KEY, openPlayground, type Playground } from '../playground.ts'
import { webhookOf, welcome } from '../print.ts'
import { seededChance } from './chance.ts'
import { Life } from './life.ts'

const DEED_EVERY_MS = 1_000
const LINE_EVERY_SECONDS = 10
const SETTINGS = { LOG_LEVEL: 'warn', SYNC_INTERVAL_SECONDS: '5' }

export interface BusyOptions {
  /** The same seed draws the same deeds. */
  seed: number
  /** Absent: until the signal. */
  forSeconds?: number
  dataDirectory?: string
  /** The first port to try for the service; absent: 8080. */
  port?: number
  write: (text: string) => void
  signal: AbortSignal
}

/** Serves while both sides are at work. Rejects when the service stops by itself. */
export async function runBusy({ seed, forSeconds, write, signal, ...place }: BusyOptions): Promise<void> {
  try {
    await using playground = await openPlayground({
      ...place,
      settings: SETTINGS,
      signal,
    })
    const { sandbox, service } = playground
    write(welcome(sandbox, service.url, API_KEY, playground.dataDirectory))
    write(`People work on both sides, with seed ${seed}:\n\n`)
    const stopped = service.ended.then((code) => {
      throw new Error(`the service stopped with exit code ${code}`)
    })
    await Promise.race([
      live(playground, { seed, write, signal, ...(forSeconds !== undefined && { forSeconds }) }),
      stopped,
    ])
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

async function live(playground: Playground, { seed, forSeconds, write, signal }: BusyOptions): Promise<void> {
  const { dataverse, marketo } = playground.sandbox
  const calls = new Set<Promise<boolean>>()
  const campaign = (personId: number) => {
    const call = marketo.callWebhook(webhookOf(personId, playground.service.url, API_KEY))
    // What is still on its way when everything stops is cut off.
    const ended: Promise<boolean> = call.then(
      () => calls.delete(ended),
      () => calls.delete(ended),
    )
    calls.add(ended)
  }
  const life = new Life({ dataverse, marketo, chance: seededChance(seed), campaign })
  for (const person of marketo.people()) campaign(Number(person.id))
  for (let second = 1; forSeconds === undefined || second <= forSeconds; second += 1) {
    await delay(DEED_EVERY_MS, undefined, { signal })
    life.goOn()
    if (second % LINE_EVERY_SECONDS === 0 || second === forSeconds) write(life.line(second))
  }
  await Promise.all(calls)
}

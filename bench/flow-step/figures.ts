import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../sandbox/launch.ts'
import { atMost, exactly, type Figure, peakResidentMb, quantile, told } from '../figures.ts'
import type { Load, LoadRequest, LoadResult } from '../load.ts'
import { Helper, startService } from '../processes.ts'
import type { Ran } from './campaign.ts'
import type { Task } from './vendors.ts'

export interface Sizes {
  /** People of one chunk. */
  people: number
  webhooks: number
}

export const FULL: Sizes = { people: 10_000, webhooks: 60 }
export const QUICK: Sizes = { people: 2_000, webhooks: 12 }

export const REPLY_DELAY_MS = 50
const API_KEY = 'bench-key-0123456789-0123456789-0123456'
const PORTS_FROM = 23_400
const CALLS_PER_PERSON_MAX = 0.04
const MEMORY_MB = 256
const ACCEPTED_SECONDS = 1
const INTERRUPTED_SECONDS = 2
const TRIGGER_EVERY_MS = 200
const WEBHOOKS_PER_SECOND = 5

/** The numbers of the flow step: the service as it runs in production, all vendors in another process. */
export async function flowStepFigures(sizes: Sizes, say: (what: string) => void): Promise<Figure[]> {
  await using open = new AsyncDisposableStack()
  const vendors = new Helper('./flow-step/vendors.ts', { argv: [String(REPLY_DELAY_MS)] })
  open.defer(() => vendors.stop())
  const environment = await vendors.hello<Record<string, string>>()
  const directory = await mkdtemp(join(tmpdir(), 'sync-person-bench-'))
  open.defer(() => rm(directory, { recursive: true }))
  const service = await startService(await freePort('127.0.0.1', PORTS_FROM), {
    ...environment,
    API_KEYS: `bench:${API_KEY}`,
    DATA_DIR: directory,
    SYNC_INTERVAL_SECONDS: '0',
  })
  open.defer(() => service.stop())
  const load = new Helper('./load.ts', {})
  open.defer(() => load.stop())
  const tell = <T>(task: Task) => vendors.ask<T>(task)

  await tell({ task: 'install', serviceUrl: service.url, key: API_KEY })
  const { people } = sizes
  say(`flow step: a batch campaign of ${people} people`)
  const alone = await tell<Ran>({ task: 'campaign', name: 'alone', people })
  const first = memory('peak resident memory by then', service.pid)
  say('flow step: another one, and people from trigger campaigns meanwhile')
  const campaign = tell<Ran>({ task: 'campaign', name: 'busy', people, triggerEveryMs: TRIGGER_EVERY_MS })
  const webhooks = await load.ask<LoadResult>({
    ...{ urls: [service.url], path: '/webhooks/marketo/sync-person-to-microsoft', apiKey: API_KEY },
    ...{ requests: webhookCalls(sizes.webhooks), perSecond: WEBHOOKS_PER_SECOND },
  } satisfies Load)
  const busy = await campaign
  say(`webhooks: ${JSON.stringify(webhooks.outcomes)}`)
  const second = memory('peak resident memory after another one of as many', service.pid)
  return [...batch(people, alone), first, ...meanwhile(busy, webhooks), second]
}

function batch(people: number, ran: Ran): Figure[] {
  const name = `batch campaign of ${people}`
  return [
    atMost(`${name}, its 201`, ran.acceptedAfterMs / 1_000, ACCEPTED_SECONDS, 's'),
    told(`${name}, its callback`, `${(ran.answeredAfterMs / 1_000).toFixed(1)} s (${ran.callbacks} sent)`),
    atMost(`${name}, HTTP requests to Dynamics`, ran.calls, people * CALLS_PER_PERSON_MAX, 'calls'),
    exactly(`${name}, people with success`, ran.succeeded, people),
  ]
}

function memory(figure: string, pid: number): Figure {
  const peak = peakResidentMb(pid)
  return peak === undefined ? told(figure, 'no /proc here') : atMost(figure, peak, MEMORY_MB, 'MB')
}

function meanwhile(ran: Ran, { latenciesMs }: LoadResult): Figure[] {
  const longest = (figure: string, values: readonly number[]) =>
    atMost(
      `${figure} meanwhile, longest of ${values.length}`,
      Math.max(...values) / 1_000,
      INTERRUPTED_SECONDS,
      's',
      ` (median ${(quantile(values, 0.5) / 1_000).toFixed(2)} s)`,
    )
  return [
    longest('a trigger campaign of one person, to its callback,', ran.triggersMs),
    longest('a webhook', latenciesMs),
    exactly('leads beyond one for each e-mail', ran.duplicates, 0),
  ]
}

function webhookCalls(count: number): LoadRequest[] {
  return Array.from({ length: count }, (_, index) => ({
    body: JSON.stringify({
      email: `webhook.${index}@example.com`,
      firstName: 'Ann',
      lastName: `Ek ${index}`,
      company: 'Ek AB',
      campaignId: 2044,
      campaignName: 'Spring Fair',
    }),
  }))
}

import { setTimeout as delay } from 'node:timers/promises'
import type { Sandbox } from '../../sandbox/index.ts'

/** People whom nobody has seen, and whose batch campaign hands them over in one chunk. */
export interface Group {
  /** Keeps the groups apart. */
  name: string
  people: number
  /** So often a person from a trigger campaign comes in between, once the chunk is accepted; absent: nobody. */
  triggerEveryMs?: number
}

export interface Ran {
  /** From the call with the chunk to its 201. */
  acceptedAfterMs: number
  /** From the call with the chunk to the callback that Marketo took. */
  answeredAfterMs: number
  /** People of the callback with success. */
  succeeded: number
  callbacks: number
  /** HTTP requests to Dataverse meanwhile, those for the tables' definitions left out. */
  calls: number
  /** Leads in Dynamics beyond one for each e-mail. */
  duplicates: number
  /** From a trigger campaign's call to its callback, for each person of one. */
  triggersMs: number[]
}

const STEP = { attributes: { syncAs: 'lead' } }
const TRIGGERS_MAX = 200

export async function install(
  { marketo }: Sandbox,
  { serviceUrl, key }: { serviceUrl: string; key: string },
): Promise<null> {
  const { violations } = await marketo.flowSteps.install({
    url: `${serviceUrl}/flow-step/openapi.json`,
    credentials: { kind: 'apiKey', key },
  })
  if (violations.length > 0) throw new Error(`Marketo does not take the flow step: ${violations.join('; ')}`)
  return null
}

export async function campaign(sandbox: Sandbox, { name, people, triggerEveryMs }: Group): Promise<Ran> {
  const { dataverse, marketo } = sandbox
  const personIds = seed(sandbox, name, people)
  const interrupting = triggerEveryMs === undefined ? [] : seed(sandbox, `${name}-trigger`, TRIGGERS_MAX)
  const callsBefore = dataverse.calls.length
  const id = await marketo.flowSteps.run({ name, type: 'batch', personIds, chunkSize: people, ...STEP })
  const settled = marketo.flowSteps.settled(id)
  const [report, triggersMs] = await Promise.all([
    settled,
    interrupt(sandbox, interrupting, triggerEveryMs ?? 0, settled),
  ])
  const [chunk] = report.chunks
  const taken = chunk?.callbacks.find(({ accepted }) => accepted)
  if (!chunk || !taken?.complete) throw new Error(`the chunk was answered ${chunk?.status}, or not whole`)
  const emails = dataverse.rows('lead').map(({ emailaddress1 }) => emailaddress1)
  return {
    acceptedAfterMs: chunk.answeredAfterMs,
    answeredAfterMs: taken.at - report.startedAt,
    succeeded: chunk.tally?.succeeded ?? 0,
    callbacks: chunk.callbacks.length,
    calls: dataverse.calls.slice(callsBefore).filter(({ path }) => !path.includes('EntityDefinitions'))
      .length,
    duplicates: emails.length - new Set(emails).size,
    triggersMs,
  }
}

/** One person after the other goes through a trigger campaign until the batch campaign is over. */
async function interrupt(
  { marketo }: Sandbox,
  personIds: readonly number[],
  everyMs: number,
  over: Promise<unknown>,
): Promise<number[]> {
  const latenciesMs: number[] = []
  let isOver = false
  void over.finally(() => {
    isOver = true
  })
  for (const id of personIds) {
    await delay(everyMs)
    if (isOver) break
    const run = await marketo.flowSteps.run({ name: 'Form', type: 'trigger', personIds: [id], ...STEP })
    const { startedAt, chunks } = await marketo.flowSteps.settled(run)
    const taken = chunks[0]?.callbacks.find(({ accepted }) => accepted)
    latenciesMs.push((taken?.at ?? Number.NaN) - startedAt)
  }
  return latenciesMs
}

function seed({ marketo }: Sandbox, group: string, people: number): number[] {
  return Array.from({ length: people }, (_, index) =>
    marketo.seed({
      email: `${group}.${index}@example.com`,
      firstName: 'Ann',
      lastName: `Ek ${index}`,
      company: 'Ek AB',
      title: 'Head of Purchasing',
      phone: '+46 8 123 456 78',
    }),
  )
}

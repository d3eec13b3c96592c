import { setTimeout as delay } from 'node:timers/promises'
import type { Engine } from './engine.ts'
import type { CrashPerson } from './people.ts'
import type { Ending } from './verdict.ts'

const LOOK_EVERY_MS = 50

export interface AtRest {
  endings: ReadonlyMap<string, Ending>
  known: ReadonlySet<string>
}

/** Asks over HTTP until every request has an outcome, or until `deadline` (epoch ms): then as things stand. */
export async function comeToRest(
  engine: Engine,
  people: readonly CrashPerson[],
  deadline: number,
): Promise<AtRest> {
  const known = new Set<string>()
  const tags = new Map(engine.answers.map(({ requestId, tag }) => [requestId, tag]))
  const settled = async <T>(look: () => Promise<T>, isOpen: (seen: T) => boolean): Promise<T> => {
    for (;;) {
      const seen = await look()
      if (!isOpen(seen) || Date.now() >= deadline) return seen
      await delay(LOOK_EVERY_MS)
    }
  }

  for (const { tag, marketoIds } of people) {
    for (const marketoId of marketoIds) {
      const { state, requests } = await settled(
        () => readPerson(engine, marketoId),
        ({ state, failed }) => state === 'claimed' && !failed,
      )
      if (state !== undefined) known.add(tag)
      for (const requestId of requests) tags.set(requestId, tag)
    }
  }
  const endings = new Map<string, Ending>()
  for (const [requestId, tag] of tags) {
    const ending = await settled(
      () => engine.read(`/v1/requests/${requestId}`),
      (seen) => seen?.outcome === 'queued',
    )
    if (ending) endings.set(requestId, { tag, ...toEnding(ending) })
  }
  return { endings, known }
}

function toEnding({ outcome, recordId }: Record<string, unknown>): Omit<Ending, 'tag'> {
  return { outcome: String(outcome), ...(recordId !== undefined && { recordId: String(recordId) }) }
}

/** `requests`: all that their log names, also those whose answer nobody got. */
async function readPerson(engine: Engine, marketoId: number) {
  const person = await engine.read(`/v1/people/${marketoId}`)
  if (!person) return { state: undefined, failed: false, requests: [] }
  const page = await engine.read(`/v1/people/${marketoId}/activities?limit=300`)
  const activities = (page?.activities ?? []) as { requestId: string; outcome: string }[]
  return {
    state: person.state,
    failed: activities.some(({ outcome }) => outcome === 'failed'),
    requests: activities.map(({ requestId }) => requestId),
  }
}

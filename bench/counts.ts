import type { Bench } from './bench.ts'
import { atMost, exactly, type Figure, quantile } from './figures.ts'
import { newPeople } from './people.ts'
import type { ServiceProcess } from './processes.ts'

const PEOPLE = 100
const TWINS = 50
const REPLAYS = 200
const CONCURRENCY = 4
const REPLAYS_PER_SECOND = 100

/** What reaches Dynamics, counted there. */
export async function counts(bench: Bench, service: ServiceProcess): Promise<Figure[]> {
  bench.say('counting calls to Dynamics')
  const people = newPeople('counted', PEOPLE)
  const fresh = await bench.onService(service, people, { concurrency: CONCURRENCY })
  const linked = await bench.onService(service, people, { concurrency: CONCURRENCY })
  const twins = newPeople('twin', 1).flatMap((twin) => Array.from({ length: TWINS }, () => twin))
  const storm = await bench.onService(service, twins, { concurrency: TWINS })

  const doubtful = await bench.service(await bench.newDirectory(), { LINK_TRUST_SECONDS: '0' })
  const others = newPeople('asked', PEOPLE)
  await bench.onService(doubtful, others, { concurrency: CONCURRENCY })
  const asked = await bench.onService(doubtful, others, { concurrency: CONCURRENCY })

  const keyed = newPeople('keyed', REPLAYS).map((request, index) => ({ ...request, key: `replay-${index}` }))
  await bench.onService(service, keyed, { concurrency: CONCURRENCY })
  const replayed = await bench.onService(service, keyed, { perSecond: REPLAYS_PER_SECOND })
  return [
    exactly('calls per new person', fresh.calls / PEOPLE, 2),
    exactly('calls per linked person', linked.calls / PEOPLE, 0),
    exactly('calls per linked person, LINK_TRUST_SECONDS=0', asked.calls / PEOPLE, 1),
    exactly(`creates for ${TWINS} concurrent twins`, storm.creates, 1),
    atMost('replay, median', quantile(replayed.result.latenciesMs, 0.5), 5, 'ms'),
    exactly('calls of a replay', replayed.calls / REPLAYS, 0),
  ]
}

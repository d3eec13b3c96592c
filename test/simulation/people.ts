import type { Person, RecordType } from '../../src/person/person.ts'
import type { Scheduler } from './scheduler.ts'
import { REFUSED_NAME } from './vendor.ts'

export interface Trigger {
  who: number
  atMs: number
  person: Person
  recordType: RecordType
  batch: boolean
  key?: string
}

export interface SimulatedPerson {
  index: number
  /** What their record ids may be derived from; more than one where the first trigger may bring the id alone. */
  canonicalKeys: string[]
  email?: string
  refused: boolean
  /** Entered by sales before any campaign ran. */
  enteredByHand: boolean
  deletedAtMs?: number
  triggers: Trigger[]
}

export function emailOf(index: number): string {
  return `p${index}@sim.example`
}

/**
 * People of every kind: known by id and e-mail, by e-mail alone, by id alone although Marketo knows their e-mail,
 * by id alone since they have none, two ids with one e-mail,
 * some already in Dynamics, some that Dynamics refuses, some deleted there half-way.
 */
export function makePeople(scheduler: Scheduler, count: number, durationMs: number): SimulatedPerson[] {
  return Array.from({ length: count }, (_, index) => makePerson(scheduler, index, durationMs))
}

function makePerson(scheduler: Scheduler, index: number, durationMs: number): SimulatedPerson {
  const idOnly = scheduler.chance(0.1)
  const scattered = !idOnly && scheduler.chance(0.2)
  const shared = !idOnly && !scattered && scheduler.chance(0.1)
  const refused = scheduler.chance(0.03)
  const email = emailOf(index)
  const firstId = 2 * index + 1
  const lastName = refused ? REFUSED_NAME : `P${index}`
  const firstAt = scheduler.between(1, durationMs)
  const triggers = Array.from({ length: scheduler.between(1, 4) }, (_, number): Trigger => {
    const marketoId = shared && scheduler.chance(0.5) ? firstId + 1 : firstId
    const withId = idOnly || scheduler.chance(0.7)
    const withEmail = !idOnly && !(scattered && withId && scheduler.chance(0.5))
    const keyed = scheduler.chance(0.2)
    return {
      who: index,
      atMs: Math.min(durationMs, firstAt + delayOf(scheduler)),
      person: {
        ...(withId && { marketoId }),
        ...(withEmail && { email }),
        fields: { ...(withEmail && { email }), lastName },
      },
      recordType: scheduler.chance(0.2) ? 'contact' : 'lead',
      batch: scheduler.chance(0.1),
      ...(keyed && { key: `${index}-${number}` }),
    }
  })
  return {
    index,
    canonicalKeys: [
      ...(idOnly ? [] : [`email:${email}`]),
      ...(idOnly || scattered ? [`marketo:${firstId}`] : []),
    ],
    ...(!idOnly && { email }),
    refused,
    enteredByHand: !idOnly && scheduler.chance(0.1),
    ...(scheduler.chance(0.1) && { deletedAtMs: scheduler.between(1, durationMs) }),
    triggers,
  }
}

/** Mostly twins within a second, sometimes the same person again much later. */
function delayOf(scheduler: Scheduler): number {
  if (scheduler.chance(0.5)) return scheduler.between(0, 200)
  return scheduler.chance(0.5) ? scheduler.between(0, 30_000) : scheduler.between(0, 1_800_000)
}

import { seededRandom } from '../scheduler.ts'
import { alteringSides } from './altering.ts'
import { Elsewhere } from './elsewhere.ts'
import type { Lab, LabOptions } from './lab.ts'
import { reimports } from './reimports.ts'
import { securing } from './securing.ts'
import { wholeCalls } from './whole-calls.ts'

/**
 * What some worlds have and others do not: a side that alters values, a secured column, a second subscription.
 *
 * To add one: write a file with a `Trait`, add it to `allTraits` below, and name the invariant that its `check` holds.
 * A world has a trait or not by its seed alone, and which traits another world has does not change: the lot of a
 * trait is drawn from the seed and its name, never from the world's scheduler. A world that breaks names its traits;
 * `new World({ ...HARD_SYNC_WORLD, seed, stamped: true, traits: [yours] })` plays one alone.
 */
export interface Trait {
  name: string
  /** Share of the worlds that have it. */
  share: number
  /** How a new process reaches the vendors; at most one trait of a world says so. */
  reach?: LabOptions['reach']
  /** Before the first person is there: switches of both vendors, columns, blocked fields. */
  begin?(lab: Lab): void
  /** What happens once in a while during a storm, beside everything else: mean virtual ms between two of them. */
  deed?: { everyMs: number; run(lab: Lab): void }
  /** When a storm is over and nothing is on its way: before both sides are compared. */
  rest?(lab: Lab): void
  /** At the end of a rest: sentences about what is not as it should be, each beginning with its invariant. */
  check?(lab: Lab): string[]
}

/** Made anew for each world: some remember what they did. */
function allTraits(): readonly Trait[] {
  return [alteringSides, new Elsewhere().trait, reimports, securing, wholeCalls]
}

/** The traits of the hard world with this seed. */
export function traitsOf(seed: number, among: readonly Trait[] = allTraits()): Trait[] {
  return among.filter(({ name, share }) => seededRandom(hashOf(`${seed} ${name}`))() < share)
}

function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return hash >>> 0
}

import type { Deed } from './deed.ts'
import { marketing } from './marketing.ts'
import { sales } from './sales.ts'
import { pairs, type Scene } from './scene.ts'
import { title } from './words.ts'

/** The same person's title on both sides at once: a conflict, or agreement once in a while. */
const both: Deed = {
  name: 'edited on both sides',
  weight: 6,
  act(scene) {
    const { dataverse, marketo, chance } = scene
    const found = chance.pick(pairs(scene))
    if (!found) return false
    const jobtitle = title(chance)
    dataverse.update(found.table, found.id, { jobtitle })
    marketo.update(found.personId, { title: chance.below(4) === 0 ? jobtitle : title(chance) })
    return true
  },
}

/** Either vendor asks for a pause. */
const throttle: Deed = {
  name: 'throttled',
  weight: 2,
  act({ dataverse, marketo, chance }) {
    if (chance.below(2) === 0) marketo.bend({ how: { kind: 'error', code: '606' } })
    else dataverse.bend({ how: { kind: 'throttle', code: '0x80072322', retryAfter: '2' } })
    return true
  },
}

export const deeds: readonly Deed[] = [...marketing, ...sales, both, throttle]

/** One of them, by weight. */
export function anyDeed({ chance }: Scene): Deed {
  let left = chance.below(deeds.reduce((sum, { weight }) => sum + weight, 0))
  for (const deed of deeds) {
    left -= deed.weight
    if (left < 0) return deed
  }
  return both
}

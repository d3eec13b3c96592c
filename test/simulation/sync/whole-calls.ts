import type { Lab } from './lab.ts'
import type { Trait } from './traits.ts'

const POISONED_MAX = 3

/**
 * Some people make Marketo refuse each call that names them: nobody else waits for them (S18), and what they did not
 * get arrives when they are healed (S1). A world in which no call was refused would prove nothing.
 */
export const wholeCalls: Trait = {
  name: 'whole-calls',
  share: 0.3,
  deed: { everyMs: 600_000, run: poison },
  rest: ({ marketo }) => marketo.poisoned.clear(),
  check: ({ marketo }) => [
    ...(marketo.refusedCalls === 0 ? ['S18: no call was refused as a whole'] : []),
    ...(marketo.heldBack === 0 ? [] : [`S18: ${marketo.heldBack} writes waited for somebody else`]),
  ],
}

function poison({ scheduler, marketo }: Lab): void {
  const ids = [...marketo.people.keys()]
  const id = ids[scheduler.between(0, ids.length - 1)]
  if (marketo.poisoned.size >= POISONED_MAX) marketo.poisoned.clear()
  if (id !== undefined) marketo.poisoned.add(id)
}

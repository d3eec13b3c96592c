import type { CallContext } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { Rejected, Unavailable } from '../errors.ts'
import { type Caller, createGathering, whileAnybodyWaits } from '../gathering.ts'
import type { MarketoFields, People, RefusedReads } from './people.ts'
import type { MarketoSettings } from './settings.ts'

interface Asked {
  marketoId: number
  fields: readonly string[]
  /** The same as one text. */
  fieldNames: string
}
type PersonCaller = Caller<Asked, MarketoFields | undefined>

export interface GatheredPeopleOptions {
  people: Pick<People, 'read'>
  settings: MarketoSettings
  clock: Clock
}

/** One person as `People.read` gives them; undefined where it would leave them out. */
export type ReadPerson = (
  marketoId: number,
  fields: readonly string[],
  call: CallContext,
) => Promise<MarketoFields | undefined>

/** People who are asked for one by one share a call, 300 at a time: a call costs the same for one and for all. */
export function gatherPeople({ people, settings, clock }: GatheredPeopleOptions): ReadPerson {
  const read = async (callers: readonly PersonCaller[], lane: CallContext['lane']): Promise<void> => {
    const present = callers.filter(({ signal }) => !signal.aborted)
    const [first] = present
    if (first === undefined) return
    const { fields } = first.asked
    const ids = present.map(({ asked }) => asked.marketoId)
    const refused: RefusedReads<number> = new Map()
    const found = await whileAnybodyWaits(present, (signal) =>
      people.read(ids, fields, { signal, ...(lane && { lane }) }, refused),
    )
    for (const { asked, serve, fail } of present) {
      const why = refused.get(asked.marketoId)
      if (why === undefined) serve(found.get(asked.marketoId))
      else if (why === 'unasked')
        fail(new Unavailable('Marketo refused the calls for this person because of other people in them'))
      else fail(new Rejected('Marketo refuses every call for this person', why))
    }
  }

  const gather = createGathering<Asked, MarketoFields | undefined>({
    clock,
    waitMs: (lane) => (lane === 'background' ? settings.backgroundGatherMs : settings.gatherMs),
    fits: (callers) => callers[0]?.asked.fieldNames === callers.at(-1)?.asked.fieldNames,
    isFull: (callers) => callers.length >= settings.batchSizeMax,
    send: read,
  })
  return (marketoId, fields, call) => gather({ marketoId, fields, fieldNames: fields.join() }, call)
}

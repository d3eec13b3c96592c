/** What the vendor leaves open or lets an administrator choose. */
export interface Knobs {
  /** Organization.ExpireChangeTrackingInDays: older delta tokens are void. */
  trackingDays: number
  /** HTTP status of that refusal. */
  expiredStatus: number
  /** A delta link points that far back, as it does while others have transactions open: what is newest comes again. */
  repeatedVersions: number
  /** A write that changes nothing: the row gets a new etag, version and modifiedon, or stays as it is. */
  unchangedWrites: 'bump' | 'ignore'
  /** What is empty in the survivor of a merge is taken from the loser. */
  mergeFillsBlanks: boolean
  /** Deleted rows can be restored. */
  recycleBin: boolean
  /** An older organisation: code `0x0` where newer ones say 0x80060888 or 0x80048d19. The text stays. */
  zeroCodes: boolean
  /** HTTP status for an entity set that is not there: 404 in most recordings, 400 in one. */
  unknownSetStatus: number
  /** A $batch ends at its first error although it was asked to go on, as behind some gateways. */
  batchStops: boolean
  /** `x-ms-dop-hint`: recordings show 4 and 48. */
  dopHint: number
  /** A query by a secured column that the caller may not read is refused, or finds nothing there. */
  securedFilter: 'refuse' | 'blind'
}

/** "Use change tracking to synchronize data", "Merge records": documented defaults. */
export const STOCK_KNOBS: Knobs = {
  trackingDays: 7,
  expiredStatus: 400,
  repeatedVersions: 0,
  unchangedWrites: 'bump',
  mergeFillsBlanks: true,
  recycleBin: true,
  zeroCodes: false,
  unknownSetStatus: 404,
  batchStops: false,
  dopHint: 4,
  securedFilter: 'refuse',
}

const NUMBERS = ['trackingDays', 'expiredStatus', 'repeatedVersions', 'unknownSetStatus', 'dopHint'] as const
const FLAGS = ['mergeFillsBlanks', 'recycleBin', 'zeroCodes', 'batchStops'] as const

/** Throws a sentence for what is no knob or no value of one. */
export function checkKnobs(wanted: Readonly<Record<string, unknown>>): Partial<Knobs> {
  const knobs: Partial<Knobs> = {}
  for (const [name, value] of Object.entries(wanted)) {
    const number = NUMBERS.find((known) => known === name)
    const flag = FLAGS.find((known) => known === name)
    if (number && typeof value === 'number' && value >= 0) knobs[number] = value
    else if (flag && typeof value === 'boolean') knobs[flag] = value
    else if (name === 'unchangedWrites' && (value === 'bump' || value === 'ignore')) knobs[name] = value
    else if (name === 'securedFilter' && (value === 'refuse' || value === 'blind')) knobs[name] = value
    else throw new Error(`no such knob or value: ${name} = ${JSON.stringify(value)}`)
  }
  return knobs
}

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
}

/** "Use change tracking to synchronize data", "Merge records": documented defaults. */
export const STOCK_KNOBS: Knobs = {
  trackingDays: 7,
  expiredStatus: 400,
  repeatedVersions: 0,
  unchangedWrites: 'bump',
  mergeFillsBlanks: true,
  recycleBin: true,
}

/** Throws a sentence for what is no knob or no value of one. */
export function checkKnobs(wanted: Readonly<Record<string, unknown>>): Partial<Knobs> {
  const knobs: Partial<Knobs> = {}
  for (const [name, value] of Object.entries(wanted)) {
    if (isNumeric(name) && typeof value === 'number' && value >= 0) knobs[name] = value
    else if ((name === 'mergeFillsBlanks' || name === 'recycleBin') && typeof value === 'boolean')
      knobs[name] = value
    else if (name === 'unchangedWrites' && (value === 'bump' || value === 'ignore')) knobs[name] = value
    else throw new Error(`no such knob or value: ${name} = ${JSON.stringify(value)}`)
  }
  return knobs
}

function isNumeric(name: string): name is 'trackingDays' | 'expiredStatus' | 'repeatedVersions' {
  return name === 'trackingDays' || name === 'expiredStatus' || name === 'repeatedVersions'
}

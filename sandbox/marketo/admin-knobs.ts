import { type Members, oneOf, present, text, wholeNumber } from './admin-input.ts'
import { type Knobs, STOCK_KNOBS } from './knobs.ts'
import { STOCK_LIMITS } from './limits.ts'

export function toLimits(members: Members): Record<string, number> {
  refuseUnknown(members, STOCK_LIMITS, 'limit')
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name, wholeNumber(value, name)]))
}

export function toKnobs(members: Members): Partial<Knobs> {
  refuseUnknown(members, STOCK_KNOBS, 'knob')
  const count = (name: string) => (value: unknown) => {
    const number = wholeNumber(value, name)
    if (number < 0) throw new Error(`${name} is not negative`)
    return number
  }
  const flag = (name: string) => (value: unknown) => {
    if (typeof value === 'boolean') return value
    throw new Error(`${name} is true or false`)
  }
  return present<Knobs>(members, {
    visibleAfterMs: count('visibleAfterMs'),
    pageItemsMax: (value) => Math.max(1, count('pageItemsMax')(value)),
    emptyPageEvery: count('emptyPageEvery'),
    reversePages: flag('reversePages'),
    pagingTokenLifetimeMs: count('pagingTokenLifetimeMs'),
    syncGapMs: count('syncGapMs'),
    overlong: (value) => oneOf(['skip', 'truncate'], value, 'overlong'),
    beyondBmp: (value) => oneOf(['keep', 'cut'], value, 'beyondBmp'),
    webhookFoldsLines: flag('webhookFoldsLines'),
    webhookEscapesHtml: flag('webhookEscapesHtml'),
    unknownFieldWords: (value) => oneOf(['1006', '1003'], value, 'unknownFieldWords'),
    oddStatus: (value) => text(value, 'oddStatus'),
    unknownField: (value) => oneOf(['record', 'call'], value, 'unknownField'),
    logTextMax: count('logTextMax'),
    logOffsetMinutes: (value) => wholeNumber(value, 'logOffsetMinutes'),
    mergeNames: (value) => oneOf(['survivor', 'loser'], value, 'mergeNames'),
    mergeDeletes: flag('mergeDeletes'),
    deletionsInActivities: flag('deletionsInActivities'),
    scoreLogsValues: flag('scoreLogsValues'),
    mergeLogsValues: flag('mergeLogsValues'),
    nativeCrmSync: flag('nativeCrmSync'),
  })
}

function refuseUnknown(members: Members, known: object, what: string): void {
  const unknown = Object.keys(members).find((name) => !Object.hasOwn(known, name))
  if (unknown !== undefined) throw new Error(`no such ${what}: ${unknown}`)
}

import { type Attribute, type Fact, named, TYPE, type ValueChange } from './activity.ts'
import { type Cause, FORM } from './cause.ts'
import type { Knobs } from './knobs.ts'
import type { Change, Person } from './people.ts'
import { stamp, type Value } from './value.ts'

/** What the log says of each kind of write. Sources: Adobe, "Activities" and "Bulk activity extract"; recorded activities. */

/** Values that a person begins with are not logged one by one. */
export function newLead(person: Person, cause: Cause): Fact {
  const sourceType = cause.source === FORM.source ? 'New lead' : cause.source
  const created = String(person.createdAt).slice(0, 'yyyy-mm-dd'.length)
  return about(TYPE.newLead, person, cause, named({ 'Source Type': sourceType, 'Created Date': created }))
}

export function valueChanges(id: number, changes: readonly Change[], cause: Cause, knobs: Knobs): Fact[] {
  return changes.map((change) => ({
    leadId: id,
    typeId: TYPE.changeDataValue,
    ...campaignOf(cause),
    change: toValueChange(change, knobs),
    cause,
  }))
}

/** The flow step Change Score has a type of its own, and a Change Data Value by the flow action beside it. */
export function scoreChange(id: number, { field, oldValue, newValue }: Change, cause: Cause): Fact {
  const amount = Number(newValue ?? 0) - Number(oldValue ?? 0)
  return {
    leadId: id,
    typeId: TYPE.changeScore,
    ...campaignOf(cause),
    primaryId: field.id,
    primaryValue: field.displayName,
    attributes: named({
      'Change Value': `${amount < 0 ? '' : '+'}${amount}`,
      'Old Value': oldValue ?? 0,
      'New Value': newValue ?? 0,
      Reason: cause.reason,
    }),
  }
}

/** Recordings and their descriptions do not agree on whose entry this is. */
export function merged(
  survivor: Person,
  losers: readonly Person[],
  isUpdated: boolean,
  cause: Cause,
  { mergeNames }: Knobs,
): Fact[] {
  const details = (ids: readonly unknown[]) =>
    named({
      'Master Updated': isUpdated,
      'Merge IDs': `[${ids.join(', ')}]`,
      'Merge Source': 'leaddb',
      'Merged in Sales': false,
    })
  if (mergeNames === 'survivor') {
    return [about(TYPE.mergeLeads, survivor, cause, details(losers.map(({ id }) => id)))]
  }
  return losers.map((loser) => about(TYPE.mergeLeads, loser, cause, details([survivor.id])))
}

export function deleted(person: Person, cause: Cause): Fact {
  return about(TYPE.deleteLead, person, cause, [])
}

function about(typeId: number, person: Person, cause: Cause, attributes: readonly Attribute[]): Fact {
  const leadId = Number(person.id)
  const name = person.mktoName ?? person.email
  return {
    leadId,
    typeId,
    ...campaignOf(cause),
    primaryId: leadId,
    ...(name !== undefined && { primaryValue: String(name) }),
    attributes,
  }
}

function campaignOf({ campaignId }: Cause): Pick<Fact, 'campaignId'> {
  return campaignId === undefined ? {} : { campaignId }
}

function toValueChange({ field, oldValue, newValue }: Change, knobs: Knobs): ValueChange {
  const text = (value: Value) => spelled(field, value, knobs).slice(0, knobs.logTextMax)
  return {
    fieldId: field.id,
    name: field.name,
    displayName: field.displayName,
    ...(oldValue !== undefined && { oldValue: text(oldValue) }),
    ...(newValue !== undefined && { newValue: text(newValue) }),
  }
}

/** As recorded: booleans with a capital, date-times without their zone, which is not documented. */
function spelled({ dataType }: Change['field'], value: Value, { logOffsetMinutes }: Knobs): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (dataType !== 'datetime') return String(value)
  return stamp(Date.parse(String(value)) + logOffsetMinutes * 60_000)
    .replace('T', ' ')
    .replace('Z', '')
}

import type { FieldValue, Values } from '../../person/person.ts'
import { valueIn } from '../../person/sync-values.ts'
import type { Form, Replica } from '../../store/sync-port.ts'

/**
 * An agreement has two halves: what each side held when both last agreed. They are equal, unless a side keeps the
 * value in a form of its own. A form of a value that is not agreed on yet, since the other side has not taken it,
 * says what was sent: its side holds that value.
 */

export const sides = ['marketo', 'dynamics'] as const
export type Side = (typeof sides)[number]

export function opposite(side: Side): Side {
  return side === 'marketo' ? 'dynamics' : 'marketo'
}

export type Forms = Replica['forms'] | undefined

export interface Agreement {
  shadow?: Values | undefined
  forms?: Forms
}

/** Of one field. */
export type Halves = Readonly<Record<Side, FieldValue>>

/** undefined = never agreed on. */
export function halvesOf(field: string, { shadow = {}, forms }: Agreement): Halves | undefined {
  const agreed = valueIn(shadow, field)
  if (agreed === undefined) return undefined
  const form = formOf(field, agreed, forms)
  const half = (side: Side) => (form?.[side] === undefined ? agreed : form[side])
  return { marketo: half('marketo'), dynamics: half('dynamics') }
}

export function halfOf(side: Side, field: string, agreement: Agreement): FieldValue | undefined {
  return halvesOf(field, agreement)?.[side]
}

/** What is known of how the sides keep this value. */
export function formOf(field: string, of: FieldValue, forms: Forms = []): Form | undefined {
  return forms.find((form) => form.field === field && form.of === of)
}

/** The value that was sent and of which a side has made `own`. */
export function originalOf(side: Side, field: string, own: FieldValue, forms: Forms = []): FieldValue {
  return forms.find((form) => form.field === field && form[side] === own)?.of ?? own
}

/** A side's values, with what was sent in place of a form of it that is not agreed on yet. */
export function asSent(side: Side, values: Values, agreement: Agreement): Values {
  const sent: Record<string, FieldValue> = { ...values }
  for (const form of agreement.forms ?? []) {
    if (isPending(form, side, values, agreement)) sent[form.field] = form.of
  }
  return sent
}

/** The side holds the form, and it is no half of what was agreed on. */
function isPending(form: Form, side: Side, values: Values, agreement: Agreement): boolean {
  const { field, of, [side]: own } = form
  if (own === undefined || own !== valueIn(values, field) || of === valueIn(agreement.shadow ?? {}, field))
    return false
  return own !== halfOf(side, field, agreement)
}

/** A side keeps `of` as `own`; equal to `of`: it is known to keep it whole. */
export function withForm(
  forms: Forms = [],
  side: Side,
  { field, of, own }: { field: string; of: FieldValue; own: FieldValue },
): readonly Form[] {
  const before = formOf(field, of, forms)
  return [...forms.filter((form) => form !== before), { ...before, field, of, [side]: own }]
}

/** What a side keeps of this value is not known any more, such as after a new write to it. */
export function withoutForm(forms: Forms = [], side: Side, field: string, of: FieldValue): readonly Form[] {
  const before = formOf(field, of, forms)
  if (before === undefined) return forms
  const other = before[opposite(side)]
  const others = forms.filter((one) => one !== before)
  return other === undefined ? others : [...others, { field, of, [opposite(side)]: other }]
}

/**
 * Without what is over: forms of values that are neither agreed on nor, as far as is known, on their way to be, and
 * of a side that has the value as it was sent by now.
 */
export function withCurrentForms(replica: Replica): Replica {
  const { forms: before = [], ...rest } = replica
  const { shadow = {} } = replica
  let forms = before
  for (const { field, of, ...own } of before) {
    for (const side of sides) {
      if (own[side] !== of && replica[side]?.[field] === of) forms = withoutForm(forms, side, field, of)
    }
  }
  const isThere = (form: Form, side: Side) =>
    form[side] !== undefined &&
    (replica[side] === undefined || isPending(form, side, replica[side], { shadow, forms }))
  const current = forms.filter(
    (form) => form.of === valueIn(shadow, form.field) || sides.some((side) => isThere(form, side)),
  )
  return current.length === 0 ? rest : { ...rest, forms: current }
}

/** What a side keeps in a form of its own of what was agreed on. */
export function keptOtherwise({
  shadow = {},
  forms = [],
}: Agreement): { field: string; side: Side; of: FieldValue; own: FieldValue }[] {
  return forms.flatMap((form) => {
    const { field, of } = form
    if (of !== valueIn(shadow, field)) return []
    return sides.flatMap((side) => {
      const own = form[side]
      return own === undefined || own === of ? [] : [{ field, side, of, own }]
    })
  })
}

import type { CallContext } from '../abort.ts'
import type { User, Users } from '../dataverse/users.ts'
import { Refusal } from '../problem.ts'
import { SYNC_AS, sameInAll, type Words } from './words.ts'

/** Source: Adobe, "Self-Service Flow Steps" (getPicklist). */
const CHOICES_MAX = 1_000

export interface Choice {
  displayValue: Words
  submittedValue: string
}

const SYNC_AS_CHOICES: readonly Choice[] = (['lead', 'contact'] as const).map((recordType) => ({
  displayValue: SYNC_AS.choices[recordType],
  submittedValue: recordType,
}))

/** The choices of a flow attribute. Throws Refusal for another name, and what `users.list` throws. */
export async function choicesOf(name: string, users: Users, call: CallContext): Promise<readonly Choice[]> {
  switch (name) {
    case 'syncAs':
      return SYNC_AS_CHOICES
    case 'assignTo':
      return (await users.list(call)).slice(0, CHOICES_MAX).map(toChoice)
    default:
      throw new Refusal(400, 'unknown-picklist', 'There is no attribute of this name that has choices.', {
        field: 'name',
        advice: 'Ask for syncAs or assignTo.',
      })
  }
}

/** With the address, since two people may have the same name. */
function toChoice({ id, name, email }: User): Choice {
  return { displayValue: sameInAll(email === undefined ? name : `${name} (${email})`), submittedValue: id }
}

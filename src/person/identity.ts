import { v5 } from 'uuid'
import type { Person, RecordType } from './person.ts'
import { nfkc, withoutRefused } from './text.ts'

/** One thing by which a person is known; unique over all links. */
export interface Identifier {
  kind: 'email' | 'marketo'
  value: string
}

/** Ours for ever: another value would give every person a second record. */
const namespace = '5f3f0b5e-6a0d-4a6c-9a1b-0d6f2c7e4b91'

/** Format and default-ignorable characters: they come along when an address is copied, and are never part of it. */
const invisible = /[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu
const blank = /\p{White_Space}/u

/** An e-mail as it is sent: without characters that cannot be seen, and without blanks at its ends. */
export function cleanEmail(email: string): string {
  const visible = withoutRefused(email).replace(invisible, '')
  let [from, to] = [0, visible.length]
  while (from < to && blank.test(visible.charAt(from))) from += 1
  while (to > from && blank.test(visible.charAt(to - 1))) to -= 1
  return visible.slice(from, to)
}

/**
 * The form in which e-mails are compared: both vendors ignore case, and Dataverse's collation also ignores
 * the width of letters, hence NFKC. Dots and plus tags stay: only the mail provider knows what they mean.
 */
export function normaliseEmail(email: string): string {
  // NFKC makes blanks of some letters.
  return cleanEmail(nfkc(nfkc(cleanEmail(email)).toLowerCase()))
}

/** Something, an @, something, no control characters, and no blank outside of quotes: "n/a" is not an e-mail. */
export function isPlausibleEmail(email: string): boolean {
  const at = email.lastIndexOf('@')
  if (at < 1 || at === email.length - 1 || /\p{Cc}/u.test(email)) return false
  return !blank.test(/^".*"@/s.test(email.slice(0, at + 1)) ? email.slice(at) : email)
}

/** Sorted by kind, then value: the order in which rows are claimed. Empty when nothing identifies the person. */
export function identifiersOf(person: Pick<Person, 'marketoId' | 'email'>): Identifier[] {
  const identifiers: Identifier[] = []
  const email = normaliseEmail(person.email ?? '')
  if (isPlausibleEmail(email)) identifiers.push({ kind: 'email', value: email })
  if (person.marketoId !== undefined) identifiers.push({ kind: 'marketo', value: String(person.marketoId) })
  return identifiers
}

/** `email:…` where there is a plausible e-mail, else `marketo:…`; undefined when nothing identifies the person. */
export function canonicalKeyOf(person: Pick<Person, 'marketoId' | 'email'>): string | undefined {
  const first = identifiersOf(person)[0]
  return first && `${first.kind}:${first.value}`
}

/** The normalised e-mail that a canonical key was made of; undefined when it was made of a Marketo id. */
export function emailOfKey(canonicalKey: string): string | undefined {
  return canonicalKey.startsWith('email:') ? canonicalKey.slice('email:'.length) : undefined
}

/**
 * The id under which Dynamics gets the record: the same for the same person on every replica, after every crash.
 * `organisation` names the Dataverse organisation and is compared without case; `generation` counts from 0.
 */
export function recordIdOf(
  organisation: string,
  recordType: RecordType,
  canonicalKey: string,
  generation: number,
): string {
  if (!Number.isSafeInteger(generation) || generation < 0) {
    throw new RangeError('generation is a whole number from 0')
  }
  return v5(JSON.stringify([organisation.toLowerCase(), recordType, canonicalKey, generation]), namespace)
}

export type RecordType = 'lead' | 'contact'

/** A Marketo value: absent from the map = not said, null = empty on purpose, else the value. */
export type FieldValue = string | number | boolean | null

/** What both sides hold. Keys of `fields` are Marketo REST names (`firstName`, `email`, …). */
export interface Person {
  marketoId?: number
  /** As the caller wrote it, without blanks around it and characters that cannot be seen; null and absent when the person has none. */
  email?: string
  fields: Readonly<Record<string, FieldValue>>
}

/**
 * What one side holds, as both sides are compared: by Marketo REST name, what Marketo would hold.
 * Absent = not known; equal means `===`.
 */
export type Values = Readonly<Record<string, FieldValue>>

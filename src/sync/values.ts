type Value = string | number | boolean | null

/** A field's value as the conflict log gives it. Unless it is shown, only its kind and length can be told. */
export interface ValueView {
  kind: 'empty' | 'text' | 'number' | 'boolean'
  /** Length of a text, in characters. */
  length?: number
  value?: Value
}

export function viewOf(value: Value, shown: boolean): ValueView {
  return { ...maskOf(value), ...(shown && { value }) }
}

function maskOf(value: Value): ValueView {
  if (value === null) return { kind: 'empty' }
  if (typeof value === 'string') return { kind: 'text', length: [...value].length }
  return { kind: typeof value === 'number' ? 'number' : 'boolean' }
}

/** Reading JSON of which only a part is known; undefined where the shape is another. */

export type Members = Readonly<Record<string, unknown>>

export function membersOf(value: unknown): Members | undefined {
  return isMembers(value) ? value : undefined
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A text that says something, trimmed; Marketo sends some numbers as texts and some texts as numbers. */
export function textOf(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined
}

/** Values as Marketo writes them: each function gives undefined where one cannot be read. */

/** A person's or a field's id; a number, in some places written as a text. */
export function readId(value: unknown): number | undefined {
  const id = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value
  return typeof id === 'number' && Number.isSafeInteger(id) && id > 0 ? id : undefined
}

/** null and absent are empty; a plain value of any type is its text. */
export function readText(value: unknown): string | null | undefined {
  if (value === undefined || value === null) return null
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

const spelling =
  /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d)(?:\.\d{1,9})?(?:Z(?:\+0000)?|([+-]\d\d):?(\d\d))?)?$/

/** Epoch ms of a date-time in any of the spellings of the REST API, to the whole second; without zone it is UTC. */
export function readDate(value: unknown): number | undefined {
  if (typeof value !== 'string') return undefined
  const [, day, time = '00:00:00', hours = '+00', minutes = '00'] = spelling.exec(value) ?? []
  if (day === undefined) return undefined
  const midnight = Date.parse(`${day}T00:00:00Z`)
  // The engine takes a 31st of a shorter month for the 1st of the next.
  if (Number.isNaN(midnight) || writeDate(midnight).slice(0, 10) !== day) return undefined
  const at = Date.parse(`${day}T${time}${hours}:${minutes}`)
  return Number.isNaN(at) ? undefined : at
}

/** `yyyy-MM-ddTHH:mm:ssZ` of epoch ms. */
export function writeDate(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`
}

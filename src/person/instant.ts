const spelling =
  /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d))?(?:\.\d{1,9})?\s?(?:Z(?:\+0000)?|([+-])(\d\d):?(\d\d))?)?$/i

/** 'yyyy-MM-ddTHH:mm:ssZ' */
export type Instant = string

/**
 * Every spelling of a date or a date-time that Marketo uses, as UTC to the whole second; undefined when it is
 * none or no day of the calendar. A time without zone, as webhook tokens have it, is taken as UTC.
 */
export function readInstant(text: string): Instant | undefined {
  const [, day, minute = '00:00', second = '00', sign, hours = '0', minutes = '0'] = spelling.exec(text) ?? []
  if (day === undefined || Number(hours) > 14 || Number(minutes) > 59) return undefined
  const written = `${day}T${minute}:${second}Z`
  const epochMs = Date.parse(written)
  if (Number.isNaN(epochMs) || format(epochMs) !== written) return undefined

  const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000
  const instant = format(sign === '-' ? epochMs + offsetMs : epochMs - offsetMs)
  return instant.length === written.length ? instant : undefined
}

/** 'yyyy-MM-dd' in UTC. */
export function dayOf(instant: Instant): string {
  return instant.slice(0, 10)
}

/**
 * The calendar day of a date or a date-time as it is written, whatever its offset: a date without a time belongs to
 * the place where it was written. undefined when the text is no date.
 */
export function readDay(text: string): string | undefined {
  return readInstant(text) === undefined ? undefined : text.slice(0, 10)
}

function format(epochMs: number): Instant {
  return new Date(epochMs).toISOString().replace('.000Z', 'Z')
}

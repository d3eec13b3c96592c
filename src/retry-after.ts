/**
 * Milliseconds to wait by a Retry-After header: seconds (Dataverse writes thousands separators into its
 * numbers) or an HTTP date, which counts from the reply's own Date and so from the clock that gave both; without one from
 * `wallMs`. undefined when there is none or it cannot be read. Source: RFC 9110, 10.2.3 and 6.6.1.
 */
export function retryAfterMs(
  header: string | undefined,
  date: string | undefined,
  wallMs: number,
): number | undefined {
  if (header === undefined) return undefined
  const text = header.trim()
  if (/^(\d+|\d{1,3}(,\d{3})+)(\.\d+)?$/.test(text)) return Math.ceil(Number(text.replaceAll(',', '')) * 1000)
  // Only a text with a month's name is a date: Date.parse would read "-5" as a month too.
  const until = /[A-Za-z]{3}/.test(text) ? Date.parse(text) : Number.NaN
  const from = Date.parse(date ?? '')
  return Number.isNaN(until) ? undefined : Math.max(0, until - (Number.isNaN(from) ? wallMs : from))
}

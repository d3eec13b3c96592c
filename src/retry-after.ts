/**
 * Milliseconds to wait by a Retry-After header: seconds (Dataverse writes thousands separators into its
 * numbers) or an HTTP date. undefined when there is none or it cannot be read. Source: RFC 9110, 10.2.3.
 */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined
  const text = header.trim()
  if (/^(\d+|\d{1,3}(,\d{3})+)(\.\d+)?$/.test(text)) return Math.ceil(Number(text.replaceAll(',', '')) * 1000)
  // Only a text with a month's name is a date: Date.parse would read "-5" as a month too.
  const date = /[A-Za-z]{3}/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs)
}

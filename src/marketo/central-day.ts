export const CENTRAL_ZONE = 'America/Chicago'

const wall = new Intl.DateTimeFormat('en-US', {
  timeZone: CENTRAL_ZONE,
  hourCycle: 'h23',
  ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
  ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
})

/**
 * Epoch ms of the first midnight after `nowMs` in US Central time, daylight saving minded.
 * Source: Adobe, "Marketo REST API error codes", 607: the daily quota starts anew at 00:00 Central.
 */
export function nextCentralMidnightMs(nowMs: number): number {
  const { year, month, day } = wallClock(nowMs)
  const midnightOnTheWall = Date.UTC(year, month - 1, day + 1)
  const estimate = midnightOnTheWall - offsetMs(nowMs)
  // The offset may change on the way there, but never at midnight: it does so at two in the morning.
  return midnightOnTheWall - offsetMs(estimate)
}

/** What the clock on a wall in Chicago is ahead of UTC: -5 or -6 hours. */
function offsetMs(atMs: number): number {
  const { year, month, day, hour, minute, second } = wallClock(atMs)
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(atMs / 1_000) * 1_000
}

function wallClock(atMs: number) {
  const parts = new Map(wall.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]))
  const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? Number.NaN
  return {
    year: part('year'),
    month: part('month'),
    day: part('day'),
    hour: part('hour'),
    minute: part('minute'),
    second: part('second'),
  }
}

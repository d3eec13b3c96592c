/** What was dated by another start or replica comes from a clock that may be a little ahead of ours. */
export const CLOCK_TOLERANCE_MS = 5_000

/** Whether something that has happened has the time of a clock that was wrong. Both are epoch ms. */
export function isDatedAhead(atMs: number, nowMs: number): boolean {
  return atMs > nowMs + CLOCK_TOLERANCE_MS
}

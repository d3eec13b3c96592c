import type { FailureDetail } from './errors.ts'

/** Why a request is not finished while nothing stands in its way. */
export const IN_PROGRESS: FailureDetail = {
  code: 'in-progress',
  advice: 'Nothing to do: the person is stored and is being processed, or will be shortly.',
}

/** How many wait, whatever for. */
export function countWaiting(waiting: readonly { requests: number }[]): number {
  return waiting.reduce((sum, { requests }) => sum + requests, 0)
}

/** The advice, and how it goes on, where an answer has one text for both. */
export function adviceWhileWaiting(waiting: {
  advice?: string
  attempts?: number
  nextAttemptAt?: number
}): string {
  const { advice = IN_PROGRESS.advice, attempts = 0, nextAttemptAt } = waiting
  const so = attempts === 0 ? '' : ` Attempts so far: ${attempts}.`
  return `${advice}${so}${nextAttemptAt === undefined ? '' : ` Next attempt: ${new Date(nextAttemptAt).toISOString()}.`}`
}

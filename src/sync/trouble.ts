import { Busy, Rejected, Unauthorized } from '../errors.ts'

/** The part of a cycle that could not be done, and why. */
export interface Trouble {
  code: string
  advice: string
}

export function unreadable(count: number): Trouble | undefined {
  if (count === 0) return undefined
  const advice = `${count} items since the start could not be read; the log names them. They are read again when they change.`
  return { code: 'items-unreadable', advice }
}

export function troubleOf(error: Error): Trouble {
  if (error instanceof Unauthorized || error instanceof Rejected) {
    const { code, advice } = error.detail
    return { code, advice }
  }
  return error instanceof Busy
    ? {
        code: 'vendor-busy',
        advice: 'Nothing to do: a quota is used up for the moment, the sync goes on later.',
      }
    : {
        code: 'vendor-unavailable',
        advice: 'Nothing to do: one side did not answer, the sync goes on by itself.',
      }
}

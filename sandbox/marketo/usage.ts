import { API_USER } from './cause.ts'
import { centralDay } from './limits.ts'

interface Day {
  calls: number
  errors: Map<string, number>
}

/** Calls and errors by day, US Central. Adobe, "Usage". */
export class Usage {
  readonly #now: () => number
  readonly #days = new Map<string, Day>()

  constructor(now: () => number) {
    this.#now = now
  }

  reset(): void {
    this.#days.clear()
  }

  /** `errorCode` of an envelope that said no. */
  count(errorCode: string | undefined): void {
    const date = centralDay(this.#now())
    const day = this.#days.get(date) ?? { calls: 0, errors: new Map<string, number>() }
    day.calls += 1
    if (errorCode !== undefined) day.errors.set(errorCode, (day.errors.get(errorCode) ?? 0) + 1)
    this.#days.set(date, day)
  }

  calls(daysMax: number): readonly object[] {
    return this.#latest(daysMax).map(([date, { calls }]) => ({
      date,
      total: calls,
      users: [{ userId: API_USER, count: calls }],
    }))
  }

  errors(daysMax: number): readonly object[] {
    return this.#latest(daysMax).map(([date, { errors }]) => ({
      date,
      total: [...errors.values()].reduce((sum, count) => sum + count, 0),
      errors: [...errors].map(([errorCode, count]) => ({ errorCode, count })),
    }))
  }

  /** Newest first. */
  #latest(daysMax: number): [string, Day][] {
    return [...this.#days].slice(-daysMax).reverse()
  }
}

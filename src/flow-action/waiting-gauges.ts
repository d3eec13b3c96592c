import type { Clock } from '../clock.ts'
import { StoreUnavailable } from '../errors.ts'
import type { Store } from '../store/port.ts'

export const WAITING_GAUGES = {
  flow_action_waiting_requests:
    'Requests of campaigns without an outcome, by the code of what they wait for.',
  flow_action_oldest_waiting_seconds: 'Age of the oldest request without an outcome, by that code.',
}

/** How many requests wait, for what and since when. None while the database cannot be used. */
export async function readWaitingGauges(store: Pick<Store, 'readWaiting'>, clock: Clock) {
  try {
    const now = clock.now()
    return (await store.readWaiting()).flatMap(({ code, requests, oldestAt }) => {
      const seconds = Math.max(0, now - oldestAt) / 1_000
      return [
        { name: 'flow_action_waiting_requests', value: requests, labels: { code } },
        { name: 'flow_action_oldest_waiting_seconds', value: seconds, labels: { code } },
      ]
    })
  } catch (error) {
    if (error instanceof StoreUnavailable) return []
    throw error
  }
}

import underPressure from '@fastify/under-pressure'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { Refusal } from '../problem.ts'
import type { HealthCheck } from './health.ts'
import type { Metrics } from './metrics.ts'

/** Interval of the measurement, and Retry-After of a refused request. */
const SAMPLE_MS = 1_000

export interface EventLoop {
  check(): HealthCheck
  /** Refuses requests while the loop is delayed, before anything is read or stored: later they would time out. */
  protect(endpoint: FastifyPluginAsync): FastifyPluginAsync
}

/** Watches the mean delay of the event loop over the last second. */
export async function watchEventLoop(
  app: FastifyInstance,
  delayMaxMs: number,
  metrics: Metrics,
): Promise<EventLoop> {
  await app.register(underPressure, { sampleInterval: SAMPLE_MS, eventLoopUtilizationMode: 'interval' })
  const delayMs = () => {
    const { eventLoopDelay } = app.memoryUsage()
    // After a slow start the plugin has no measurement and reports infinity.
    return Number.isFinite(eventLoopDelay) ? eventLoopDelay : 0
  }
  const shed = metrics.counter('requests_shed_total', 'Requests refused because the event loop was delayed.')
  metrics.gauges(
    {
      event_loop_delay_seconds: 'Mean delay of the event loop over the last second.',
      event_loop_utilization: 'Utilization of the event loop over the last second, from 0 to 1.',
    },
    async () => [
      { name: 'event_loop_delay_seconds', value: delayMs() / 1_000 },
      { name: 'event_loop_utilization', value: app.memoryUsage().eventLoopUtilized },
    ],
  )
  const isLate = () => delayMs() > delayMaxMs
  return {
    check: () =>
      isLate()
        ? {
            name: 'event-loop',
            ok: false,
            detail: `The event loop is delayed by more than EVENT_LOOP_DELAY_MS (${delayMaxMs} ms): real-time requests are refused.`,
          }
        : { name: 'event-loop', ok: true },
    protect: (endpoint) => async (scope) => {
      scope.addHook('onRequest', async () => {
        if (!isLate()) return
        shed.add()
        throw new Refusal(
          503,
          'overloaded',
          'The service is too busy to answer in time. The request was not stored.',
          {
            advice: 'Send the request again after the time in Retry-After.',
            retryAfterMs: SAMPLE_MS,
          },
        )
      })
      await scope.register(endpoint)
    },
  }
}

import type { TestContext } from 'node:test'
import type { FastifyPluginAsync } from 'fastify'
import { systemClock, systemRandom } from '../../src/clock.ts'
import { type AppOptions, createApp, DEFAULT_HTTP_LIMITS } from '../../src/http/app.ts'
import { createMetrics } from '../../src/http/metrics.ts'
import { createLog } from '../../src/log.ts'

export const KEY = 'k'.repeat(32)
export const OTHER_KEY = 'o'.repeat(32)
export const WITH_KEY = { 'x-api-key': KEY }

/** The edge with the endpoints of one test, closed when the test ends; `log()` is all that it has logged. */
export async function createEdge(
  t: TestContext,
  options: Partial<AppOptions> & { endpoints?: FastifyPluginAsync[] } = {},
) {
  const lines: string[] = []
  const app = await createApp({
    logger: createLog({ level: 'trace', destination: { write: (line) => void lines.push(line) } }),
    keys: [
      { name: 'marketo', secret: KEY },
      { name: 'other', secret: OTHER_KEY },
    ],
    limits: DEFAULT_HTTP_LIMITS,
    version: '0.0.0-test',
    docs: true,
    health: async () => [],
    metrics: createMetrics({ version: '0.0.0' }),
    schemas: [],
    endpoints: [],
    realTimeEndpoints: [],
    openEndpoints: [],
    clock: systemClock,
    random: systemRandom,
    ...options,
  })
  t.after(() => app.close())
  return { app, log: () => lines.join('') }
}

import { type Problems, readChoice, readInteger } from './setting.ts'

/** What callers may cost before their key is known, and what is shown without one. */
export interface HttpConfig {
  /** Whether `/docs` and `/openapi.json` are there. */
  docs: boolean
  connections: {
    connectionsMax: number
    /** Requests of one connection that have arrived and are not answered yet. */
    connectionRequestsMax: number
    /** How long a caller may take to read an answer. */
    writeTimeoutMs: number
  }
  /** Of all large bodies together; chunks of the flow step have a bound of their own. */
  bodiesBytesMax: number
  /** How late turns of the event loop may be, on average, until real-time requests are refused. */
  eventLoopDelayMaxMs: number
}

/** In the order of .env.example and of README's table. */
export const HTTP_VARIABLES = [
  'DOCS',
  'HTTP_CONNECTIONS',
  'HTTP_CONNECTION_REQUESTS',
  'HTTP_WRITE_TIMEOUT_MS',
  'HTTP_BODIES_BYTES',
  'EVENT_LOOP_DELAY_MS',
] as const
type Values = Readonly<Partial<Record<string, string>>>

const NUMBERS = {
  HTTP_CONNECTIONS: { default: 1_000, min: 10, max: 100_000 },
  HTTP_CONNECTION_REQUESTS: { default: 32, min: 1, max: 10_000 },
  HTTP_WRITE_TIMEOUT_MS: { default: 30_000, min: 100, max: 600_000 },
  HTTP_BODIES_BYTES: { default: 16_777_216, min: 1_048_576, max: 4_294_967_296 },
  EVENT_LOOP_DELAY_MS: { default: 1_000, min: 50, max: 60_000 },
} as const

export function readHttp(values: Values, problems: Problems): HttpConfig {
  const number = (name: keyof typeof NUMBERS) => readInteger(name, values[name], NUMBERS[name], problems)
  return {
    docs: readChoice('DOCS', values.DOCS, ['on', 'off'], 'on', problems) === 'on',
    connections: {
      connectionsMax: number('HTTP_CONNECTIONS'),
      connectionRequestsMax: number('HTTP_CONNECTION_REQUESTS'),
      writeTimeoutMs: number('HTTP_WRITE_TIMEOUT_MS'),
    },
    bodiesBytesMax: number('HTTP_BODIES_BYTES'),
    eventLoopDelayMaxMs: number('EVENT_LOOP_DELAY_MS'),
  }
}

import type { ServerOptions } from 'node:http'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyPluginAsync,
  LogController,
} from 'fastify'
import type { Clock, Random } from '../clock.ts'
import { JSON_LIMITS, type JsonLimits, parseJson } from '../json.ts'
import { SeldomLog } from '../log.ts'
import { Problem } from '../problem.ts'
import { type ApiKey, requireApiKey } from './auth.ts'
import { boundBodies } from './bodies.ts'
import { answerClientError } from './client-error.ts'
import { type ConnectionLimits, createBoundedServer } from './connections.ts'
import { registerDocs } from './docs.ts'
import { watchEventLoop } from './event-loop.ts'
import { type HealthCheck, registerHealth } from './health.ts'
import { type Metrics, measureRequests, registerMetrics } from './metrics.ts'
import { answerUnknownRoutes } from './not-found.ts'
import { handleError } from './problem.ts'
import { buildSerializer } from './serialization.ts'
import { continueExpected, refuseAmbiguousRequests } from './strict-http.ts'
import { buildValidator } from './validation.ts'

/** Bounds on what a request may cost before an endpoint sees it. */
export interface HttpLimits extends ConnectionLimits {
  /** For the whole request, headers and body, to arrive. Each endpoint bounds its answer. */
  requestTimeoutMs: number
  headersTimeoutMs: number
  /** How often the two above are checked. */
  connectionsCheckingIntervalMs: number
  /** How long an idle connection stays open for the next request. */
  keepAliveTimeoutMs: number
  /** For endpoints without a bodyLimit of their own. */
  bodyLimitBytes: number
  /** Of all large bodies together. */
  bodiesBytesMax: number
  /** Of one path parameter, in characters. */
  pathParameterLengthMax: number
  json: JsonLimits
  /** Mean of a second, beyond which real-time requests are refused. */
  eventLoopDelayMaxMs: number
}

export const DEFAULT_HTTP_LIMITS: HttpLimits = {
  requestTimeoutMs: 10_000,
  headersTimeoutMs: 5_000,
  connectionsCheckingIntervalMs: 1_000,
  keepAliveTimeoutMs: 72_000,
  bodyLimitBytes: 64 * 1024,
  bodiesBytesMax: 16 * 1024 * 1024,
  pathParameterLengthMax: 100,
  json: JSON_LIMITS,
  connectionsMax: 1_000,
  connectionRequestsMax: 32,
  writeTimeoutMs: 30_000,
  eventLoopDelayMaxMs: 1_000,
}

export interface AppOptions {
  logger: FastifyBaseLogger
  keys: readonly ApiKey[]
  limits: HttpLimits
  version: string
  publicUrl?: string | undefined
  /** Whether `/docs` and `/openapi.json` are there. */
  docs: boolean
  health: () => Promise<readonly HealthCheck[]>
  metrics: Metrics
  /** Schemas that routes refer to as `{ $ref: '<$id>#' }`; the API description names them by `$id`. */
  schemas: readonly object[]
  /** Each registers its routes behind the API key, in a scope of its own. */
  endpoints: readonly FastifyPluginAsync[]
  /** The same for endpoints whose caller waits for the result: refused while the event loop is delayed. */
  realTimeEndpoints: readonly FastifyPluginAsync[]
  /** The same without an API key. */
  openEndpoints: readonly FastifyPluginAsync[]
  clock: Clock
  random: Random
}

/** The whole edge, ready and not listening. */
export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const { limits, random, metrics, clock } = options
  const headers = headersOfAll(options)
  const seldom = new SeldomLog(options.logger, clock)
  const app: FastifyInstance = Fastify({
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    genReqId: () => random.uuid(),
    serverFactory: (handler) =>
      createBoundedServer(handler, serverOptions(limits), { limits, metrics, seldom, clock }),
    bodyLimit: limits.bodyLimitBytes,
    routerOptions: { maxParamLength: limits.pathParameterLengthMax },
    // A request that came in before the socket closed is answered by its endpoint, not refused.
    return503OnClosing: false,
    schemaController: { compilersFactory: { buildValidator, buildSerializer } },
    frameworkErrors: (error, request, reply) => void handleError(error, request, reply.headers(headers)),
    clientErrorHandler: ({ code }, socket) => answerClientError(code, socket, random.uuid(), options.logger),
  })
  app.setErrorHandler(handleError)
  for (const schema of [Problem, ...options.schemas]) app.addSchema(schema)
  acceptStrictJsonOnly(app, limits)
  nameRequests(app, headers)
  refuseAmbiguousRequests(app)
  continueExpected(app)
  answerUnknownRoutes(app)
  measureRequests(app, options.metrics)
  boundBodies(app, limits.bodiesBytesMax, metrics)
  logAnswers(app)
  await registerDocs(app, options)
  app.addHook('onClose', async () => seldom.flush(true))
  const eventLoop = await watchEventLoop(app, limits.eventLoopDelayMaxMs, metrics)
  registerHealth(app, async () => [...(await options.health()), eventLoop.check()])
  for (const endpoint of options.openEndpoints) await app.register(endpoint)
  await app.register(async (scope) => {
    requireApiKey(scope, options.keys, options.clock)
    registerMetrics(scope, options.metrics)
    for (const endpoint of options.realTimeEndpoints) await scope.register(eventLoop.protect(endpoint))
    for (const endpoint of options.endpoints) await scope.register(endpoint)
  })
  await app.ready()
  return app
}

function serverOptions(limits: HttpLimits): ServerOptions {
  return {
    requestTimeout: limits.requestTimeoutMs,
    headersTimeout: limits.headersTimeoutMs,
    connectionsCheckingInterval: limits.connectionsCheckingIntervalMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    // Ours closes the connection as well.
    requireHostHeader: false,
  }
}

function acceptStrictJsonOnly(app: FastifyInstance, limits: HttpLimits): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async (_request: unknown, body: Buffer) => parseJson(body, limits.json),
  )
}

const HSTS_MAX_AGE_SECONDS = 31_536_000

/** Headers of every answer that its route does not override. */
function headersOfAll({ publicUrl }: AppOptions): Record<string, string> {
  return {
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
    ...(publicUrl?.startsWith('https:') && {
      'strict-transport-security': `max-age=${HSTS_MAX_AGE_SECONDS}`,
    }),
  }
}

/** A caller's own request id is echoed but never used as ours, which must be unique in the log. */
function nameRequests(app: FastifyInstance, headers: Record<string, string>): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({ ...headers, 'x-request-id': request.id })
    const theirs = request.headers['x-request-id']
    if (typeof theirs === 'string' && /^[\w.-]{1,128}$/.test(theirs))
      reply.header('x-client-request-id', theirs)
  })
}

/** Called every few seconds by orchestrators and Prometheus. */
const PROBES: ReadonlySet<string> = new Set(['/livez', '/readyz', '/metrics'])

/**
 * Logs one line per answer; probes at level debug, unless their key is refused. The line has the route's pattern, since
 * the URL may contain personal data.
 */
function logAnswers(app: FastifyInstance): void {
  app.addHook('onResponse', async (request, reply) => {
    const isProbe = PROBES.has(request.routeOptions.url ?? '') && reply.statusCode !== 401
    request.log[isProbe ? 'debug' : 'info']({
      event: 'request-answered',
      method: request.method,
      route: request.routeOptions.url ?? 'unmatched',
      status: reply.statusCode,
      durationMs: Math.round(reply.elapsedTime),
    })
  })
}

import type { FastifyInstance } from 'fastify'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** Label names to values. Values come from our own small sets, never from a request's text. */
type Labels = Readonly<Record<string, string | number>>

/** One value of a gauge at the moment of a scrape. */
interface Sample {
  name: string
  value: number
  labels?: Labels
}

/** In Prometheus' text format, version 0.0.4. A name is registered once; registering it again gives the same metric. */
export interface Metrics {
  /** Counts from 0. `labels` are the names that each `add` gives values for. */
  counter(name: string, help: string, labels?: readonly string[]): { add(labels?: Labels, by?: number): void }
  /** `buckets` are upper bounds in the metric's own unit, rising. */
  histogram(
    name: string,
    help: string,
    buckets: readonly number[],
    labels?: readonly string[],
  ): { observe(value: number, labels?: Labels): void }
  /** `help` by name; `read` is called at each scrape; a gauge without a sample is omitted. */
  gauges(help: Readonly<Record<string, string>>, read: () => Promise<readonly Sample[]>): void
  render(): Promise<string>
}

export function createMetrics({ version }: { version: string }): Metrics {
  const registry = new Registry()
  const groups: { help: Readonly<Record<string, string>>; read: () => Promise<readonly Sample[]> }[] = []
  new Gauge({
    name: 'build_info',
    help: 'Always 1; the labels name the versions that are running.',
    labelNames: ['version', 'node_version'],
    registers: [registry],
  }).set({ version, node_version: process.versions.node }, 1)
  return {
    counter(name, help, labelNames = []) {
      const made = registry.getSingleMetric(name) ?? counterOf({ name, help, labelNames, registry })
      if (!(made instanceof Counter)) throw new TypeError(`${name} is not a counter`)
      return { add: (labels = {}, by = 1) => made.inc(labels, by) }
    },
    histogram(name, help, buckets, labelNames = []) {
      const registers = [registry]
      const made =
        registry.getSingleMetric(name) ??
        new Histogram({ name, help, buckets: [...buckets], labelNames: [...labelNames], registers })
      if (!(made instanceof Histogram)) throw new TypeError(`${name} is not a histogram`)
      return { observe: (value, labels = {}) => made.observe(labels, value) }
    },
    gauges: (help, read) => void groups.push({ help, read }),
    async render() {
      const scrape = new Registry()
      for (const { help, samples } of await Promise.all(
        groups.map(async ({ help, read }) => ({ help, samples: await read() })),
      )) {
        for (const [name, what] of Object.entries(help)) setGauge(scrape, name, what, samples)
      }
      const texts = [registry, scrape, processMetrics()].map((one) => one.metrics())
      return (await Promise.all(texts)).filter((text) => text.trim() !== '').join('')
    },
  }
}

interface CounterOptions {
  name: string
  help: string
  labelNames: readonly string[]
  registry: Registry
}

function counterOf({ name, help, labelNames, registry }: CounterOptions): Counter {
  return new Counter({ name, help, labelNames: [...labelNames], registers: [registry] })
}

function setGauge(scrape: Registry, name: string, help: string, samples: readonly Sample[]): void {
  const own = samples.filter((sample) => sample.name === name)
  if (own.length === 0) return
  const labelNames = [...new Set(own.flatMap(({ labels = {} }) => Object.keys(labels)))]
  const gauge = new Gauge({ name, help, labelNames, registers: [scrape] })
  for (const { value, labels = {} } of own) gauge.set(labels, value)
}

let ofProcess: Registry | undefined

/** Memory, CPU, handles, garbage collection: once a process, from the first scrape on. */
function processMetrics(): Registry {
  if (ofProcess) return ofProcess
  ofProcess = new Registry()
  collectDefaultMetrics({ register: ofProcess })
  return ofProcess
}

const DURATION_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 25, 30]

/** Counts and times every answer by route pattern; unmatched paths share one label. */
export function measureRequests(app: FastifyInstance, metrics: Metrics): void {
  const requests = metrics.counter('http_requests_total', 'Answers by method, route and status.', [
    'method',
    'route',
    'status',
  ])
  const duration = metrics.histogram(
    'http_request_duration_seconds',
    'Time from the first byte of the request to the end of the answer.',
    DURATION_BUCKETS_SECONDS,
    ['method', 'route'],
  )
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unmatched'
    requests.add({ method: request.method, route, status: reply.statusCode })
    duration.observe(reply.elapsedTime / 1000, { method: request.method, route })
  })
}

/** `GET /metrics`, in a scope that requires the API key: the numbers reveal a customer's volume. */
export function registerMetrics(scope: FastifyInstance, metrics: Metrics): void {
  const schema = {
    summary: 'Metrics for Prometheus',
    tags: ['operations'],
    response: {
      200: {
        description: 'Prometheus text format.',
        content: { 'text/plain': { schema: { type: 'string' } } },
      },
    },
  }
  scope.get('/metrics', { schema }, async (_request, reply) =>
    reply.type('text/plain; version=0.0.4; charset=utf-8').send(await metrics.render()),
  )
}

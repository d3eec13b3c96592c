import type { FastifyInstance } from 'fastify'

/** Label names to values. Values come from our own small sets, never from a request's text. */
type Labels = Readonly<Record<string, string | number>>

interface Counter {
  add(labels?: Labels, by?: number): void
}
interface Histogram {
  observe(value: number, labels?: Labels): void
}

/** One value of a gauge at the moment of a scrape. */
interface Sample {
  name: string
  value: number
  labels?: Labels
}

/** Prometheus' text format, version 0.0.4. A name is registered once; asking again gives the same metric. */
export interface Metrics {
  counter(name: string, help: string): Counter
  /** `buckets` are upper bounds in the metric's own unit, rising. */
  histogram(name: string, help: string, buckets: readonly number[]): Histogram
  /** `help` by name; `read` is called at each scrape; a gauge without a sample is omitted. */
  gauges(help: Readonly<Record<string, string>>, read: () => Promise<readonly Sample[]>): void
  render(): Promise<string>
}

interface Metric {
  render(): string[]
}

export function createMetrics(): Metrics {
  const metrics = new Map<string, Metric & Partial<Counter & Histogram>>()
  const gauges: (() => Promise<string[]>)[] = []
  return {
    counter(name, help) {
      const made = metrics.get(name) ?? createCounter(name, help)
      metrics.set(name, made)
      const { add } = made
      if (!add) throw new TypeError(`${name} is not a counter`)
      return { add }
    },
    histogram(name, help, buckets) {
      const made = metrics.get(name) ?? createHistogram(name, help, buckets)
      metrics.set(name, made)
      const { observe } = made
      if (!observe) throw new TypeError(`${name} is not a histogram`)
      return { observe }
    },
    gauges(help, read) {
      gauges.push(async () => renderGauges(help, await read()))
    },
    async render() {
      const read = await Promise.all(gauges.map((gauge) => gauge()))
      return `${[...[...metrics.values()].map((metric) => metric.render()), ...read].flat().join('\n')}\n`
    },
  }
}

function createCounter(name: string, help: string): Metric & Counter {
  const totals = new Map<string, number>()
  return {
    add(labels = {}, by = 1) {
      const key = labelText(labels)
      totals.set(key, (totals.get(key) ?? 0) + by)
    },
    render: () => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} counter`,
      ...[...totals].map(([key, total]) => `${name}${braced(key)} ${total}`),
    ],
  }
}

function createHistogram(name: string, help: string, buckets: readonly number[]): Metric & Histogram {
  const series = new Map<string, { counts: number[]; sum: number; count: number }>()
  return {
    observe(value, labels = {}) {
      const key = labelText(labels)
      const one = series.get(key) ?? { counts: buckets.map(() => 0), sum: 0, count: 0 }
      series.set(key, one)
      one.counts = one.counts.map((count, index) => (value <= (buckets[index] ?? 0) ? count + 1 : count))
      one.sum += value
      one.count += 1
    },
    render: () => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} histogram`,
      ...[...series].flatMap(([key, { counts, sum, count }]) => {
        const within = (bound: string) => braced(key === '' ? `le="${bound}"` : `${key},le="${bound}"`)
        return [
          ...buckets.map((bound, index) => `${name}_bucket${within(String(bound))} ${counts[index]}`),
          `${name}_bucket${within('+Inf')} ${count}`,
          `${name}_sum${braced(key)} ${sum}`,
          `${name}_count${braced(key)} ${count}`,
        ]
      }),
    ],
  }
}

function renderGauges(help: Readonly<Record<string, string>>, samples: readonly Sample[]): string[] {
  return Object.entries(help).flatMap(([name, what]) => {
    const own = samples.filter((sample) => sample.name === name)
    if (own.length === 0) return []
    const lines = own.map(({ value, labels = {} }) => `${name}${braced(labelText(labels))} ${value}`)
    return [`# HELP ${name} ${what}`, `# TYPE ${name} gauge`, ...lines]
  })
}

function labelText(labels: Labels): string {
  const escaped = (value: string) => value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(String(value))}"`)
    .join(',')
}

function braced(key: string): string {
  return key === '' ? '' : `{${key}}`
}

const DURATION_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 25, 30]

/** Counts and times every answer by route pattern; unmatched paths share one label. */
export function measureRequests(app: FastifyInstance, metrics: Metrics): void {
  const requests = metrics.counter('http_requests_total', 'Answers by method, route and status.')
  const duration = metrics.histogram(
    'http_request_duration_seconds',
    'Time from the first byte of the request to the end of the answer.',
    DURATION_BUCKETS_SECONDS,
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

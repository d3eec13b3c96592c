import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics, type Metrics } from '../../src/http/metrics.ts'
import { createEdge, WITH_KEY } from './edge.ts'

const BUILD = { version: '1.2.3' }

/** Of the metrics that have one of these names, or begin with one and an underscore. */
async function linesOf(metrics: Metrics, ...names: string[]): Promise<string[]> {
  const isOurs = (line: string) =>
    names.some((name) => new RegExp(`^(?:# (?:HELP|TYPE) )?${name}(?:_bucket|_sum|_count)?[ {]`).test(line))
  return (await metrics.render()).split('\n').filter(isOurs)
}

test('counters and histograms are written as Prometheus reads them', async () => {
  const metrics = createMetrics(BUILD)
  const outcomes = metrics.counter('outcomes_total', 'Answers by outcome.', ['outcome'])
  outcomes.add({ outcome: 'created' })
  outcomes.add({ outcome: 'created' }, 2)
  outcomes.add({ outcome: 'a "b" \\ c\nd' })
  const seconds = metrics.histogram('wait_seconds', 'Waiting.', [0.1, 1], ['source'])
  for (const value of [0.05, 0.1, 0.5, 7]) seconds.observe(value, { source: 'sync' })
  seconds.observe(2, { source: 'rest' })
  assert.deepEqual(await linesOf(metrics, 'outcomes_total', 'wait_seconds'), [
    '# HELP outcomes_total Answers by outcome.',
    '# TYPE outcomes_total counter',
    'outcomes_total{outcome="created"} 3',
    String.raw`outcomes_total{outcome="a \"b\" \\ c\nd"} 1`,
    '# HELP wait_seconds Waiting.',
    '# TYPE wait_seconds histogram',
    'wait_seconds_bucket{le="0.1",source="sync"} 2',
    'wait_seconds_bucket{le="1",source="sync"} 3',
    'wait_seconds_bucket{le="+Inf",source="sync"} 4',
    'wait_seconds_sum{source="sync"} 7.65',
    'wait_seconds_count{source="sync"} 4',
    'wait_seconds_bucket{le="0.1",source="rest"} 0',
    'wait_seconds_bucket{le="1",source="rest"} 0',
    'wait_seconds_bucket{le="+Inf",source="rest"} 1',
    'wait_seconds_sum{source="rest"} 2',
    'wait_seconds_count{source="rest"} 1',
  ])
})

test('gauges are read at each scrape, and one without a sample is omitted', async () => {
  const metrics = createMetrics(BUILD)
  let depth = 1
  metrics.gauges({ depth: 'Waiting.', silent: 'Nothing.' }, async () => [
    { name: 'depth', value: depth, labels: { lane: 'fast' } },
    { name: 'depth', value: depth * 2, labels: { lane: 'slow' } },
  ])
  const head = ['# HELP depth Waiting.', '# TYPE depth gauge']
  const read = () => linesOf(metrics, 'depth', 'silent')
  assert.deepEqual(await read(), [...head, 'depth{lane="fast"} 1', 'depth{lane="slow"} 2'])
  depth = 5
  assert.deepEqual(await read(), [...head, 'depth{lane="fast"} 5', 'depth{lane="slow"} 10'])
})

test('a scrape names the versions and tells how the process does', async () => {
  const metrics = createMetrics(BUILD)
  const node = process.versions.node
  const [, , build] = await linesOf(metrics, 'build_info')
  assert.equal(build, `build_info{version="1.2.3",node_version="${node}"} 1`)
  for (const name of [
    'process_resident_memory_bytes',
    'process_cpu_seconds_total',
    'nodejs_eventloop_lag_p99_seconds',
  ]) {
    assert.equal((await linesOf(metrics, name)).length, 3, name)
  }
})

test('a name is one metric, and of one kind', async () => {
  const metrics = createMetrics(BUILD)
  metrics.counter('a_total', 'A.').add()
  metrics.counter('a_total', 'A.').add()
  assert.match(await metrics.render(), /^a_total 2$/m)
  assert.throws(() => metrics.histogram('a_total', 'A.', [1]), /not a histogram/)
  metrics.histogram('b_seconds', 'B.', [1])
  assert.throws(() => metrics.counter('b_seconds', 'B.'), /not a counter/)
})

test('/metrics needs a key and counts answers by route pattern, never by URL', async (t) => {
  const { app } = await createEdge(t)
  assert.equal((await app.inject({ url: '/metrics' })).statusCode, 401)
  await app.inject({ url: '/livez?email=ann@example.org' })
  await app.inject({ url: '/nowhere/ann' })
  const answer = await app.inject({ url: '/metrics', headers: WITH_KEY })
  assert.match(String(answer.headers['content-type']), /^text\/plain; version=0\.0\.4/)
  assert.match(answer.body, /^http_requests_total\{method="GET",route="\/livez",status="200"\} 1$/m)
  assert.match(answer.body, /^http_requests_total\{method="GET",route="unmatched",status="404"\} 1$/m)
  assert.match(answer.body, /^http_requests_total\{method="GET",route="\/metrics",status="401"\} 1$/m)
  assert.match(answer.body, /^http_request_duration_seconds_count\{method="GET",route="\/livez"\} 1$/m)
  assert.doesNotMatch(answer.body, /ann/)
})

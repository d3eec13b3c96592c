import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics } from '../../src/http/metrics.ts'
import { createEdge, WITH_KEY } from './edge.ts'

test('counters and histograms are written as Prometheus reads them', async () => {
  const metrics = createMetrics()
  const outcomes = metrics.counter('outcomes_total', 'Answers by outcome.')
  outcomes.add({ outcome: 'created' })
  outcomes.add({ outcome: 'created' }, 2)
  outcomes.add({ outcome: 'a "b" \\ c\nd' })
  const seconds = metrics.histogram('wait_seconds', 'Waiting.', [0.1, 1])
  for (const value of [0.05, 0.1, 0.5, 7]) seconds.observe(value)
  seconds.observe(2, { source: 'rest' })
  assert.equal(
    await metrics.render(),
    String.raw`# HELP outcomes_total Answers by outcome.
# TYPE outcomes_total counter
outcomes_total{outcome="created"} 3
outcomes_total{outcome="a \"b\" \\ c\nd"} 1
# HELP wait_seconds Waiting.
# TYPE wait_seconds histogram
wait_seconds_bucket{le="0.1"} 2
wait_seconds_bucket{le="1"} 3
wait_seconds_bucket{le="+Inf"} 4
wait_seconds_sum 7.65
wait_seconds_count 4
wait_seconds_bucket{source="rest",le="0.1"} 0
wait_seconds_bucket{source="rest",le="1"} 0
wait_seconds_bucket{source="rest",le="+Inf"} 1
wait_seconds_sum{source="rest"} 2
wait_seconds_count{source="rest"} 1
`,
  )
})

test('gauges are read at each scrape, and one that has nothing to tell is left out', async () => {
  const metrics = createMetrics()
  let depth = 1
  metrics.gauges({ depth: 'Waiting.', silent: 'Nothing.' }, async () => [
    { name: 'depth', value: depth },
    { name: 'depth', value: depth * 2, labels: { lane: 'slow' } },
  ])
  const head = '# HELP depth Waiting.\n# TYPE depth gauge\n'
  assert.equal(await metrics.render(), `${head}depth 1\ndepth{lane="slow"} 2\n`)
  depth = 5
  assert.equal(await metrics.render(), `${head}depth 5\ndepth{lane="slow"} 10\n`)
})

test('a name is one metric, and of one kind', async () => {
  const metrics = createMetrics()
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

import { setTimeout as delay } from 'node:timers/promises'
import { Agent } from 'undici'

/** The load generator, in a process of its own. */

export interface LoadRequest {
  body: string
  /** Idempotency-Key. */
  key?: string
}

export interface Load {
  /** Called in turn. */
  urls: readonly string[]
  path: string
  apiKey: string
  requests: readonly LoadRequest[]
  /** Open loop: a request starts when its time has come, whatever became of the others. */
  perSecond?: number
  /** Closed loop: so many at a time, each as soon as the one before has its answer. */
  concurrency?: number
}

export interface LoadResult {
  /** From the moment at which the request was due, or sent if a timer was early, to the last byte of its answer. */
  latenciesMs: number[]
  /** Answers by status and outcome, such as `200 created`. */
  outcomes: Record<string, number>
}

const FIRST_IN_MS = 20

async function run(load: Load): Promise<LoadResult> {
  const agent = new Agent({ allowH2: false })
  const latenciesMs: number[] = []
  const outcomes: Record<string, number> = {}
  let turn = 0
  const send = async ({ body, key }: LoadRequest, dueAt: number) => {
    turn += 1
    const startedAt = Math.min(dueAt, performance.now())
    const { statusCode, body: answer } = await agent.request({
      origin: load.urls[turn % load.urls.length] ?? '',
      path: load.path,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-api-key': load.apiKey,
        ...(key !== undefined && { 'idempotency-key': key }),
      },
      body,
    })
    const text = await answer.text()
    latenciesMs.push(performance.now() - startedAt)
    const { outcome } = JSON.parse(text) as { outcome: string }
    const name = `${statusCode} ${outcome}`
    outcomes[name] = (outcomes[name] ?? 0) + 1
  }
  if (load.perSecond === undefined) await closedLoop(load.requests, load.concurrency ?? 1, send)
  else await openLoop(load.requests, 1_000 / load.perSecond, send)
  await agent.close()
  return { latenciesMs, outcomes }
}

type Send = (request: LoadRequest, dueAt: number) => Promise<void>

async function openLoop(requests: readonly LoadRequest[], gapMs: number, send: Send): Promise<void> {
  const firstAt = performance.now() + FIRST_IN_MS
  const sent: Promise<void>[] = []
  for (const [index, request] of requests.entries()) {
    const dueAt = firstAt + index * gapMs
    const early = dueAt - performance.now()
    if (early > 0) await delay(early)
    sent.push(send(request, dueAt))
  }
  await Promise.all(sent)
}

async function closedLoop(requests: readonly LoadRequest[], concurrency: number, send: Send): Promise<void> {
  const queue = requests.values()
  const worker = async () => {
    for (const request of queue) await send(request, performance.now())
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
}

process.on('message', (load: Load) => {
  void run(load).then((result) => process.send?.(result))
})

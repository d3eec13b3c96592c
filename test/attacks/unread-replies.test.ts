import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { startFlags } from '../../bench/processes.ts'
import { startSandbox } from '../../sandbox/index.ts'
import { type RunningService, startService } from '../service.ts'

/** Callers without a key who ask for much and read nothing. `npm run test:long`. */

const CONNECTIONS = 500
/** As many as one read of the socket holds. */
const REQUESTS = 1_700
const PATHS = ['/openapi.json', '/docs/static/swagger-ui-bundle.js', '/flow-step/openapi.json', '/%zz']
const MEASURED_MS = 10_000
const MEMORY_MB_MAX = 50
const LEGITIMATE_P99_MS_MAX = 1_000
const ALIVE_MS_MAX = 1_000
const ATTACKER_PAUSE_MS = 1_000

test('500 connections that pipeline 1,700 requests each and read nothing disturb nobody', async () => {
  // With fewer requests than one connection may have open, the answers wait to be read instead.
  for (const requests of [REQUESTS, 30]) {
    await using sandbox = await startSandbox()
    await using service = await startService(sandbox.environment(), undefined, startFlags())
    for (const path of PATHS) await (await fetch(service.url + path)).arrayBuffer()
    await Promise.all(Array.from({ length: 50 }, (_, index) => send(service, `early-${requests}-${index}`)))

    const before = memoryMb(service)
    const over = new AbortController()
    const attack = Promise.all(
      Array.from({ length: CONNECTIONS }, (_, index) => flood(service, index, requests, over.signal)),
    )
    const [legitimate, alive, peak] = await Promise.all([
      durations((index) => send(service, `${requests}-${index}`)),
      durations(() => fetch(`${service.url}/livez`)),
      peakMb(service),
    ])
    over.abort()
    const connected = (await attack).reduce((sum, times) => sum + times, 0)

    const p99 = legitimate[Math.ceil(legitimate.length * 0.99) - 1] ?? Number.POSITIVE_INFINITY
    const slowest = alive.at(-1) ?? Number.POSITIVE_INFINITY
    const grown = peak - before
    console.log(
      `${requests} requests × ${connected} connections: p99 ${Math.round(p99)} ms of ${legitimate.length}, /livez at most ${Math.round(slowest)} ms, memory ${Math.round(before)} + ${Math.round(grown)} MB`,
    )
    assert(connected >= CONNECTIONS, 'every attacker was connected')
    assert(p99 < LEGITIMATE_P99_MS_MAX, `p99 of legitimate calls is ${p99} ms`)
    assert(slowest <= ALIVE_MS_MAX, `/livez took ${slowest} ms`)
    assert(grown <= MEMORY_MB_MAX, `memory grew by ${grown} MB`)
  }
})

/** One call of a campaign about a new person. */
async function send({ url, key }: RunningService, name: string): Promise<void> {
  const response = await fetch(`${url}/v1/flow-actions/sync-person-to-microsoft`, {
    method: 'POST',
    headers: { 'x-api-key': key, 'content-type': 'application/json' },
    body: JSON.stringify({ person: { email: `${name}@example.com`, lastName: 'A', company: 'B' } }),
  })
  assert.equal(response.status, 200, await response.text())
}

/** In ms, the longest last: one call after the other for as long as it is measured. */
async function durations(call: (index: number) => Promise<unknown>): Promise<number[]> {
  const found: number[] = []
  for (const end = performance.now() + MEASURED_MS; performance.now() < end; await delay(10)) {
    const begin = performance.now()
    await call(found.length)
    found.push(performance.now() - begin)
  }
  return found.sort((one, other) => one - other)
}

/** Asks and does not read; comes back when it is thrown out. Gives how often it was connected. */
async function flood(
  { url }: RunningService,
  index: number,
  requests: number,
  over: AbortSignal,
): Promise<number> {
  const { hostname, port } = new URL(url)
  const path = PATHS[index % PATHS.length]
  let connected = 0
  while (!over.aborted) {
    const socket = connect(Number(port), hostname).on('error', () => {})
    socket.on('connect', () => {
      connected += 1
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(requests))
      socket.pause()
    })
    await gone(socket, over)
    await delay(ATTACKER_PAUSE_MS, undefined, { signal: over }).catch(() => {})
  }
  return connected
}

async function gone(socket: Socket, over: AbortSignal): Promise<void> {
  await once(socket, 'close', { signal: over }).catch(() => {})
  socket.destroy()
}

async function peakMb(service: RunningService): Promise<number> {
  let peak = 0
  for (const end = performance.now() + MEASURED_MS; performance.now() < end; await delay(100)) {
    peak = Math.max(peak, memoryMb(service))
  }
  return peak
}

/** Resident memory; 0 where the system does not say. */
function memoryMb({ pid }: RunningService): number {
  if (process.platform !== 'linux') return 0
  const [, kilobytes = ''] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) / 1_024
}

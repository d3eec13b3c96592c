import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { API_KEY, openPlayground } from '../../sandbox/playground.ts'

const LOOK_EVERY_MS = 100

test('a fresh sandbox shows no failure, whatever the set-up makes of the whole field selection', async () => {
  const settings = { SYNC_INTERVAL_SECONDS: '1', LOG_LEVEL: 'error' }
  await using playground = await openPlayground({
    port: 8500,
    settings,
    signal: new AbortController().signal,
  })
  const get = async (path: string) => {
    const response = await fetch(`${playground.service.url}${path}`, { headers: { 'x-api-key': API_KEY } })
    return (await response.json()) as Record<string, unknown>
  }
  let status = await get('/v1/sync/status')
  while (status.lastCycle === undefined) {
    await pause(LOOK_EVERY_MS)
    status = await get('/v1/sync/status')
  }
  assert.deepEqual((await get('/v1/sync/failures')).failures, [])
  const { state, openFailures, lastCycle, streams } = status
  const troubled = (streams as { code?: string }[]).filter(({ code }) => code !== undefined)
  assert.deepEqual([state, openFailures, troubled], ['running', 0, []])
  assert.equal((lastCycle as { result: string }).result, 'done')
})

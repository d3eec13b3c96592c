import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import http from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startSandbox } from '../../sandbox/index.ts'
import { freePort, launchService, waitUntilReady } from '../../sandbox/launch.ts'
import { welcome } from '../../sandbox/print.ts'

const HOST = '127.0.0.1'

async function withScript(source: string, use: (path: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'launch-'))
  try {
    const path = join(directory, 'main.mjs')
    await writeFile(path, source)
    await use(path)
  } finally {
    await rm(directory, { recursive: true })
  }
}

const READY_AT_THE_THIRD_TRY = `
import { createServer } from 'node:http'
let asked = 0
createServer((_, response) => { asked += 1; response.writeHead(asked < 3 ? 503 : 200).end() })
  .listen(Number(process.env.PORT), process.env.HOST, () => console.log('{"level":"info","event":"started"}'))
process.on('SIGTERM', () => process.exit(process.env.SECRET === 's' && process.env.PATH === undefined ? 7 : 1))`

test('a service is ready when /readyz says so, has only the given environment, and stops when told', async () => {
  await withScript(READY_AT_THE_THIRD_TRY, async (path) => {
    const service = launchService(path, HOST, await freePort(HOST, 20_000), { SECRET: 's' })
    await waitUntilReady(service)
    await service.stop()
    assert.equal(await service.ended, 7)
    await service.stop()
  })
})

test('a service that is killed has no say in how it ends', async () => {
  await withScript(READY_AT_THE_THIRD_TRY, async (path) => {
    const service = launchService(path, HOST, await freePort(HOST, 20_000), { SECRET: 's' })
    await waitUntilReady(service)
    await service.stop('SIGKILL')
    assert.equal(await service.ended, 1)
  })
})

test('a service that stops before it is ready is reported with its exit code', async () => {
  await withScript('process.exit(3)', async (path) => {
    const service = launchService(path, HOST, await freePort(HOST, 20_000), {})
    await assert.rejects(waitUntilReady(service), /exit code 3/)
  })
})

test('a service whose port another one has taken is not ready because that one is', async () => {
  const other = http.createServer((_, response) => response.end())
  await new Promise<void>((resolve) => other.listen(0, HOST, resolve))
  try {
    const { port } = other.address() as AddressInfo
    await withScript('setTimeout(() => process.exit(4), 300)', async (path) => {
      await assert.rejects(waitUntilReady(launchService(path, HOST, port, {})), /exit code 4/)
    })
  } finally {
    other.close()
  }
})

test('a taken port is passed over', async () => {
  const port = await freePort(HOST, 21_000)
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(port, HOST, resolve))
  try {
    assert.ok((await freePort(HOST, port)) > port)
  } finally {
    server.close()
  }
})

test('the welcome shows both endpoints, the key, and where to look', async () => {
  await using sandbox = await startSandbox()
  const text = welcome(sandbox, 'http://127.0.0.1:8080', 'the-key', '/data')
  for (const part of [
    'http://127.0.0.1:8080/docs',
    'curl -s -X POST http://127.0.0.1:8080/v1/flow-actions/sync-person-to-microsoft',
    'curl -s -X POST http://127.0.0.1:8080/webhooks/marketo/sync-person-to-microsoft',
    "-H 'x-api-key: the-key'",
    '{"person":{"marketoId":4711,"email":"ann@example.com","firstName":"Ann","lastName":"Ek","company":"Ek AB"}}',
    `${sandbox.dataverse.url}/_sandbox/rows/leads`,
    'curl -s http://127.0.0.1:8080/v1/sync/status',
    'curl -s -X POST http://127.0.0.1:8080/v1/sync/preview',
    `${sandbox.marketo.url}/_sandbox/people/1001`,
    sandbox.entra.url,
  ]) {
    assert.ok(text.includes(part), part)
  }
})

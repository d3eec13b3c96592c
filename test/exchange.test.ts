import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import test from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { createAgent, exchange, type Resolve } from '../src/exchange.ts'
import { selfSigned } from './dataverse/self-signed.ts'

const settings = {
  concurrencyMax: 1,
  connectTimeoutMs: 2_000,
  headersTimeoutMs: 2_000,
  bodyGapTimeoutMs: 2_000,
  replyBytesMax: 10_000,
}

/** A server whose certificate is for the name `test`, and trusted while it runs. */
async function trustedServer() {
  const { certificate: cert, privateKey: key } = selfSigned()
  const server = createServer({ cert, key }, (request, response) => response.end(request.headers.host))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const known = getCACertificates('default')
  setDefaultCACertificates([...known, cert])
  const { port } = server.address() as AddressInfo
  return {
    port,
    async [Symbol.asyncDispose]() {
      setDefaultCACertificates(known)
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function ask(host: string, port: number, resolve: Resolve): Promise<string> {
  const agent = createAgent(settings, resolve)
  try {
    const request = { origin: `https://${host}:${port}`, path: '/', method: 'GET', headers: {} } as const
    return (await exchange(agent, request, AbortSignal.timeout(5_000))).body
  } finally {
    await agent.destroy()
  }
}

test('an agent with a resolver connects to the addresses it is given, and TLS stays about the name', async () => {
  await using server = await trustedServer()
  const asked: string[] = []
  const here: Resolve = async (hostname) => {
    asked.push(hostname)
    return [{ address: '127.0.0.1', family: 4 }]
  }
  assert.equal(await ask('test', server.port, here), `test:${server.port}`)
  await assert.rejects(ask('other.invalid', server.port, here), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
  assert.deepEqual(asked, ['test', 'other.invalid'])
})

test('where the first address does not answer, the next one is tried', async () => {
  await using server = await trustedServer()
  const addresses = [
    { address: '::1', family: 6 },
    { address: '127.0.0.1', family: 4 },
  ]
  assert.equal(await ask('test', server.port, async () => addresses), `test:${server.port}`)
})

test('what the resolver says against a host is what the caller hears', async () => {
  const refusal = new Error('not this one')
  await assert.rejects(
    ask('test', 1, () => Promise.reject(refusal)),
    (error) => error === refusal,
  )
})

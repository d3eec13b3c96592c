import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'

export interface Heard {
  method: string
  url: string
  headers: NodeJS.Dict<string | string[]>
  body: string
}

export interface Reply {
  status: number
  body: string
  headers?: Record<string, string>
}

/** A webhook's other end, which answers with `reply`, or never when there is none. */
export async function hear(reply?: Reply) {
  const heard: Heard[] = []
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request
    heard.push({ method, url, headers, body: await text(request) })
    if (reply) response.writeHead(reply.status, reply.headers).end(reply.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return {
    url: `http://127.0.0.1:${address.port}/hook`,
    heard,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

import type { IncomingMessage, RequestListener, Server } from 'node:http'
import { createServer } from 'node:http'

const BODY_BYTES_MAX = 16 * 1024 * 1024

export interface Listening {
  url: string
  /** Ends every connection, hung ones included. */
  close(): Promise<void>
}

/** `port` 0 takes any free one. Rejects when the port is taken. */
export async function listen(
  listener: RequestListener,
  host: string,
  port: number,
  headerBytesMax = 16 * 1024,
): Promise<Listening> {
  const server: Server = createServer({ keepAliveTimeout: 60_000, maxHeaderSize: headerBytesMax }, listener)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the sandbox listens on no TCP port')
  return {
    url: `http://${host}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** undefined = the sender went away or sent more than the sandbox takes. */
export async function readText(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of request) {
      if (!(chunk instanceof Buffer)) return undefined
      bytes += chunk.length
      if (bytes > BODY_BYTES_MAX) return undefined
      chunks.push(chunk)
    }
  } catch {
    return undefined
  }
  return Buffer.concat(chunks).toString('utf8')
}

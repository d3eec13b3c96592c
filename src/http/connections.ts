import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import type { SeldomLog } from '../log.ts'
import type { Metrics } from './metrics.ts'

/** Bounds that Node does not have: open connections, requests in flight on each, and the time to read an answer. */
export interface ConnectionLimits {
  connectionsMax: number
  /** Requests of one connection that are not answered yet. */
  connectionRequestsMax: number
  /** Time in which the caller must have read the whole answer. */
  writeTimeoutMs: number
}

export interface ConnectionOptions {
  limits: ConnectionLimits
  metrics: Metrics
  seldom: SeldomLog
  clock: Clock
}

/** The requests of one connection. */
interface Line {
  waiting: (() => void)[]
  /** A request is being handled. */
  isBusy: boolean
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void

const REASONS = {
  'too-many-connections':
    'More than HTTP_CONNECTIONS connections were open: the new one and all idle connections were closed',
  'too-many-requests': 'A connection had more than HTTP_CONNECTION_REQUESTS open requests and was closed',
  'answer-not-read':
    'A client did not read its answer within HTTP_WRITE_TIMEOUT_MS, and its connection was closed',
} as const

/**
 * A server that handles the requests of a connection one after the other, so that at most one answer of a connection
 * waits to be read. It closes connections that go beyond the limits; their callers get no answer.
 */
export function createBoundedServer(
  handler: Handler,
  options: ServerOptions,
  { limits, metrics, seldom, clock }: ConnectionOptions,
): Server {
  const lines = new WeakMap<Socket, Line>()
  const closed = metrics.counter(
    'http_connections_closed_total',
    'Connections closed at a limit, by reason.',
    ['reason'],
  )
  const report = (code: keyof typeof REASONS) => {
    closed.add({ reason: code })
    seldom.write('warn', { event: 'connection-closed', code }, REASONS[code])
  }
  const close = (socket: Socket, code: keyof typeof REASONS) => {
    if (socket.destroyed) return
    socket.destroy()
    report(code)
  }

  const serve = (request: IncomingMessage, response: ServerResponse, done: () => void) => {
    const read = new AbortController()
    response.once('close', () => {
      read.abort('read')
      done()
    })
    response.once('prefinish', () => {
      if (response.writableLength === 0) return
      clock.sleep(limits.writeTimeoutMs, read.signal).then(
        () => close(request.socket, 'answer-not-read'),
        () => undefined,
      )
    })
    handler(request, response)
  }

  const admit: Handler = (request, response) => {
    const { socket } = request
    if (socket.destroyed) return
    const line = lines.get(socket) ?? { waiting: [], isBusy: false }
    lines.set(socket, line)
    const open = line.waiting.length + (line.isBusy ? 1 : 0)
    if (open >= limits.connectionRequestsMax) return close(socket, 'too-many-requests')
    const serveNext = () => {
      const next = socket.writable ? line.waiting.shift() : undefined
      line.isBusy = next !== undefined
      next?.()
    }
    // Between two requests of one connection the others get a turn of the event loop.
    line.waiting.push(() => serve(request, response, () => setImmediate(serveNext)))
    if (!line.isBusy) serveNext()
  }

  const server = createServer(options, admit)
  // The app says when to continue.
  server.on('checkContinue', admit)
  server.maxConnections = limits.connectionsMax
  server.on('drop', () => {
    report('too-many-connections')
    server.closeIdleConnections()
  })
  server.on('connection', (socket: Socket) => {
    guardParser(socket, limits.connectionRequestsMax, () => close(socket, 'too-many-requests'))
  })
  metrics.gauges({ http_connections: 'Open connections of callers.' }, async () => [
    { name: 'http_connections', value: await countConnections(server) },
  ])
  return server
}

const REQUEST_LINE_END = Buffer.from(' HTTP/1.1\r\n')

/**
 * Node parses everything that arrived in one piece even after the socket was closed: 64 KB can hold 1,700 requests. A
 * body may contain the end of a request line, but no legitimate body contains many.
 */
function guardParser(socket: Socket, requestsMax: number, refuse: () => void): void {
  const parsers = socket.listeners('data')
  socket.removeAllListeners('data')
  socket.on('data', (piece: Buffer) => {
    if (hasMoreThan(piece, REQUEST_LINE_END, requestsMax)) return refuse()
    for (const parse of parsers) parse.call(socket, piece)
  })
}

function hasMoreThan(piece: Buffer, wanted: Buffer, max: number): boolean {
  let found = 0
  for (let at = piece.indexOf(wanted); at >= 0; at = piece.indexOf(wanted, at + wanted.length)) {
    found += 1
    if (found > max) return true
  }
  return false
}

function countConnections(server: Server): Promise<number> {
  return new Promise((resolve) => server.getConnections((error, count) => resolve(error ? 0 : count)))
}

import type { Mutant } from './mutant.ts'

const CONNECTIONS = 'test/http/connections.test.ts'
const LOOP = 'test/http/event-loop.test.ts'
const DOCS = 'test/http/docs.test.ts'

/** What one caller, one monitor or one busy minute may cost the others. */
export const standing: readonly Mutant[] = [
  {
    name: 'requests of a connection in line',
    why: 'one connection makes the service work on any number of requests at a time',
    file: 'src/http/connections.ts',
    text: 'if (line.length === 1) serveNext()',
    replacement: 'serveNext()',
    tests: [CONNECTIONS],
  },
  {
    name: 'bound on the line of a connection',
    why: 'one connection fills the memory with requests that wait',
    file: 'src/http/connections.ts',
    text: "if (line.length >= limits.connectionRequestsMax) return close(socket, 'too-many-requests')",
    replacement: '',
    tests: [CONNECTIONS],
  },
  {
    name: 'pieces with too many requests',
    why: 'Node parses 1,700 requests of a connection that is closed already',
    file: 'src/http/connections.ts',
    text: 'if (hasMoreThan(piece, REQUEST_LINE_END, requestsMax)) return refuse()',
    replacement: '',
    tests: [CONNECTIONS],
  },
  {
    name: 'requests of a caller who is gone',
    why: 'requests are worked on whose connection was closed for having too many',
    file: 'src/http/connections.ts',
    text: 'if (!socket.destroyed) line[0]?.()',
    replacement: 'line[0]?.()',
    tests: [CONNECTIONS],
  },
  {
    name: 'time-out of writing',
    why: 'answers that nobody reads are kept for ever',
    file: 'src/http/connections.ts',
    text: "() => close(request.socket, 'answer-not-read'),",
    replacement: '() => undefined,',
    tests: [CONNECTIONS],
  },
  {
    name: 'cap on connections',
    why: 'connections fill memory and file descriptors',
    file: 'src/http/connections.ts',
    text: 'server.maxConnections = limits.connectionsMax',
    replacement: '',
    tests: [CONNECTIONS],
  },
  {
    name: 'room for the next connection',
    why: 'idle connections lock everybody else out',
    file: 'src/http/connections.ts',
    text: 'server.closeIdleConnections()',
    replacement: '',
    tests: [CONNECTIONS],
  },
  {
    name: 'documents off',
    why: 'DOCS=off hides nothing',
    file: 'src/http/docs.ts',
    text: 'if (options.docs) serveDocs(app)',
    replacement: 'serveDocs(app)',
    tests: [DOCS],
  },
  {
    name: 'real-time requests while the loop is late',
    why: 'requests are taken in that time out, instead of being refused at once',
    file: 'src/http/event-loop.ts',
    text: 'if (!isLate()) return',
    replacement: 'return',
    tests: [LOOP],
  },
  {
    name: 'readiness while the loop is late',
    why: 'load balancers go on sending to a replica that cannot answer in time',
    file: 'src/http/app.ts',
    text: '[...(await options.health()), eventLoop.check()]',
    replacement: 'options.health()',
    tests: [LOOP],
  },
]

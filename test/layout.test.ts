import { test } from 'node:test'
import { byPath, IMPORT, type Import, none, roomOf, sources } from './source.ts'

/** Who may know whom. docs/architecture.md tells why; a failure tells what to do. */

/**
 * Which rooms, files at the root of src, and packages each of them may import; `type:` = only as a type.
 * Node's own modules are free to all, save node:sqlite.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  main: ['config', 'service'],
  setup: ['clock', 'config', 'log', 'marketo', 'person', 'sync'],
  // Reads the one database and writes the other, with the jobs that the other one needs.
  'migrate-store': ['clock', 'config', 'errors', 'jobs', 'log', 'move-config', 'store'],
  backup: ['clock', 'config', 'move-config', 'store'],
  rebind: ['clock', 'config', 'jobs', 'log', 'move-config', 'store', 'type:store-config'],
  // Which organisation and subscription the store is about.
  pairing: ['errors', 'problem', 'type:store', 'type:pino'],
  'move-config': ['config', 'setting', 'store-config'],
  config: [
    'entra-config',
    'flow-step-config',
    'http-config',
    'json',
    'log',
    'marketo-config',
    'setting',
    'store-config',
  ],
  'store-config': ['setting'],
  'flow-step-config': ['setting'],
  'http-config': ['setting'],
  'marketo-config': ['setting'],
  'entra-config': ['setting', 'type:config', 'type:dataverse'],
  setting: [],
  'background-sync': ['type:service', 'type:fastify', 'action', 'sync'],
  'flow-step': ['type:service', 'type:store', 'action', 'http', 'marketo', 'package.json', 'type:fastify'],
  service: [
    ...[
      'type:config',
      'background-sync',
      'clock',
      'clock-watch',
      'flow-step',
      'log',
      'package.json',
      'type:fastify',
      'type:pino',
    ],
    ...['action', 'dataverse', 'http', 'marketo', 'person', 'storage', 'type:jobs', 'store', 'sync'],
    'type:quota',
    ...['abort', 'errors', 'pairing'],
  ],
  storage: [
    'type:clock',
    'jobs',
    'type:pino',
    'type:quota',
    'postgres-storage',
    'store',
    'type:store-config',
  ],
  'postgres-storage': ['jobs', 'type:storage', 'store', 'type:store-config'],
  http: [
    'type:clock',
    'dated-ahead',
    'errors',
    'json',
    'problem',
    'seldom-log',
    'fastify',
    '@fastify/swagger',
    '@fastify/swagger-ui',
    '@fastify/fast-json-stringify-compiler',
    '@fastify/under-pressure',
  ].concat(['ajv', 'typebox']),
  action: [
    ...['person', 'type:dataverse', 'type:marketo', 'type:store', 'type:jobs', 'abort', 'ask-seldom'],
    ...[
      'type:clock',
      'dated-ahead',
      'errors',
      'json',
      'problem',
      'retry',
      'seldom-log',
      'type:fastify',
      'type:pino',
      'typebox',
      'waiting',
      '@streamparser/json',
    ],
  ],
  sync: [
    ...[
      'person',
      'type:dataverse',
      'marketo',
      'type:store',
      'abort',
      'ask-seldom',
      'type:clock',
      'type:pino',
    ],
    ...['errors', 'problem', 'retry', 'seldom-log', 'type:event-log', 'type:fastify', 'typebox'],
    'waiting',
  ],
  person: ['type:dataverse', 'type:marketo', 'uuid'],
  dataverse: [
    ...[
      'type:clock',
      'errors',
      'retry',
      'abort',
      'divide',
      'exchange',
      'event-log',
      'gathering',
      'shape',
      'quota',
    ],
    ...['retry-after', 'vendor-words', '@azure/msal-node', 'type:undici'],
  ],
  marketo: [
    ...['type:clock', 'errors', 'abort', 'divide', 'exchange', 'event-log', 'gathering', 'shape', 'quota'],
    ...['retry-after', 'vendor-words', 'type:undici'],
  ],
  'vendor-words': [],
  // The driver on PostgreSQL waits for a lost connection; the one on SQLite has none to lose.
  store: [
    'type:jobs',
    'type:quota',
    'node:sqlite',
    'type:clock',
    'dated-ahead',
    'errors',
    'retry',
    'waiting',
    'pg',
    'seldom-log',
    'type:pino',
  ],
  // On PostgreSQL pg-boss keeps them, on the store's connections.
  jobs: ['type:clock', 'dated-ahead', 'seldom-log', 'type:store', 'pg-boss', 'type:pino'],
  sandbox: [],
  abort: ['type:clock'],
  'ask-seldom': ['abort', 'type:clock'],
  // What both vendors' limiters are made of.
  quota: ['type:abort', 'type:clock', 'errors', 'event-log'],
  clock: [],
  'clock-watch': ['type:clock', 'dated-ahead', 'type:http', 'type:pino'],
  'dated-ahead': [],
  divide: [],
  errors: [],
  'event-log': [],
  exchange: ['abort', 'undici'],
  gathering: ['abort', 'type:clock', 'errors'],
  json: [],
  log: ['pino'],
  problem: ['typebox'],
  'seldom-log': ['type:clock', 'errors', 'type:pino'],
  retry: ['type:clock', 'errors'],
  'retry-after': [],
  shape: [],
  waiting: ['type:errors'],
}

/** What an import is called in the table. */
function targetOf({ specifier, file }: Import): string {
  if (file?.endsWith('package.json')) return 'package.json'
  if (file !== undefined) return roomOf(file)
  return specifier.startsWith('node:')
    ? specifier
    : specifier.split('/', specifier[0] === '@' ? 2 : 1).join('/')
}

test('each room imports only whom it may know', () => {
  none(
    sources.flatMap(({ path, room, imports }) => {
      const allowed = MAY_IMPORT[room]
      if (!allowed)
        return [`src/${path}: a new room. Decide whom it may know: MAY_IMPORT in test/layout.test.ts`]
      return imports.flatMap((one) => {
        const target = targetOf(one)
        const free = target === room || (target.startsWith('node:') && target !== 'node:sqlite')
        if (free || allowed.includes(target) || (one.typeOnly && allowed.includes(`type:${target}`)))
          return []
        const how = allowed.includes(`type:${target}`) ? ' at run time; import its types only, or ' : ': '
        return [`src/${path} imports ${target}${how}let service.ts pass in what it needs`]
      })
    }),
  )
})

test('every import of a file has a file', () => {
  none(
    sources.flatMap(({ path, imports }) =>
      imports
        .filter(({ file }) => file !== undefined && !file.endsWith('.json') && !byPath.has(file))
        .map(({ specifier }) => `src/${path} imports ${specifier}, which is not there`),
    ),
  )
})

test('nothing at run time imports itself through others', () => {
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): string[] => {
    if (trail.includes(path)) {
      return [
        `${[...trail.slice(trail.indexOf(path)), path].join(' → ')}: move what both need to a third file`,
      ]
    }
    if (done.has(path)) return []
    done.add(path)
    const next = (byPath.get(path)?.imports ?? []).filter(({ typeOnly }) => !typeOnly)
    return next.flatMap(({ file }) => (file === undefined ? [] : visit(file, [...trail, path])))
  }
  none(sources.flatMap(({ path }) => visit(path, [])))
})

test('every file is used by the service, by one of its commands or by the sandbox', () => {
  const reached = new Set<string>()
  const reach = (path: string): void => {
    if (reached.has(path)) return
    reached.add(path)
    for (const { file } of byPath.get(path)?.imports ?? []) if (file !== undefined) reach(file)
  }
  reach('main.ts')
  reach('setup.ts')
  reach('migrate-store.ts')
  reach('rebind.ts')
  reach('backup.ts')
  reach('store/sqlite/check-file.ts')
  reach('sandbox/main.ts')
  none(
    sources
      .filter(({ path }) => !reached.has(path))
      .map(({ path }) => `src/${path}: nobody imports it. Remove it, or use it`),
  )
})

test('no file only hands on what others export', () => {
  none(
    sources
      .filter(({ text }) => {
        const own = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '').replace(IMPORT, '')
        return own.trim() === ''
      })
      .map(({ path }) => `src/${path} is a barrel: import from where things are made`),
  )
})

import { test } from 'node:test'
import { byPath, IMPORT, type Import, none, roomOf, sources } from './source.ts'

/** Who may know whom. docs/architecture.md tells why; a failure tells what to do. */

/** Nouns that every room shares, save those that are pure; each is a file at the root of src. */
const SHARED = [
  ...['abort', 'clock', 'errors', 'exchange', 'gathering', 'json', 'log', 'problem', 'retry', 'vendor-words'],
  ...['typebox', 'type:fastify', 'type:pino'],
]

/**
 * Which rooms, files at the root of src, and packages each of them may import; `type:` = only as a type.
 * Node's own modules are free to all, save node:sqlite.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  main: ['config', 'service'],
  setup: ['clock', 'config', 'log', 'marketo', 'person', 'sync'],
  // Reads the one database and writes the other, with the jobs that the other one needs.
  'migrate-store': ['clock', 'config', 'errors', 'jobs', 'log', 'store'],
  backup: ['clock', 'config', 'store'],
  rebind: ['clock', 'config', 'jobs', 'log', 'store'],
  config: ['json', 'log', 'type:dataverse'],
  doctor: [
    ...[...SHARED, 'type:config', 'config', 'type:dataverse', 'dataverse', 'type:marketo', 'marketo'],
    ...['person', 'sync'],
  ],
  service: [
    ...[...SHARED, 'type:config', 'clock-watch', 'pairing', 'package.json', 'type:limits'],
    ...[
      'flow-action',
      'flow-step',
      'sync',
      'doctor',
      'http',
      'person',
      'dataverse',
      'marketo',
      'store',
      'jobs',
    ],
  ],
  http: [
    ...[...SHARED, 'fastify', '@fastify/swagger', '@fastify/swagger-ui', '@fastify/under-pressure'],
    ...['@fastify/fast-json-stringify-compiler', 'ajv', 'prom-client'],
  ],
  'flow-action': [...SHARED, 'person', 'type:dataverse', 'type:marketo', 'type:store', 'type:jobs'],
  // Makes a request of the flow action of each person, so it may know that room; never the other way round.
  'flow-step': [
    ...[...SHARED, 'flow-action', 'person', '@streamparser/json'],
    ...['type:dataverse', 'type:marketo', 'type:store', 'type:jobs'],
  ],
  sync: [...SHARED, 'person', 'type:dataverse', 'marketo', 'type:store'],
  person: ['type:dataverse', 'type:marketo', 'uuid'],
  dataverse: [...SHARED, 'limits', '@azure/msal-node', 'type:undici'],
  marketo: [...SHARED, 'limits', 'type:undici'],
  store: [...SHARED, 'type:jobs', 'type:limits', 'node:sqlite', 'pg'],
  // On PostgreSQL pg-boss keeps them, on the store's connections.
  jobs: [...SHARED, 'type:store', 'pg-boss'],
  limits: SHARED,
  sandbox: [],
  log: ['type:clock', 'errors', 'pino'],
  'clock-watch': [...SHARED, 'type:http'],
  // Which organisation and subscription the store is about.
  pairing: [...SHARED, 'type:store'],
  abort: ['type:clock'],
  clock: [],
  errors: [],
  exchange: ['abort', 'undici'],
  gathering: ['abort', 'type:clock', 'errors'],
  json: [],
  problem: ['typebox'],
  retry: ['type:clock', 'errors'],
  'vendor-words': [],
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
      if (!allowed) return [`${path}: a new room. Decide whom it may know: MAY_IMPORT in test/layout.test.ts`]
      return imports.flatMap((one) => {
        const target = targetOf(one)
        const free = target === room || (target.startsWith('node:') && target !== 'node:sqlite')
        if (free || allowed.includes(target) || (one.typeOnly && allowed.includes(`type:${target}`)))
          return []
        const how = allowed.includes(`type:${target}`) ? ' at run time; import its types only, or ' : ': '
        return [`${path} imports ${target}${how}let service.ts pass in what it needs`]
      })
    }),
  )
})

test('every import of a file has a file', () => {
  none(
    sources.flatMap(({ path, imports }) =>
      imports
        .filter(({ file }) => file !== undefined && !file.endsWith('.json') && !byPath.has(file))
        .map(({ specifier }) => `${path} imports ${specifier}, which is not there`),
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
  reach('src/main.ts')
  reach('src/setup.ts')
  reach('src/doctor.ts')
  reach('src/migrate-store.ts')
  reach('src/rebind.ts')
  reach('src/backup.ts')
  reach('src/store/sqlite/check-file.ts')
  reach('sandbox/main.ts')
  none(
    sources
      .filter(({ path }) => !reached.has(path))
      .map(({ path }) => `${path}: nobody imports it. Remove it, or use it`),
  )
})

test('no file only hands on what others export', () => {
  none(
    sources
      .filter(({ text }) => {
        const own = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '').replace(IMPORT, '')
        return own.trim() === ''
      })
      .map(({ path }) => `${path} is a barrel: import from where things are made`),
  )
})

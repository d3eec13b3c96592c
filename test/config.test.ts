import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type Config, readEnv, toConfig, toSetupConfig, VARIABLES } from '../src/config/config.ts'
import { toMoveConfig, toStoreConfig } from '../src/config/move.ts'

const directory = mkdtempSync(join(tmpdir(), 'config-'))
after(() => rmSync(directory, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

const SECRET = 'config-key-0123456789-0123456789'
const GUID = '6f1c0d5e-0c1f-4c43-9d0a-3b8c5f1b2a10'
const MINIMAL = {
  API_KEYS: `marketo:${SECRET}`,
  DATAVERSE_URL: 'https://contoso.crm.dynamics.com',
  ENTRA_TENANT_ID: 'contoso.onmicrosoft.com',
  ENTRA_CLIENT_ID: GUID,
  ENTRA_CLIENT_SECRET: 'shh',
}
const PEM =
  '-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n'

function accepted(env: NodeJS.ProcessEnv): Config {
  const { config, problems } = toConfig(readEnv(env))
  assert.deepEqual(problems, undefined)
  assert(config)
  return config
}

/** Without the last sentence, which is always the hint at the sandbox. */
function problems(env: NodeJS.ProcessEnv): string[] {
  const { problems } = toConfig(readEnv(env))
  assert(problems, 'the environment was accepted')
  assert.match(problems.at(-1) ?? '', /npm run sandbox/)
  return problems.slice(0, -1)
}

test('the required variables alone give a configuration of defaults', () => {
  assert.deepEqual(accepted(MINIMAL), {
    host: '127.0.0.1',
    port: 8080,
    apiKeys: [{ name: 'marketo', secret: SECRET }],
    store: {
      kind: 'sqlite',
      directory: './data',
      checkSeconds: 10,
      eraseWithinSeconds: 60,
      backups: { directory: 'data/backups', kept: 7 },
    },
    dataverseUrl: 'https://contoso.crm.dynamics.com',
    entra: {
      authority: 'https://login.microsoftonline.com',
      tenantId: 'contoso.onmicrosoft.com',
      clientId: GUID,
      credential: { kind: 'secret', secret: 'shh' },
    },
    fields: { kind: 'default' },
    nullTextIsEmpty: true,
    fieldPolicy: { onInvalid: 'fail', requiredColumns: 'form' },
    syncIntervalSeconds: 60,
    statusCacheSeconds: 60,
    logLevel: 'info',
    restDeadlineMs: 15_000,
    webhookDeadlineMs: 25_000,
    dataverseCallTimeoutMs: 20_000,
    dataverseConcurrencyMax: 52,
    batchConcurrencyMax: 500,
    duplicateDetection: true,
    linkTrustSeconds: 60,
    recoveryIntervalSeconds: 5,
    giveUpAfterHours: 72,
    retentionDays: 90,
    shutdownDelayMs: 0,
    shutdownGraceMs: 20_000,
    restBodyBytes: 65_536,
    webhookBodyBytes: 1_048_576,
    httpRequestTimeoutMs: 10_000,
    json: { depthMax: 32, membersMax: 1_000, keyLengthMax: 255, numberLengthMax: 64 },
    docs: true,
    connections: { connectionsMax: 1_000, connectionRequestsMax: 32, writeTimeoutMs: 30_000 },
    bodiesBytesMax: 16_777_216,
    eventLoopDelayMaxMs: 1_000,
    flowStepChunk: { bytesMax: 16_777_216, personBytesMax: 262_144, peopleMax: 10_000, uploadsMax: 4 },
    flowStepDeadlineSeconds: 600,
    callbackHosts: ['adobe.io', 'adobe.com', 'marketo.com', 'mktorest.com'],
    callbackGiveUpHours: 24,
    warnings: [],
  })
})

test('every variable arrives where it belongs', () => {
  const fieldsFile = file('fields.json', '{"fields":[]}')
  const config = accepted({
    ...MINIMAL,
    HOST: '0.0.0.0',
    PORT: '0',
    PUBLIC_URL: 'https://sync.example.com/',
    API_KEYS: `old:${SECRET}, new:${SECRET}2`,
    DATA_DIR: '/data',
    STORE_CHECK_SECONDS: '0',
    ERASE_WITHIN_SECONDS: '5',
    BACKUP_DIR: '/backups',
    BACKUPS_KEPT: '3',
    DATAVERSE_URL: 'http://127.0.0.1:5000',
    ENTRA_AUTHORITY: 'http://localhost:5001',
    FIELDS_FILE: fieldsFile,
    ON_INVALID_VALUE: 'omit',
    REQUIRED_COLUMNS: 'api',
    SYNC_INTERVAL_SECONDS: '0',
    STATUS_CACHE_SECONDS: '5',
    MARKETO_URL: 'https://123-ABC-456.mktorest.com',
    MARKETO_CLIENT_ID: 'custom-service',
    MARKETO_CLIENT_SECRET: 'hush',
    MARKETO_MUNCHKIN_ID: '123-abc-456',
    MARKETO_DAILY_CALLS: '500',
    TREAT_NULL_TEXT_AS_EMPTY: 'off',
    LOG_LEVEL: 'debug',
    REST_DEADLINE_MS: '60000',
    WEBHOOK_DEADLINE_MS: '28000',
    DATAVERSE_CALL_TIMEOUT_MS: '1000',
    DATAVERSE_CONCURRENCY: '4',
    BATCH_CONCURRENCY: '40',
    DUPLICATE_DETECTION: 'off',
    LINK_TRUST_SECONDS: '0',
    RECOVERY_INTERVAL_SECONDS: '1',
    GIVE_UP_AFTER_HOURS: '2',
    RETENTION_DAYS: '3',
    SHUTDOWN_DELAY_MS: '10',
    SHUTDOWN_GRACE_MS: '0',
    REST_BODY_BYTES: '2048',
    WEBHOOK_BODY_BYTES: '4096',
    HTTP_REQUEST_TIMEOUT_MS: '20000',
    JSON_DEPTH: '8',
    JSON_MEMBERS: '200',
    JSON_KEY_CHARACTERS: '100',
    JSON_NUMBER_CHARACTERS: '32',
    DOCS: 'off',
    HTTP_CONNECTIONS: '20',
    HTTP_CONNECTION_REQUESTS: '4',
    HTTP_WRITE_TIMEOUT_MS: '500',
    HTTP_BODIES_BYTES: '2097152',
    EVENT_LOOP_DELAY_MS: '300',
    FLOW_STEP_BODY_BYTES: '8192',
    FLOW_STEP_PERSON_BYTES: '5000',
    FLOW_STEP_PEOPLE: '12',
    FLOW_STEP_UPLOADS: '2',
    FLOW_STEP_DEADLINE_SECONDS: '5',
    FLOW_STEP_DEPRECATED_ON: '2028-02-29',
    CALLBACK_HOSTS: 'Callbacks.example.com, adobe.io',
    CALLBACK_GIVE_UP_HOURS: '1',
  })
  assert.deepEqual(config, {
    host: '0.0.0.0',
    port: 0,
    publicUrl: 'https://sync.example.com',
    apiKeys: [
      { name: 'old', secret: SECRET },
      { name: 'new', secret: `${SECRET}2` },
    ],
    store: {
      kind: 'sqlite',
      directory: '/data',
      checkSeconds: 0,
      eraseWithinSeconds: 5,
      backups: { directory: '/backups', kept: 3 },
    },
    dataverseUrl: 'http://127.0.0.1:5000',
    entra: { ...config.entra, authority: 'http://localhost:5001' },
    marketo: {
      url: 'https://123-abc-456.mktorest.com',
      clientId: 'custom-service',
      clientSecret: 'hush',
      dailyCallsMax: 500,
    },
    munchkinId: '123-ABC-456',
    fields: { kind: 'file', path: fieldsFile, text: '{"fields":[]}' },
    nullTextIsEmpty: false,
    fieldPolicy: { onInvalid: 'omit', requiredColumns: 'api' },
    syncIntervalSeconds: 0,
    statusCacheSeconds: 5,
    logLevel: 'debug',
    restDeadlineMs: 60_000,
    webhookDeadlineMs: 28_000,
    dataverseCallTimeoutMs: 1_000,
    dataverseConcurrencyMax: 4,
    batchConcurrencyMax: 40,
    duplicateDetection: false,
    linkTrustSeconds: 0,
    recoveryIntervalSeconds: 1,
    giveUpAfterHours: 2,
    retentionDays: 3,
    shutdownDelayMs: 10,
    shutdownGraceMs: 0,
    restBodyBytes: 2048,
    webhookBodyBytes: 4096,
    httpRequestTimeoutMs: 20_000,
    json: { depthMax: 8, membersMax: 200, keyLengthMax: 100, numberLengthMax: 32 },
    docs: false,
    connections: { connectionsMax: 20, connectionRequestsMax: 4, writeTimeoutMs: 500 },
    bodiesBytesMax: 2_097_152,
    eventLoopDelayMaxMs: 300,
    flowStepChunk: { bytesMax: 8_192, personBytesMax: 5_000, peopleMax: 12, uploadsMax: 2 },
    flowStepDeadlineSeconds: 5,
    flowStepDeprecatedOn: '2028-02-29',
    callbackHosts: ['callbacks.example.com', 'adobe.io'],
    callbackGiveUpHours: 1,
    warnings: [],
  })
})

test('Marketo is set up whole or not at all', () => {
  const [sentence, ...others] = problems({ ...MINIMAL, MARKETO_URL: 'https://123-ABC-456.mktorest.com' })
  assert.match(sentence ?? '', /^MARKETO_CLIENT_ID and MARKETO_CLIENT_SECRET missing/)
  assert.deepEqual(others, [])
})

test('an empty environment gets one sentence for each missing variable, all at once', () => {
  assert.deepEqual(
    problems({}).map((sentence) => /[A-Z]+_[A-Z_]+/.exec(sentence)?.[0]),
    ['ENTRA_CLIENT_SECRET', 'ENTRA_TENANT_ID', 'ENTRA_CLIENT_ID', 'API_KEYS', 'DATAVERSE_URL'],
  )
})

test('an empty variable counts as missing', () => {
  assert.match(problems({ ...MINIMAL, DATAVERSE_URL: '  ' }).join(), /^DATAVERSE_URL is missing/)
})

const { ENTRA_CLIENT_SECRET: _, ...WITHOUT_CREDENTIAL } = MINIMAL
const ROPC = { ENTRA_USERNAME: 'sync@contoso.com', ENTRA_PASSWORD: 'pw' }

test('each kind of credential becomes a tagged value', () => {
  const credential = (env: NodeJS.ProcessEnv) => accepted({ ...WITHOUT_CREDENTIAL, ...env }).entra.credential
  assert.deepEqual(credential({ ENTRA_CLIENT_CERTIFICATE: file('both.pem', PEM) }), {
    kind: 'certificate',
    pem: PEM,
  })
  assert.deepEqual(credential({ ENTRA_MANAGED_IDENTITY: 'system' }), { kind: 'managed-identity' })
  assert.deepEqual(credential({ ENTRA_MANAGED_IDENTITY: GUID }), { kind: 'managed-identity', clientId: GUID })
  assert.deepEqual(credential(ROPC), { kind: 'password', username: 'sync@contoso.com', password: 'pw' })
})

test('a managed identity needs neither tenant nor application', () => {
  const { API_KEYS, DATAVERSE_URL } = MINIMAL
  const { entra } = accepted({ API_KEYS, DATAVERSE_URL, ENTRA_MANAGED_IDENTITY: 'system' })
  assert.deepEqual([entra.tenantId, entra.clientId], ['', ''])
})

test('a user name and password are accepted with a warning', () => {
  assert.match(accepted({ ...WITHOUT_CREDENTIAL, ...ROPC }).warnings.join(), /retiring/)
})

test('every secret may come from a file, keys one a line', () => {
  const { API_KEYS: _keys, ENTRA_CLIENT_SECRET: _secret, ...others } = MINIMAL
  const OTHER = `${SECRET}2`
  const config = accepted({
    ...others,
    API_KEYS_FILE: file('keys', `old:${SECRET}\r\nnew:${OTHER}\n`),
    DATABASE_URL_FILE: file('url', 'postgres://user:password@host/db?sslmode=verify-full\n'),
    ENTRA_CLIENT_SECRET_FILE: file('entra', 'hush\n'),
    MARKETO_URL: 'https://123-ABC-456.mktorest.com',
    MARKETO_CLIENT_ID: 'id',
    MARKETO_CLIENT_SECRET_FILE: file('marketo', 'hush too\n'),
  })
  assert.deepEqual(config.apiKeys, [
    { name: 'old', secret: SECRET },
    { name: 'new', secret: OTHER },
  ])
  assert.deepEqual(
    config.store.kind === 'postgres' && config.store.url,
    'postgres://user:password@host/db?sslmode=verify-full',
  )
  assert.deepEqual(config.entra.credential, { kind: 'secret', secret: 'hush' })
  assert.equal(config.marketo?.clientSecret, 'hush too')
  const { credential } = accepted({
    ...WITHOUT_CREDENTIAL,
    ENTRA_USERNAME: 'sync@contoso.com',
    ENTRA_PASSWORD_FILE: file('password', 'pw'),
  }).entra
  assert.deepEqual(credential, { kind: 'password', username: 'sync@contoso.com', password: 'pw' })
})

test('a file of a secret that cannot be read stops every command with one sentence', () => {
  const raw = readEnv({ DATABASE_URL_FILE: MISSING_FILE })
  for (const read of [toMoveConfig, toStoreConfig, toSetupConfig]) {
    const { problems: said = [] } = read(raw)
    assert.equal(said.length, 1)
    assert.match(said[0] ?? '', /^DATABASE_URL_FILE .*ENOENT/)
  }
})

const MISSING_FILE = join(directory, 'nowhere')
const REFUSED: readonly [string, NodeJS.ProcessEnv, RegExp][] = [
  ['PostgreSQL', { DATABASE_URL: 'postgres://x' }, /^DATABASE_URL .*such as postgres:/],
  ...[
    'postgres://u:p@db.example/x',
    'postgres://u:p@10.0.0.1/x?sslmode=disable',
    'postgres://u:p@db.example/x?sslmode=prefer',
    'postgres://u:p@db.example/x?ssl=0',
    'postgres://u:p@127.0.0.1/x?host=db.example',
    'postgres://u:p@127.0.0.1.example/x',
  ].map((DATABASE_URL): [string, NodeJS.ProcessEnv, RegExp] => [
    `a database on another host without TLS (${DATABASE_URL})`,
    { DATABASE_URL },
    /^DATABASE_URL leads to another host without TLS.*DATABASE_TLS/,
  ]),
  [
    'a choice of TLS that is none',
    { DATABASE_TLS: 'off', DATABASE_URL: 'postgres://u@localhost/x' },
    /^DATABASE_TLS/,
  ],
  ['another database', { DATABASE_URL: 'mysql://x/y' }, /^DATABASE_URL .*PostgreSQL/],
  ['a port beyond the last', { PORT: '65536' }, /^PORT .* 0 to 65535/],
  ['a port that is no number', { PORT: '0x50' }, /^PORT /],
  ['a REST deadline over its maximum', { REST_DEADLINE_MS: '60001' }, /^REST_DEADLINE_MS .* 60000/],
  ['a webhook deadline over its maximum', { WEBHOOK_DEADLINE_MS: '28001' }, /^WEBHOOK_DEADLINE_MS .* 28000/],
  ['a limit with a sign', { RETENTION_DAYS: '-1' }, /^RETENTION_DAYS /],
  [
    'a switch that is neither on nor off',
    { DUPLICATE_DETECTION: 'true' },
    /^DUPLICATE_DETECTION is not one of on, off/,
  ],
  ['an unknown log level', { LOG_LEVEL: 'loud' }, /^LOG_LEVEL is not one of/],
  ['plain http to another host', { DATAVERSE_URL: 'http://contoso.example' }, /^DATAVERSE_URL .*loopback/],
  ['plain http to a host called 127.example', { DATAVERSE_URL: 'http://127.0.0.1.example' }, /loopback/],
  ['plain http to Entra', { ENTRA_AUTHORITY: 'http://10.0.0.1' }, /^ENTRA_AUTHORITY .*loopback/],
  [
    'an organisation with a path',
    { DATAVERSE_URL: 'https://a.example/api' },
    /^DATAVERSE_URL is not an origin/,
  ],
  ['an organisation without a scheme', { DATAVERSE_URL: 'contoso.crm.dynamics.com' }, /is not an origin/],
  ['an organisation with a user', { DATAVERSE_URL: 'https://u:p@a.example' }, /is not an origin/],
  ['a public URL over ftp', { PUBLIC_URL: 'ftp://a.example' }, /^PUBLIC_URL is not an origin/],
  ['a client id that is no GUID', { ENTRA_CLIENT_ID: 'my-app' }, /^ENTRA_CLIENT_ID .*GUID/],
  ['a key without a name', { API_KEYS: SECRET }, /^API_KEYS, pair 1 is not name:secret/],
  ['a short key', { API_KEYS: `a:${SECRET},b:short` }, /^API_KEYS, pair 2 \(b\) .*32 characters/],
  ['a key of one character', { API_KEYS: `a:${'a'.repeat(64)}` }, /^API_KEYS, pair 1 \(a\) .*guessed/],
  ['a key of few characters', { API_KEYS: `a:${'abcdefg'.repeat(5)}aab` }, /pair 1 \(a\) .*guessed/],
  ['a key that repeats itself', { API_KEYS: `a:${'change-me-now!'.repeat(3)}` }, /pair 1 \(a\) .*guessed/],
  [
    'a secret and its file',
    { API_KEYS_FILE: file('api-keys', `a:${SECRET}`) },
    /^API_KEYS and API_KEYS_FILE are both set/,
  ],
  [
    'a secret in a file that is not there',
    { ENTRA_CLIENT_SECRET: '', ENTRA_CLIENT_SECRET_FILE: MISSING_FILE },
    /^ENTRA_CLIENT_SECRET_FILE .*ENOENT/,
  ],
  [
    'a secret in a file that is empty',
    { ENTRA_CLIENT_SECRET: '', ENTRA_CLIENT_SECRET_FILE: file('empty', ' \n') },
    /^ENTRA_CLIENT_SECRET_FILE names a file that is empty/,
  ],
  ['a key name twice', { API_KEYS: `a:${SECRET},a:${SECRET}2` }, /pair 2 repeats the name a/],
  ['a secret under two names', { API_KEYS: `a:${SECRET},b:${SECRET}` }, /pair 2 \(b\) repeats the secret/],
  ['a trailing comma in the keys', { API_KEYS: `a:${SECRET},` }, /pair 2 is not name:secret/],
  [
    'two credentials',
    { ENTRA_MANAGED_IDENTITY: 'system' },
    /_SECRET and ENTRA_MANAGED_IDENTITY are set together/,
  ],
  [
    'a strange identity',
    { ENTRA_CLIENT_SECRET: '', ENTRA_MANAGED_IDENTITY: 'yes' },
    /^ENTRA_MANAGED_IDENTITY /,
  ],
  ['a user without a password', { ENTRA_CLIENT_SECRET: '', ENTRA_USERNAME: 'u' }, /without ENTRA_PASSWORD/],
  ['a password without a user', { ENTRA_CLIENT_SECRET: '', ENTRA_PASSWORD: 'p' }, /without ENTRA_USERNAME/],
  [
    'a certificate that is not there',
    { ENTRA_CLIENT_SECRET: '', ENTRA_CLIENT_CERTIFICATE: MISSING_FILE },
    /^ENTRA_CLIENT_CERTIFICATE .*ENOENT/,
  ],
  [
    'a certificate without its private key',
    {
      ENTRA_CLIENT_SECRET: '',
      ENTRA_CLIENT_CERTIFICATE: file('cert.pem', PEM.replaceAll('PRIVATE', 'PUBLIC')),
    },
    /^ENTRA_CLIENT_CERTIFICATE .*PRIVATE KEY/,
  ],
  ['a callback host with a scheme', { CALLBACK_HOSTS: 'adobe.io,https://a.io' }, /^CALLBACK_HOSTS, entry 2/],
  ['a callback host with a wildcard', { CALLBACK_HOSTS: '*.adobe.io' }, /^CALLBACK_HOSTS, entry 1/],
  ['a callback host that is half the world', { CALLBACK_HOSTS: 'io' }, /^CALLBACK_HOSTS, entry 1/],
  ['a callback host that is an address', { CALLBACK_HOSTS: '10.0.0.1' }, /^CALLBACK_HOSTS, entry 1/],
  ['a trailing comma in the callback hosts', { CALLBACK_HOSTS: 'adobe.io,' }, /^CALLBACK_HOSTS, entry 2/],
  ['a date in words', { FLOW_STEP_DEPRECATED_ON: 'tomorrow' }, /^FLOW_STEP_DEPRECATED_ON is not a date/],
  [
    'a date that is none',
    { FLOW_STEP_DEPRECATED_ON: '2027-02-30' },
    /^FLOW_STEP_DEPRECATED_ON is not a date/,
  ],
  ['a field selection that is not there', { FIELDS_FILE: MISSING_FILE }, /^FIELDS_FILE .*ENOENT/],
  ['a field selection that is a directory', { FIELDS_FILE: directory }, /^FIELDS_FILE .*EISDIR/],
  ['a cycle longer than a day', { SYNC_INTERVAL_SECONDS: '86401' }, /^SYNC_INTERVAL_SECONDS .* 0 to 86400/],
  ['a misspelt interval', { SYNC_INTERVAL_SECOND: '60' }, /SYNC_INTERVAL_SECONDS is/],
  ['a misspelt variable', { DATAVERSE_ULR: 'x' }, /^DATAVERSE_ULR is not .*DATAVERSE_URL is/],
  ['a misspelt optional variable', { DATAVERSE_CONCURENCY: '1' }, /DATAVERSE_CONCURRENCY is/],
]
for (const [what, env, sentence] of REFUSED) {
  test(`refuses ${what} with one sentence that names the variable`, () => {
    const found = problems({ ...MINIMAL, ...env })
    assert.equal(found.length, 1, found.join('\n'))
    assert.match(found[0] ?? '', sentence)
  })
}

test('no sentence quotes a secret', () => {
  const said = problems({
    ...MINIMAL,
    API_KEYS: 'a:hush,hush',
    ENTRA_CLIENT_SECRET: 'hush',
    ENTRA_PASSWORD: 'hush',
    DATAVERSE_URL: 'https://u:hush@x',
  })
  assert(said.length >= 4)
  assert.doesNotMatch(said.join(), /hush/)
})

test('a database with TLS, on this machine, or on a private network is accepted', () => {
  for (const env of [
    { DATABASE_URL: 'postgres://u:p@db.example/x?sslmode=verify-full' },
    { DATABASE_URL: 'postgres://u:p@db.example/x?sslmode=require' },
    { DATABASE_URL: 'postgres://u:p@db.example/x?ssl=true' },
    { DATABASE_URL: 'postgres://u:p@localhost:5432/x' },
    { DATABASE_URL: 'postgres://u:p@[::1]/x' },
    { DATABASE_URL: 'postgres:///x?host=/var/run/postgresql' },
    { DATABASE_URL: 'postgres://u:p@db.example/x', DATABASE_TLS: 'optional' },
  ]) {
    assert.equal(accepted({ ...MINIMAL, ...env }).store.kind, 'postgres')
  }
})

test('variables of other programs are left alone', () => {
  accepted({ ...MINIMAL, HOME: '/root', POST: '1', REST_OF_THE_DAY: 'x', DATABASE: 'x', ENTRAIL: 'x' })
})

test('.env.example names the same variables in the same order, with the same defaults', () => {
  const example = readFileSync(new URL('../.env.example', import.meta.url), 'utf8')
  const assignments = [...example.matchAll(/^#?([A-Z][A-Z_]+)=(.*)$/gm)]
  assert.deepEqual(
    assignments.map(([, name]) => name),
    [...VARIABLES],
  )
  const shown = Object.fromEntries(assignments.map(([, name, value]) => [name, value]))
  const { PUBLIC_URL: _example, ...defaults } = shown
  assert.deepEqual(accepted({ ...defaults, ...MINIMAL }), accepted(MINIMAL))
})

import { readFileSync } from 'node:fs'
import { JSON_LIMITS, type JsonLimits } from '../json.ts'
import { LOG_LEVELS, type LogLevel } from '../log.ts'
import { type EntraConfig, readEntra } from './entra.ts'
import { FLOW_STEP_VARIABLES, type FlowStepConfig, readFlowStep } from './flow-step.ts'
import { HTTP_VARIABLES, type HttpConfig, readHttp } from './http.ts'
import { type MarketoConfig, readMarketo, readMunchkinId, unnamedSubscription } from './marketo.ts'
import {
  misspellings,
  type NamedFile,
  type Problems,
  readApiKeys,
  readChoice,
  readInteger,
  readOrigin,
} from './setting.ts'
import { readStore, STORE_VARIABLES, type StoreConfig } from './store.ts'

/** Whole numbers with their bounds; the name carries the unit where the meaning needs one. */
const NUMBERS = {
  PORT: { default: 8080, min: 0, max: 65_535 },
  REST_DEADLINE_MS: { default: 15_000, min: 100, max: 60_000 },
  // Marketo gives up after 30 s.
  WEBHOOK_DEADLINE_MS: { default: 25_000, min: 100, max: 28_000 },
  DATAVERSE_CALL_TIMEOUT_MS: { default: 20_000, min: 100, max: 120_000 },
  BATCH_CONCURRENCY: { default: 500, min: 1, max: 2_000 },
  DATAVERSE_CONCURRENCY: { default: 52, min: 1, max: 1_000 },
  // Enough to never ask: a century.
  LINK_TRUST_SECONDS: { default: 60, min: 0, max: 3_155_760_000 },
  // Half of what a subscription has by default, which all integrations share.
  MARKETO_DAILY_CALLS: { default: 25_000, min: 1, max: 10_000_000 },
  STATUS_CACHE_SECONDS: { default: 60, min: 0, max: 86_400 },
  SYNC_INTERVAL_SECONDS: { default: 60, min: 0, max: 86_400 },
  RECOVERY_INTERVAL_SECONDS: { default: 5, min: 1, max: 3_600 },
  GIVE_UP_AFTER_HOURS: { default: 72, min: 1, max: 8_760 },
  RETENTION_DAYS: { default: 90, min: 1, max: 3_650 },
  SHUTDOWN_GRACE_MS: { default: 20_000, min: 0, max: 600_000 },
  SHUTDOWN_DELAY_MS: { default: 0, min: 0, max: 600_000 },
  REST_BODY_BYTES: { default: 65_536, min: 1_024, max: 16_777_216 },
  WEBHOOK_BODY_BYTES: { default: 1_048_576, min: 1_024, max: 16_777_216 },
  HTTP_REQUEST_TIMEOUT_MS: { default: 10_000, min: 1_000, max: 600_000 },
  JSON_DEPTH: { default: JSON_LIMITS.depthMax, min: 4, max: 1_000 },
  JSON_MEMBERS: { default: JSON_LIMITS.membersMax, min: 100, max: 100_000 },
  JSON_KEY_CHARACTERS: { default: JSON_LIMITS.keyLengthMax, min: 64, max: 65_536 },
  JSON_NUMBER_CHARACTERS: { default: JSON_LIMITS.numberLengthMax, min: 32, max: 4_096 },
} as const

/** Every variable there is, in the order of .env.example and of docs/configuration.md. */
export const VARIABLES = [
  'HOST',
  'PORT',
  'PUBLIC_URL',
  'API_KEYS',
  'API_KEYS_FILE',
  ...STORE_VARIABLES,
  'DATAVERSE_URL',
  'ENTRA_AUTHORITY',
  'ENTRA_TENANT_ID',
  'ENTRA_CLIENT_ID',
  'ENTRA_CLIENT_SECRET',
  'ENTRA_CLIENT_SECRET_FILE',
  'ENTRA_CLIENT_CERTIFICATE',
  'ENTRA_MANAGED_IDENTITY',
  'ENTRA_USERNAME',
  'ENTRA_PASSWORD',
  'ENTRA_PASSWORD_FILE',
  'MARKETO_URL',
  'MARKETO_CLIENT_ID',
  'MARKETO_CLIENT_SECRET',
  'MARKETO_CLIENT_SECRET_FILE',
  'MARKETO_MUNCHKIN_ID',
  'MARKETO_DAILY_CALLS',
  'FIELDS_FILE',
  'TREAT_NULL_TEXT_AS_EMPTY',
  'ON_INVALID_VALUE',
  'REQUIRED_COLUMNS',
  'SYNC_INTERVAL_SECONDS',
  'STATUS_CACHE_SECONDS',
  'LOG_LEVEL',
  'REST_DEADLINE_MS',
  'WEBHOOK_DEADLINE_MS',
  'DATAVERSE_CALL_TIMEOUT_MS',
  'DATAVERSE_CONCURRENCY',
  'BATCH_CONCURRENCY',
  'DUPLICATE_DETECTION',
  'LINK_TRUST_SECONDS',
  'RECOVERY_INTERVAL_SECONDS',
  'GIVE_UP_AFTER_HOURS',
  'RETENTION_DAYS',
  'SHUTDOWN_DELAY_MS',
  'SHUTDOWN_GRACE_MS',
  'REST_BODY_BYTES',
  'WEBHOOK_BODY_BYTES',
  'HTTP_REQUEST_TIMEOUT_MS',
  'JSON_DEPTH',
  'JSON_MEMBERS',
  'JSON_KEY_CHARACTERS',
  'JSON_NUMBER_CHARACTERS',
  ...HTTP_VARIABLES,
  ...FLOW_STEP_VARIABLES,
] as const
export type Variable = (typeof VARIABLES)[number]

/** The environment as text: set and not empty, nothing interpreted yet. */
export interface RawConfig {
  values: Partial<Record<Variable, string>>
  files: Partial<Record<Variable, NamedFile>>
  /** Names in the environment that look like ours and are not. */
  strangers: readonly string[]
  /** Sentences about files of secrets that cannot be used; nothing is interpreted then. */
  problems?: readonly string[]
}

export interface Config extends FlowStepConfig, HttpConfig {
  host: string
  port: number
  publicUrl?: string
  apiKeys: readonly { name: string; secret: string }[]
  store: StoreConfig
  dataverseUrl: string
  entra: EntraConfig
  /** Absent: Marketo cannot be asked. */
  marketo?: MarketoConfig
  /** Munchkin id of the subscription, where the configuration says it; in capitals. */
  munchkinId?: string
  /** In the webhook and the flow step, the text `null` stands for an empty value. */
  nullTextIsEmpty: boolean
  fields: { kind: 'default' } | { kind: 'file'; path: string; text: string }
  /** What holds for every field whose selection says nothing else. */
  fieldPolicy: FieldPolicy
  /** From the start of one cycle of the background sync to the next; 0 = there is none. */
  syncIntervalSeconds: number
  /** How long the status and the field report repeat what a vendor has said; 0 = they ask each time. */
  statusCacheSeconds: number
  logLevel: LogLevel
  restDeadlineMs: number
  webhookDeadlineMs: number
  dataverseCallTimeoutMs: number
  dataverseConcurrencyMax: number
  batchConcurrencyMax: number
  duplicateDetection: boolean
  linkTrustSeconds: number
  recoveryIntervalSeconds: number
  giveUpAfterHours: number
  retentionDays: number
  /** From SIGTERM until it stops listening: a load balancer sees that it is not ready. */
  shutdownDelayMs: number
  shutdownGraceMs: number
  restBodyBytes: number
  webhookBodyBytes: number
  /** For a whole request to arrive. */
  httpRequestTimeoutMs: number
  /** Of every request's body. */
  json: JsonLimits
  /** Sentences for the log: accepted, but not wise. */
  warnings: readonly string[]
}

interface FieldPolicy {
  onInvalid: 'fail' | 'omit'
  requiredColumns: 'form' | 'api'
}

const FILE_VARIABLES = ['ENTRA_CLIENT_CERTIFICATE', 'FIELDS_FILE'] as const
/** Each may be given by the path of a file instead, in the variable of that name with _FILE. */
const SECRETS = [
  'API_KEYS',
  'DATABASE_URL',
  'ENTRA_CLIENT_SECRET',
  'ENTRA_PASSWORD',
  'MARKETO_CLIENT_SECRET',
] as const
const OUR_PREFIX =
  /^(?:ENTRA|DATABASE|STORE|ERASE|BACKUP|BACKUPS|DATAVERSE|MARKETO|API_KEY|WEBHOOK|REST|JSON|HTTP|EVENT_LOOP|STATUS_CACHE|FIELDS|SYNC|ON_INVALID|REQUIRED|FLOW_STEP|CALLBACK|BATCH)_?/

/** Reads the environment and the files that it names. The only place that does. */
export function readEnv(env: NodeJS.ProcessEnv = process.env): RawConfig {
  const values: Partial<Record<Variable, string>> = {}
  for (const name of VARIABLES) {
    const value = env[name]?.trim()
    if (value) values[name] = value
  }
  const problems: Problems = []
  for (const name of SECRETS) readSecretFile(name, values, problems)
  const files: Partial<Record<Variable, NamedFile>> = {}
  for (const name of FILE_VARIABLES) {
    const path = values[name]
    if (path !== undefined) files[name] = readNamedFile(path)
  }
  const known: ReadonlySet<string> = new Set(VARIABLES)
  return {
    values,
    files,
    strangers: Object.keys(env).filter((name) => OUR_PREFIX.test(name) && !known.has(name)),
    ...(problems.length > 0 && { problems }),
  }
}

/** Orchestrators mount secrets as files; what is in one stands for the variable itself. */
function readSecretFile(
  name: (typeof SECRETS)[number],
  values: RawConfig['values'],
  problems: Problems,
): void {
  const variable = `${name}_FILE` as const
  const path = values[variable]
  if (path === undefined) return
  if (values[name] !== undefined) {
    problems.push(`${name} and ${variable} are both set; keep one of them.`)
    return
  }
  const file = readNamedFile(path)
  const secret = 'text' in file ? file.text.trim() : ''
  if (secret !== '') values[name] = secret
  else if ('error' in file) {
    problems.push(`${variable} names a file that cannot be read (${file.error}): ${path}`)
  } else problems.push(`${variable} names a file that is empty: ${path}`)
}

function readNamedFile(path: string): NamedFile {
  try {
    return { path, text: readFileSync(path, 'utf8') }
  } catch (error) {
    return { path, error: error instanceof Error && 'code' in error ? String(error.code) : 'unreadable' }
  }
}

/** The meaning of the environment, or one sentence for each variable that is missing, wrong or contradictory. */
export function toConfig(
  raw: RawConfig,
): { config: Config; problems?: never } | { config?: never; problems: string[] } {
  const { values } = raw
  if (raw.problems) return { problems: [...raw.problems, SANDBOX_HINT] }
  const problems: Problems = []
  const number = (name: keyof typeof NUMBERS) => readInteger(name, values[name], NUMBERS[name], problems)
  const onOff = (name: Variable) => readChoice(name, values[name], ['on', 'off'], 'on', problems) === 'on'
  const entra = readEntra(values, raw.files.ENTRA_CLIENT_CERTIFICATE, problems)
  const config: Config = {
    host: values.HOST ?? '127.0.0.1',
    port: number('PORT'),
    ...(values.PUBLIC_URL ? { publicUrl: readOrigin('PUBLIC_URL', values.PUBLIC_URL, problems) } : {}),
    apiKeys: readKeys(values.API_KEYS, problems),
    store: readStore(values, problems),
    dataverseUrl: readDataverseUrl(values.DATAVERSE_URL, problems),
    entra,
    ...readMarketo(values, number('MARKETO_DAILY_CALLS'), problems),
    ...readMunchkinId(values, problems),
    fields: readFields(raw.files.FIELDS_FILE, problems),
    nullTextIsEmpty: onOff('TREAT_NULL_TEXT_AS_EMPTY'),
    fieldPolicy: readFieldPolicy(values, problems),
    syncIntervalSeconds: number('SYNC_INTERVAL_SECONDS'),
    statusCacheSeconds: number('STATUS_CACHE_SECONDS'),
    logLevel: readChoice('LOG_LEVEL', values.LOG_LEVEL, LOG_LEVELS, 'info', problems),
    restDeadlineMs: number('REST_DEADLINE_MS'),
    webhookDeadlineMs: number('WEBHOOK_DEADLINE_MS'),
    dataverseCallTimeoutMs: number('DATAVERSE_CALL_TIMEOUT_MS'),
    dataverseConcurrencyMax: number('DATAVERSE_CONCURRENCY'),
    batchConcurrencyMax: number('BATCH_CONCURRENCY'),
    duplicateDetection: onOff('DUPLICATE_DETECTION'),
    linkTrustSeconds: number('LINK_TRUST_SECONDS'),
    recoveryIntervalSeconds: number('RECOVERY_INTERVAL_SECONDS'),
    giveUpAfterHours: number('GIVE_UP_AFTER_HOURS'),
    retentionDays: number('RETENTION_DAYS'),
    shutdownDelayMs: number('SHUTDOWN_DELAY_MS'),
    shutdownGraceMs: number('SHUTDOWN_GRACE_MS'),
    restBodyBytes: number('REST_BODY_BYTES'),
    webhookBodyBytes: number('WEBHOOK_BODY_BYTES'),
    httpRequestTimeoutMs: number('HTTP_REQUEST_TIMEOUT_MS'),
    json: {
      depthMax: number('JSON_DEPTH'),
      membersMax: number('JSON_MEMBERS'),
      keyLengthMax: number('JSON_KEY_CHARACTERS'),
      numberLengthMax: number('JSON_NUMBER_CHARACTERS'),
    },
    ...readHttp(values, problems),
    ...readFlowStep(values, problems),
    warnings: [
      ...(entra.credential.kind === 'password' ? [ROPC_WARNING] : []),
      ...unnamedSubscription(values),
    ],
  }
  problems.push(...misspellings(raw.strangers, VARIABLES))
  if (problems.length === 0) return { config }
  return { problems: [...problems, SANDBOX_HINT] }
}

/** What setting up Marketo needs, whatever else is set or missing. */
export function toSetupConfig(
  raw: RawConfig,
): { config: SetupConfig; problems?: never } | { config?: never; problems: string[] } {
  const { values } = raw
  if (raw.problems) return { problems: [...raw.problems] }
  const problems: Problems = []
  const dailyCallsMax = readInteger(
    'MARKETO_DAILY_CALLS',
    values.MARKETO_DAILY_CALLS,
    NUMBERS.MARKETO_DAILY_CALLS,
    problems,
  )
  const { marketo } = readMarketo(values, dailyCallsMax, problems)
  const fields = readFields(raw.files.FIELDS_FILE, problems)
  if (!marketo && problems.length === 0) problems.push(NO_MARKETO)
  problems.push(...misspellings(raw.strangers, VARIABLES))
  return marketo && problems.length === 0 ? { config: { marketo, fields } } : { problems }
}

export type SetupConfig = Required<Pick<Config, 'marketo' | 'fields'>>

const NO_MARKETO =
  'MARKETO_URL, MARKETO_CLIENT_ID and MARKETO_CLIENT_SECRET are missing: set-up needs access to Marketo.'
const ROPC_WARNING =
  'ENTRA_USERNAME and ENTRA_PASSWORD sign in as a user (ROPC), which Microsoft is retiring and which fails with multi-factor sign-in; prefer a certificate, a managed identity or a secret.'
const SANDBOX_HINT = 'To try the service without any account or configuration, use: npm run sandbox'

function readKeys(text: string | undefined, problems: Problems): Config['apiKeys'] {
  if (text !== undefined) return readApiKeys(text, problems)
  problems.push(
    'API_KEYS is missing: name:secret pairs, comma separated, such as marketo:$(openssl rand -hex 32).',
  )
  return []
}

function readDataverseUrl(text: string | undefined, problems: Problems): string {
  if (text !== undefined) return readOrigin('DATAVERSE_URL', text, problems)
  problems.push(
    'DATAVERSE_URL is missing: the origin of your organisation, such as https://contoso.crm.dynamics.com.',
  )
  return ''
}

function readFieldPolicy(values: RawConfig['values'], problems: Problems): FieldPolicy {
  const { ON_INVALID_VALUE: onInvalid, REQUIRED_COLUMNS: required } = values
  return {
    onInvalid: readChoice('ON_INVALID_VALUE', onInvalid, ['fail', 'omit'], 'fail', problems),
    requiredColumns: readChoice('REQUIRED_COLUMNS', required, ['form', 'api'], 'form', problems),
  }
}

function readFields(file: NamedFile | undefined, problems: Problems): Config['fields'] {
  if (file === undefined) return { kind: 'default' }
  if ('text' in file) return { kind: 'file', ...file }
  problems.push(`FIELDS_FILE names a file that cannot be read (${file.error}): ${file.path}`)
  return { kind: 'default' }
}

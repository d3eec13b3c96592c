import { type Problems, readInteger } from './setting.ts'

/** Marketo's flow step: what a chunk may be, and how its answer gets back. */
export interface FlowStepConfig {
  flowStepChunk: {
    bytesMax: number
    /** Of one person, and of everything beside the people. */
    personBytesMax: number
    peopleMax: number
    /** Chunks that are received at a time. */
    uploadsMax: number
  }
  /** From a chunk's arrival until its callback, whether everybody is final or not. */
  flowStepDeadlineSeconds: number
  /** ISO 8601 date from which on Marketo shows the service as deprecated. */
  flowStepDeprecatedOn?: string
  /** Host names that a callback may go to, with all below them. */
  callbackHosts: readonly string[]
  /** From the first try of a callback until it is recorded as failed. */
  callbackGiveUpHours: number
}

/** In the order of .env.example and of docs/configuration.md. */
export const FLOW_STEP_VARIABLES = [
  'FLOW_STEP_BODY_BYTES',
  'FLOW_STEP_PERSON_BYTES',
  'FLOW_STEP_PEOPLE',
  'FLOW_STEP_UPLOADS',
  'FLOW_STEP_DEADLINE_SECONDS',
  'FLOW_STEP_DEPRECATED_ON',
  'CALLBACK_HOSTS',
  'CALLBACK_GIVE_UP_HOURS',
] as const
type Values = Readonly<Partial<Record<string, string>>>

const NUMBERS = {
  FLOW_STEP_BODY_BYTES: { default: 16_777_216, min: 1_024, max: 134_217_728 },
  FLOW_STEP_PERSON_BYTES: { default: 262_144, min: 4_096, max: 16_777_216 },
  FLOW_STEP_PEOPLE: { default: 10_000, min: 1, max: 100_000 },
  FLOW_STEP_UPLOADS: { default: 4, min: 1, max: 1_000 },
  FLOW_STEP_DEADLINE_SECONDS: { default: 600, min: 1, max: 86_400 },
  CALLBACK_GIVE_UP_HOURS: { default: 24, min: 1, max: 168 },
} as const

/** The only callback host that is known from public sources is under adobe.io. */
const CALLBACK_HOSTS = 'adobe.io,adobe.com,marketo.com,mktorest.com'
const HOST = /^(?=.{1,253}$)[a-z\d](?:[a-z\d-]*[a-z\d])?(?:\.[a-z\d](?:[a-z\d-]*[a-z\d])?)+$/

export function readFlowStep(values: Values, problems: Problems): FlowStepConfig {
  const number = (name: keyof typeof NUMBERS) => readInteger(name, values[name], NUMBERS[name], problems)
  return {
    flowStepChunk: {
      bytesMax: number('FLOW_STEP_BODY_BYTES'),
      personBytesMax: number('FLOW_STEP_PERSON_BYTES'),
      peopleMax: number('FLOW_STEP_PEOPLE'),
      uploadsMax: number('FLOW_STEP_UPLOADS'),
    },
    flowStepDeadlineSeconds: number('FLOW_STEP_DEADLINE_SECONDS'),
    ...readDate('FLOW_STEP_DEPRECATED_ON', values.FLOW_STEP_DEPRECATED_ON, problems),
    callbackHosts: readHosts('CALLBACK_HOSTS', values.CALLBACK_HOSTS ?? CALLBACK_HOSTS, problems),
    callbackGiveUpHours: number('CALLBACK_GIVE_UP_HOURS'),
  }
}

function readHosts(name: string, text: string, problems: Problems): string[] {
  const hosts = text.split(',').map((host) => host.trim().toLowerCase())
  const wrong = hosts.findIndex((host) => !HOST.test(host) || /\.\d+$/.test(host))
  if (wrong >= 0) {
    problems.push(
      `${name}, entry ${wrong + 1}, is not a host name such as adobe.io, without scheme, port or path.`,
    )
  }
  return hosts
}

/** 2027-02-30 is no date, though the parser takes it for 2 March. */
function readDate(
  name: string,
  text: string | undefined,
  problems: Problems,
): { flowStepDeprecatedOn?: string } {
  if (text === undefined) return {}
  const instant = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN
  const isDate = !Number.isNaN(instant) && new Date(instant).toISOString().startsWith(text)
  if (!isDate) problems.push(`${name} is not a date such as 2027-03-31.`)
  return { flowStepDeprecatedOn: text }
}

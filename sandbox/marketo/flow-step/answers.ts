import { isMembers } from '../request.ts'
import type { Received } from './exchange.ts'
import { ANSWER_BYTES_MAX } from './exchange.ts'
import { at, isText, listOf, show } from './look.ts'

/** What a provider's other answers must be. Each reader returns what it read, or sentences. */

export interface Choice {
  /** In English. */
  displayValue: string
  submittedValue: boolean | number | string
}

/** Logged in Marketo as INFO, WARN and ERROR. */
export interface ServiceStatus {
  info: readonly string[]
  warnings: readonly string[]
  errors: readonly string[]
  deprecationMessage?: string
  deprecationDate?: string
}

const CHOICES_MAX = 1000
const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

/** Why an answer is none; empty when its status is 200 and it is whole. */
function noAnswer({ status, failure }: Received): string {
  if (failure === 'Too large') return `answered with more than ${ANSWER_BYTES_MAX / 1024} KB`
  if (failure !== '') return `gave no answer: ${failure}`
  if (status === 401 || status === 403) return `refused the credentials with ${status}`
  return status === 200 ? '' : `answered ${status}`
}

export type Parsed = { value: unknown } | { problem: string }

/** An empty body is a value that is undefined. */
export function parseJson(received: Received): Parsed {
  const problem = noAnswer(received)
  if (problem !== '') return { problem }
  const text = received.body.toString('utf8')
  if (text === '') return { value: undefined }
  try {
    return { value: JSON.parse(text) }
  } catch {
    return { problem: `answered with ${received.type || 'something'} that is no JSON` }
  }
}

/** No body at all says that all is well, too. */
export function readStatus(value: unknown): ServiceStatus | string[] {
  if (value !== undefined && !isMembers(value)) return [`the status is ${show(value)}, not an object`]
  const lists = ['info', 'warnings', 'errors'].filter((name) => !isTexts(at(value, [name]) ?? []))
  const { deprecationMessage: message, deprecationDate: date } = value ?? {}
  const problems = [
    ...lists.map((name) => `${name} must be a list of texts`),
    ...(message === undefined || isText(message) ? [] : ['deprecationMessage must be a text']),
    ...(date === undefined || isDate(date) ? [] : [`deprecationDate is ${show(date)}: it must be a date`]),
  ]
  if (problems.length > 0) return problems
  const texts = (name: string) => listOf(at(value, [name])).map(String)
  return {
    info: texts('info'),
    warnings: texts('warnings'),
    errors: texts('errors'),
    ...(isText(message) && { deprecationMessage: message }),
    ...(isDate(date) && { deprecationDate: date }),
  }
}

export function readPicklist(value: unknown): readonly Choice[] | string[] {
  const choices = at(value, ['choices'])
  if (!Array.isArray(choices)) return ['choices must be a list']
  const problems = choices.flatMap((choice, index) => {
    const { displayValue, submittedValue } = isMembers(choice) ? choice : {}
    return [
      ...(isText(at(displayValue, ['en_US'])) ? [] : [`choices[${index}].displayValue.en_US is missing`]),
      ...(isScalar(submittedValue)
        ? []
        : [`choices[${index}].submittedValue must be a text, a number or true or false`]),
    ]
  })
  if (choices.length > CHOICES_MAX) problems.push(`${choices.length} choices, at most ${CHOICES_MAX}`)
  if (problems.length > 0) return problems
  return choices.flatMap((choice) => {
    const submittedValue = at(choice, ['submittedValue'])
    const displayValue = String(at(choice, ['displayValue', 'en_US']))
    return isScalar(submittedValue) ? { displayValue, submittedValue } : []
  })
}

export function iconProblem(received: Received): string {
  const { type, body } = received
  const problem = noAnswer(received)
  if (problem !== '') return problem
  if (!type.startsWith('image/')) return `answered with ${type || 'no media type'} where an image was due`
  if (body.length === 0) return 'answered with an empty image'
  const isPng = body.subarray(0, PNG.length).equals(PNG)
  return type === 'image/png' && !isPng ? 'answered with image/png that is not a PNG' : ''
}

export function instructionsProblem(received: Received): string {
  const problem = noAnswer(received)
  if (problem !== '') return problem
  if (received.type !== 'text/html') return `answered with ${received.type} where text/html was due`
  return received.body.length === 0 ? 'answered with an empty page' : ''
}

export function isScalar(value: unknown): value is boolean | number | string {
  return typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}

function isDate(value: unknown): value is string {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value))
}

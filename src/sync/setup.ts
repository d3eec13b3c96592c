import type { CallContext } from '../abort.ts'
import { isVendorError, type VendorError } from '../errors.ts'
import type { MarketoField, NewField, Schema } from '../marketo/schema.ts'
import { defaultFields, isCustomInMarketo } from '../person/fields.ts'
import type { FieldSelection } from '../person/selection.ts'
import { systemFields } from '../person/system-fields.ts'
import { resultActivity } from './write/result-activity.ts'

export interface SetupOptions {
  schema: Pick<Schema, 'fields' | 'ensureField' | 'ensureActivityType'>
  /** Given: also makes the selected fields of the default mapping that are in no Marketo by themselves. */
  selection?: FieldSelection
  /** Takes one line of what was done, as it is done. */
  say: (line: string) => void
}

/**
 * Makes or checks in Marketo what the background sync needs. Can be run again: what is there is left alone.
 * true = all is there.
 */
export async function setUpMarketo(options: SetupOptions, call: CallContext): Promise<boolean> {
  const missing = await runSteps(options, call)
  options.say(missing === 0 ? READY : NOT_READY)
  return missing === 0
}

const READY = 'Marketo is ready for the background sync.'
const NOT_READY = 'Not ready: fix the problems above, and run this again.'

interface Step {
  name: string
  /** Steps of one kind need the same permission. */
  kind: 'field' | 'activity'
  run: () => Promise<StepResult>
}

interface StepResult {
  ok: boolean
  text: string
  /** What need not be tried after this. */
  end?: 'kind' | 'all'
}

/** Gives how many steps failed or were not reached. */
async function runSteps({ schema, selection, say }: SetupOptions, call: CallContext): Promise<number> {
  const wanted: NewField[] = [...systemFields, ...(selection ? mappedFields(selection) : [])]
  const steps: Step[] = wanted.map((field) => ({
    name: field.name,
    kind: 'field',
    run: () => ensureField(schema, field, call),
  }))
  steps.push({
    name: `Custom activity "${resultActivity.name}"`,
    kind: 'activity',
    run: async () => done(await schema.ensureActivityType(resultActivity, call)),
  })
  const denied = new Set<Step['kind']>()
  let missing = 0
  for (const [index, { name, kind, run }] of steps.entries()) {
    const { ok, text, end } = denied.has(kind)
      ? { ok: false, text: 'not tried, because the previous one was denied.' }
      : await run().catch(wordsOf)
    say(`${name}: ${text}`)
    if (end === 'all') return missing + steps.length - index
    if (end === 'kind') denied.add(kind)
    if (!ok) missing += 1
  }
  return missing
}

function done(text: string): StepResult {
  return { ok: true, text }
}

async function ensureField(
  schema: SetupOptions['schema'],
  { name, displayName, dataType, description }: NewField,
  call: CallContext,
): Promise<StepResult> {
  const found = (await schema.fields(call)).get(name)
  if (found) return check(found, dataType)
  return done(await schema.ensureField({ name, displayName, dataType, description }, call))
}

function check({ dataType, updateable }: MarketoField, expected: string): StepResult {
  if (dataType !== expected) {
    const text = `is of type ${dataType}, expected ${expected}: rename or hide that field in Marketo (Admin, Field Management).`
    return { ok: false, text }
  }
  if (!updateable) {
    return { ok: false, text: "cannot be written over the API: let the API user's role write it in Marketo." }
  }
  return done('present')
}

function wordsOf(error: unknown): StepResult {
  if (!isVendorError(error)) throw error
  return { ok: false, ...sayError(error) }
}

function sayError(error: VendorError): Omit<StepResult, 'ok'> {
  switch (error.name) {
    case 'Unauthorized':
      return {
        text: error.detail.advice,
        end: error.detail.code === 'marketo-access-denied' ? 'kind' : 'all',
      }
    case 'Rejected': {
      const { advice, vendorCode } = error.detail
      return { text: vendorCode === undefined ? advice : `${advice} Marketo's code is ${vendorCode}.` }
    }
    case 'Busy':
      return { text: `Marketo asked to wait ${Math.ceil(error.retryAfterMs / 1_000)} s.`, end: 'all' }
    case 'Conflict':
    case 'Unavailable':
      return { text: 'Marketo gave no usable answer, so it may or may not have been created.', end: 'all' }
    default:
      return error satisfies never
  }
}

/** Marketo Sales Insight brings its own fields, and the system fields are made anyway. */
function mappedFields({ fields }: FieldSelection): NewField[] {
  const selected = new Set([...fields.lead, ...fields.contact].map(({ marketo }) => marketo))
  const system = new Set<string>(systemFields.map(({ name }) => name))
  return defaultFields
    .filter(({ marketo, standard }) => standard && isCustomInMarketo(marketo) && !system.has(marketo))
    .filter(({ marketo }) => selected.has(marketo))
    .map(({ marketo, label, type }) => ({
      name: marketo,
      displayName: label,
      dataType: type,
      description: 'Kept in sync with Dynamics 365 by Sync Person to Microsoft.',
    }))
}

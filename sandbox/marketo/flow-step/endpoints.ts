import type { Endpoint } from '../admin-endpoints.ts'
import { list, type Members, oneOf, present, record, text, texts, wholeNumber } from '../admin-input.ts'
import { isScalar } from './answers.ts'
import { CAMPAIGN_TYPES, type Campaign, EMPTIES, STRAYS } from './campaign.ts'
import type { Credentials } from './credentials.ts'
import type { MappingChanges } from './field-mapping.ts'
import type { Installation } from './install.ts'
import { SCHEMES } from './security.ts'
import type { Scalar } from './service.ts'

/** The controls of flow steps over HTTP, below `/_sandbox`. */
export const FLOW_STEP_ENDPOINTS: readonly Endpoint[] = [
  {
    path: /^POST \/flow-steps\/install$/,
    answer: async ({ sandbox, body }) => [200, await sandbox.flowSteps.install(toInstallation(body()))],
  },
  {
    path: /^POST \/flow-steps\/run$/,
    answer: async ({ sandbox, body }) => [201, { run: await sandbox.flowSteps.run(toCampaign(body())) }],
  },
  {
    path: /^POST \/flow-steps\/resend$/,
    answer: async ({ sandbox, body }) => [
      200,
      { status: await sandbox.flowSteps.resend(text(body().token, 'token')) },
    ],
  },
  {
    path: /^POST \/flow-steps\/poll$/,
    answer: async ({ sandbox }) => [200, { violations: await sandbox.flowSteps.poll() }],
  },
  { path: /^GET \/flow-steps\/services$/, answer: ({ sandbox }) => [200, sandbox.flowSteps.services()] },
  { path: /^GET \/flow-steps\/callbacks$/, answer: ({ sandbox }) => [200, sandbox.flowSteps.callbacks()] },
  {
    path: /^GET \/flow-steps\/runs$/,
    answer: ({ sandbox, query }) => {
      const runs = sandbox.flowSteps.runs()
      const id = query.get('id')
      if (id === null) return [200, runs]
      const run = runs.find((each) => String(each.id) === id)
      return run ? [200, run] : [404, { error: `no such one: ${id}` }]
    },
  },
]

function toInstallation(members: Members): Installation {
  return {
    url: text(members.url, 'url'),
    credentials: toCredentials(record(members.credentials)),
    ...present<Required<Omit<Installation, 'url' | 'credentials'>>>(members, {
      mapping: (value) => toMapping(record(value)),
      apiName: (value) => text(value, 'apiName'),
      admin: (value) => scalars(value, 'admin'),
      headers: (value) => scalars(value, 'headers'),
      timeoutMs: (value) => wholeNumber(value, 'timeoutMs'),
    }),
  }
}

function toCredentials(members: Members): Credentials {
  const kind = oneOf(SCHEMES, members.kind, 'credentials.kind')
  const named = (name: string) => text(members[name], `credentials.${name}`)
  switch (kind) {
    case 'apiKey':
      return { kind, key: named('key') }
    case 'basic':
      return { kind, user: named('user'), password: named('password') }
    case 'oauth2':
      return { kind, clientId: named('clientId'), clientSecret: named('clientSecret') }
    default:
      return kind satisfies never
  }
}

function toMapping(members: Members): MappingChanges {
  const side = (value: unknown, name: string) =>
    Object.fromEntries(
      Object.entries(record(value)).map(([key, field]) => [key, field === null ? null : text(field, name)]),
    )
  return present<Required<MappingChanges>>(members, {
    outgoing: (value) => side(value, 'mapping.outgoing'),
    incoming: (value) => side(value, 'mapping.incoming'),
  })
}

function toCampaign(members: Members): Campaign {
  return {
    name: text(members.name, 'name'),
    type: oneOf(CAMPAIGN_TYPES, members.type, 'type'),
    ...present<Required<Omit<Campaign, 'name' | 'type'>>>(members, {
      personIds: (value) => ids(value, 'personIds'),
      attributes: (value) => scalars(value, 'attributes'),
      choices: (value) => list(value, 'choices').map((each) => toChoice(record(each))),
      service: (value) => text(value, 'service'),
      chunkSize: (value) => wholeNumber(value, 'chunkSize'),
      timeoutMs: (value) => wholeNumber(value, 'timeoutMs'),
      trigger: (value) => toTrigger(record(value)),
      program: (value) => toProgram(record(value)),
      tokens: (value) => texts(value, 'tokens'),
      empties: (value) => oneOf(EMPTIES, value, 'empties'),
      strays: (value) => oneOf(STRAYS, value, 'strays'),
    }),
  }
}

function toChoice({ personIds, attributes }: Members): NonNullable<Campaign['choices']>[number] {
  return {
    personIds: ids(personIds, 'choices.personIds'),
    attributes: scalars(attributes, 'choices.attributes'),
  }
}

function toTrigger({ triggerName, name }: Members): NonNullable<Campaign['trigger']> {
  return { triggerName: text(triggerName, 'trigger.triggerName'), name: text(name, 'trigger.name') }
}

function toProgram({ id, name }: Members): NonNullable<Campaign['program']> {
  return { id: wholeNumber(id, 'program.id'), name: text(name, 'program.name') }
}

function ids(value: unknown, name: string): number[] {
  return list(value, name).map((id) => wholeNumber(id, name))
}

function scalars(value: unknown, name: string): Record<string, Scalar> {
  return Object.fromEntries(
    Object.entries(record(value)).map(([key, each]) => {
      if (isScalar(each)) return [key, each]
      throw new Error(`${name}.${key} is a text, a number or true or false`)
    }),
  )
}

import type { TestContext } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import type { Users } from '../../src/dataverse/users.ts'
import { flowStepEndpoint } from '../../src/flow-step/endpoint.ts'
import { flowStepOpenEndpoint } from '../../src/flow-step/open-endpoints.ts'
import type { Submission } from '../../src/flow-step/port.ts'
import { API_KEY_NAME } from '../../src/http/auth.ts'
import { JSON_LIMITS } from '../../src/json.ts'
import { createCallbackSender } from '../../src/marketo/callback.ts'
import { defaultSelection } from '../../src/person/selection.ts'
import { createEdge, WITH_KEY } from '../http/edge.ts'

export const nobody: Users = { list: async () => [] }

/** The endpoints alone. The work behind them is a list of what it was given: journeys have the real one. */
export async function openEndpoints(t: TestContext, users: Users = nobody, publicUrl?: string) {
  const submissions: Submission[] = []
  const log = { debug() {}, warn() {} }
  const hosts = ['adobe.io']
  const endpoint = flowStepEndpoint({
    flowStep: {
      submit: async (submission) => {
        const seen = submissions.some(({ token }) => token === submission.token)
        submissions.push(submission)
        return seen ? 'seen' : 'accepted'
      },
    },
    sender: createCallbackSender({ hosts, allowLoopback: false, clock: systemClock, log }),
    admit: async () => {},
    users,
    selection: defaultSelection(),
    checks: [{ name: 'Store', run: async () => ({ level: 'info', text: 'Store: available.' }) }],
    callerOf: (request) => request.getDecorator<string>(API_KEY_NAME),
    limits: {
      bytesMax: 12 * 1_024 * 1_024,
      personBytesMax: 262_144,
      peopleMax: 10_000,
      uploadsMax: 2,
      uploadWaitMs: 1_000,
      json: JSON_LIMITS,
    },
    timeoutMs: 1_000,
    clock: systemClock,
    stopping: new AbortController().signal,
  })
  const openEndpoints = [flowStepOpenEndpoint({ version: '1.2.3', publicUrl })]
  const edge = await createEdge(t, { endpoints: [endpoint], openEndpoints })
  const post = (path: string, payload: string | object, headers: Record<string, string> = {}) =>
    edge.app.inject({
      method: 'POST',
      url: `/flow-step/${path}`,
      headers: { 'content-type': 'application/json', ...WITH_KEY, ...headers },
      payload,
    })
  const get = (path: string, headers: Record<string, string> = WITH_KEY) =>
    edge.app.inject({ url: `/flow-step/${path}`, headers })
  return { ...edge, submissions, post, get }
}

export function chunkOf(people: number) {
  return {
    token: 'secret-token',
    apiCallBackKey: 'secret-key',
    campaignId: 2044,
    callbackUrl: 'https://callback.adobe.io/cfa/secret-path',
    context: { subscription: { munchkinId: '123-ABC-456' }, admin: {}, campaign: {}, program: {} },
    objectData: Array.from({ length: people }, (_, index) => ({
      objectType: 'lead' as const,
      objectContext: { id: index + 1, email: `person${index}@example.com`, mktoPersonNotes: 'x'.repeat(800) },
      flowStepContext: { syncAs: 'lead', assignTo: '' },
      triggeringContext: {},
    })),
  }
}

import { toBend } from './admin-bend.ts'
import { changeField } from './admin-field.ts'
import { list, type Members, text, toCause, toCustomField, toWebhook, wholeNumber } from './admin-input.ts'
import { toKnobs, toLimits } from './admin-knobs.ts'
import { FLOW_STEP_ENDPOINTS } from './flow-step/endpoints.ts'
import type { MarketoSandbox } from './sandbox.ts'

/** What a visitor wants of the sandbox. */
interface Order {
  sandbox: MarketoSandbox
  /** The id or name in the path. */
  subject: string
  query: URLSearchParams
  body(): Members
}

type Told = readonly [status: number, reply?: unknown]

export interface Endpoint {
  /** Method and path below `/_sandbox`. */
  path: RegExp
  answer(order: Order): Told | Promise<Told>
}

const look = (path: RegExp, see: (order: Order) => unknown): Endpoint => ({
  path,
  answer: (order) => [200, see(order)],
})
const act = (path: RegExp, does: (order: Order) => void): Endpoint => ({
  path,
  answer: (order) => {
    does(order)
    return [204]
  },
})

const ENDPOINTS: readonly Endpoint[] = [
  look(/^GET \/people$/, ({ sandbox }) => sandbox.people()),
  look(/^GET \/people\/(\d+)$/, ({ sandbox, subject }) => sandbox.person(Number(subject))),
  look(/^GET \/calls$/, ({ sandbox }) => sandbox.calls),
  look(/^GET \/activities$/, ({ sandbox }) => sandbox.activities),
  look(/^GET \/log$/, ({ sandbox }) => sandbox.log()),
  look(/^GET \/knobs$/, ({ sandbox }) => sandbox.knobs),
  {
    path: /^POST \/seed$/,
    answer: ({ sandbox, query, body }) => [201, { id: sandbox.seed(body(), toCause(query)) }],
  },
  act(/^PATCH \/people\/(\d+)$/, ({ sandbox, subject, query, body }) =>
    sandbox.update(Number(subject), body(), toCause(query)),
  ),
  act(/^DELETE \/people\/(\d+)$/, ({ sandbox, subject, query }) =>
    sandbox.remove(Number(subject), toCause(query)),
  ),
  act(/^POST \/people\/(\d+)\/score$/, ({ sandbox, subject, query, body }) => {
    const { amount, field = 'leadScore' } = body()
    const change = wholeNumber(amount, 'amount')
    sandbox.changeScore(Number(subject), change, toCause(query), text(field, 'field'))
  }),
  act(/^POST \/merge$/, ({ sandbox, query, body }) => {
    const { winner, losers } = body()
    const ids = list(losers, 'losers').map((id) => wholeNumber(id, 'losers'))
    sandbox.merge(wholeNumber(winner, 'winner'), ids, toCause(query))
  }),
  act(/^POST \/fields$/, ({ sandbox, body }) => sandbox.addField(toCustomField(body()))),
  act(/^PATCH \/fields\/(\w+)$/, ({ sandbox, subject, body }) => changeField(sandbox, subject, body())),
  act(/^DELETE \/fields\/(\w+)$/, ({ sandbox, subject }) => sandbox.removeField(subject)),
  act(/^POST \/knobs$/, ({ sandbox, body }) => sandbox.setKnobs(toKnobs(body()))),
  act(/^POST \/delay-activities$/, ({ sandbox, body }) => {
    const { ms, count = 1 } = body()
    sandbox.delayActivities(wholeNumber(ms, 'ms'), wholeNumber(count, 'count'))
  }),
  act(/^POST \/expire-paging-tokens$/, ({ sandbox }) => sandbox.expirePagingTokens()),
  act(/^POST \/bend$/, ({ sandbox, body }) => sandbox.bend(toBend(body()))),
  act(/^POST \/refuse-whole$/, ({ sandbox, body }) => {
    const { containing, code, message } = body()
    const said = message === undefined ? {} : { message: text(message, 'message') }
    sandbox.refuseWhole({ containing: text(containing, 'containing'), code: text(code, 'code'), ...said })
  }),
  act(/^POST \/refuse-nothing$/, ({ sandbox }) => sandbox.refuseNothing()),
  act(/^POST \/limits$/, ({ sandbox, body }) => sandbox.setLimits(toLimits(body()))),
  act(/^POST \/revoke-token$/, ({ sandbox }) => sandbox.revokeToken()),
  {
    path: /^POST \/call-webhook$/,
    answer: async ({ sandbox, body }) => [200, await sandbox.callWebhook(toWebhook(body()))],
  },
  ...FLOW_STEP_ENDPOINTS,
  act(/^POST \/reset$/, ({ sandbox }) => sandbox.reset()),
]

/** `what` is a method and a path; undefined = there is no such control. */
export function orderedOf(what: string): { endpoint: Endpoint; subject: string } | undefined {
  for (const endpoint of ENDPOINTS) {
    const match = endpoint.path.exec(what)
    if (match) return { endpoint, subject: match[1] ?? '' }
  }
  return undefined
}

import { listen } from '../listen.ts'
import { answerAdmin, isAdminPath } from './admin.ts'
import { Identity } from './identity.ts'
import { type Limits, Quota, STOCK_LIMITS } from './limits.ts'
import { People } from './people.ts'
import type { MarketoSandbox } from './sandbox.ts'
import { Schema } from './schema.ts'
import { MarketoServer } from './server.ts'
import { Webhooks } from './webhook.ts'

/** Room to refuse a URI that is too long in Marketo's own way. */
const HEADER_BYTES_MAX = 128 * 1024

export interface MarketoOptions {
  host: string
  port: number
  limits: Partial<Limits>
  tokenLifetimeSeconds: number
}

export async function startMarketo(options: MarketoOptions) {
  const schema = new Schema()
  const people = new People(schema)
  const identity = new Identity(options.tokenLifetimeSeconds)
  const quota = new Quota({ ...STOCK_LIMITS, ...options.limits })
  const server = new MarketoServer({ identity, quota, schema, people })
  const webhooks = new Webhooks({ schema, people })
  const sandbox: MarketoSandbox = {
    url: '',
    service: { clientId: identity.clientId, clientSecret: identity.clientSecret },
    calls: server.calls,
    activities: webhooks.activities,
    people: () => people.all(),
    person: (id) => people.get(id),
    seed: (fields) => people.add(fields),
    update: (id, fields) => people.update(id, fields),
    remove: (id) => people.remove(id),
    merge: (winner, losers) => people.merge(winner, losers),
    addField: (field) => schema.add(field),
    removeField: (name) => schema.remove(name),
    bend: (bend) => server.bend(bend),
    setLimits(limits) {
      quota.limits = { ...quota.limits, ...limits }
    },
    revokeToken: () => identity.revoke(),
    callWebhook: (webhook) => webhooks.call(webhook),
    reset() {
      server.reset()
      webhooks.reset()
      people.reset()
      schema.reset()
      quota.limits = { ...STOCK_LIMITS, ...options.limits }
    },
  }
  const listening = await listen(
    (message, response) =>
      void (isAdminPath(message.url ?? '/')
        ? answerAdmin(sandbox, message, response)
        : server.handle(message, response)),
    options.host,
    options.port,
    HEADER_BYTES_MAX,
  )
  sandbox.url = listening.url
  const close = async () => {
    webhooks.close()
    await listening.close()
  }
  return { sandbox, close }
}

export type { Limits, MarketoSandbox }

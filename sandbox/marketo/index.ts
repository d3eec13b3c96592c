import { listen } from '../listen.ts'
import { TYPE, toWire } from './activity.ts'
import { answerAdmin, isAdminPath } from './admin.ts'
import { CALLBACK_PATH } from './flow-step/callback-endpoint.ts'
import { FlowSteps } from './flow-step/flow-steps.ts'
import { Identity } from './identity.ts'
import type { Knobs } from './knobs.ts'
import { type Limits, Quota, STOCK_LIMITS } from './limits.ts'
import type { MarketoSandbox } from './sandbox.ts'
import { MarketoServer } from './server.ts'
import { Subscription } from './subscription.ts'
import { Usage } from './usage.ts'
import { Webhooks } from './webhook.ts'

/** Room to refuse a URI that is too long in Marketo's own way. */
const HEADER_BYTES_MAX = 128 * 1024

export interface MarketoOptions {
  host: string
  port: number
  limits: Partial<Limits>
  knobs: Partial<Knobs>
  tokenLifetimeSeconds: number
}

export async function startMarketo(options: MarketoOptions) {
  const marketo = new Subscription({ knobs: options.knobs })
  const identity = new Identity(options.tokenLifetimeSeconds)
  const quota = new Quota({ ...STOCK_LIMITS, ...options.limits })
  const server = new MarketoServer({ identity, quota, marketo, usage: new Usage(marketo.now) })
  const webhooks = new Webhooks(marketo)
  const flowSteps = new FlowSteps(marketo)
  const sandbox: MarketoSandbox = {
    ...handleOf(marketo),
    url: '',
    service: { clientId: identity.clientId, clientSecret: identity.clientSecret },
    calls: server.calls,
    get activities() {
      const calls = marketo.log.all().filter(({ typeId }) => typeId === TYPE.callWebhook)
      return calls.map(toWire)
    },
    unbend: () => server.unbend(),
    bend: (bend) => (bend.operation === 'flow-step-callback' ? flowSteps.bend(bend.how) : server.bend(bend)),
    refuseWhole: (refusal) => void server.refusals.push(refusal),
    refuseNothing() {
      server.refusals.length = 0
    },
    flowSteps,
    setLimits(limits) {
      quota.limits = { ...quota.limits, ...limits }
    },
    revokeToken: () => identity.revoke(),
    callWebhook: (webhook) => webhooks.call(webhook),
    reset() {
      server.reset()
      webhooks.reset()
      flowSteps.reset()
      marketo.reset()
      quota.limits = { ...STOCK_LIMITS, ...options.limits }
    },
  }
  const listening = await listen(
    (message, response) => {
      const url = message.url ?? '/'
      if (isAdminPath(url)) void answerAdmin(sandbox, message, response)
      else if (url.split('?')[0] === CALLBACK_PATH) void flowSteps.handle(message, response)
      else void server.handle(message, response)
    },
    options.host,
    options.port,
    HEADER_BYTES_MAX,
  )
  sandbox.url = listening.url
  flowSteps.url = listening.url
  const close = async () => {
    webhooks.close()
    flowSteps.close()
    server.reset()
    await listening.close()
  }
  return { sandbox, close }
}

/** The controls that reach the subscription itself. */
function handleOf(marketo: Subscription) {
  return {
    subscription: marketo,
    knobs: marketo.knobs,
    log: () => marketo.log.all(),
    people: () => marketo.people.all(),
    person: (id) => marketo.people.get(id),
    seed: (fields, cause) => marketo.create(fields, cause),
    update: (id, fields, cause) => marketo.update(id, fields, cause),
    changeScore: (id, amount, cause, field) => marketo.changeScore(id, amount, cause, field),
    remove: (id, cause) => marketo.remove(id, cause),
    merge: (winner, losers, cause) => marketo.merge(winner, losers, cause),
    addField: (field) => marketo.addField(field),
    removeField: (name) => marketo.removeField(name),
    renameField: (name, to) => marketo.renameField(name, to),
    retypeField: (name, dataType) => marketo.retypeField(name, dataType),
    shortenField: (name, length) => marketo.shortenField(name, length),
    blockField: (name, isBlocked) => marketo.blockField(name, isBlocked),
    setKnobs: (knobs) => void Object.assign(marketo.knobs, knobs),
    delayActivities: (ms, count) => marketo.delayActivities(ms, count),
    expirePagingTokens: () => marketo.feed.expireTokens(),
  } satisfies Partial<MarketoSandbox>
}

export type { Knobs, Limits, MarketoSandbox }

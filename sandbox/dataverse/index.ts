import type { Tokens } from '../entra/tokens.ts'
import { listen } from '../listen.ts'
import { answerAdmin, isAdminPath } from './admin.ts'
import { apiOf } from './api.ts'
import type { Bend } from './bends.ts'
import type { Call } from './call.ts'
import type { Commit } from './commit.ts'
import { humanOf } from './human.ts'
import type { Knobs } from './knobs.ts'
import { type Limits, ServiceProtection, STOCK_LIMITS } from './limits.ts'
import { type Organisation, openOrganisation, resetOrganisation } from './organisation.ts'
import type { DataverseSandbox } from './sandbox.ts'
import { schemaOf } from './schema.ts'
import { securityOf } from './security.ts'
import { DataverseServer } from './server.ts'
import type { Column, TableName } from './table.ts'

export interface DataverseOptions {
  host: string
  port: number
  tokens: Tokens
  tenantUrl: string
  clientId: string
  userName: string
  replyDelayMs: number
  limits: Partial<Limits>
  knobs: Partial<Knobs>
}

export async function startDataverse(options: DataverseOptions) {
  const organisation = openOrganisation(options)
  const protection = new ServiceProtection({ ...STOCK_LIMITS, ...options.limits })
  const { tokens, tenantUrl, replyDelayMs } = options
  const server = new DataverseServer({ organisation, tokens, tenantUrl, protection, replyDelayMs })
  const sandbox = controls(organisation, server, protection, options)
  const listening = await listen(
    (message, response) =>
      void (isAdminPath(message.url ?? '/')
        ? answerAdmin(sandbox, message, response)
        : server.handle(message, response)),
    options.host,
    options.port,
  )
  organisation.origin = listening.url
  sandbox.url = listening.url
  const close = async () => {
    server.reset()
    await listening.close()
  }
  return { sandbox, close }
}

function controls(
  organisation: Organisation,
  server: DataverseServer,
  protection: ServiceProtection,
  options: DataverseOptions,
): DataverseSandbox {
  const { rows, ids } = organisation
  return {
    ...humanOf(organisation),
    ...schemaOf(organisation),
    ...securityOf(organisation),
    url: '',
    ids,
    calls: server.calls,
    commits: rows.commits,
    organisation,
    api: apiOf(organisation, ids.applicationUser),
    get knobs() {
      return organisation.knobs
    },
    setKnobs(knobs) {
      organisation.knobs = { ...organisation.knobs, ...knobs }
    },
    bend: (bend) => server.bends.add(bend),
    unbend: () => server.bends.clear(),
    setDuplicateRules(on, delayMs = 0) {
      organisation.duplicateRules = { on, delayMs }
    },
    addPlugIn: (plugIn) => void organisation.plugIns.push(plugIn),
    removePlugIns() {
      organisation.plugIns.length = 0
    },
    setLimits(limits) {
      protection.limits = { ...protection.limits, ...limits }
    },
    touch(table, id) {
      const row = rows.get(table, id)
      if (row) rows.touch(table, row)
    },
    becomeOrganisation(id, kept) {
      if (kept === 'none') resetOrganisation(organisation, options)
      ids.organisation = id
      for (const table of ['lead', 'contact'] as const) rows.expireTokens(table)
    },
    reset() {
      server.reset()
      protection.limits = { ...STOCK_LIMITS, ...options.limits }
      resetOrganisation(organisation, options)
    },
  }
}

export type { Bend, Call, Column, Commit, DataverseSandbox, Knobs, Limits, TableName }

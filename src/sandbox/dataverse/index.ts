import type { Tokens } from '../entra/tokens.ts'
import { listen } from '../listen.ts'
import { answerAdmin, isAdminPath } from './admin.ts'
import type { Bend } from './bends.ts'
import type { Call } from './call.ts'
import { humanOf } from './human.ts'
import { type Limits, ServiceProtection, STOCK_LIMITS } from './limits.ts'
import { furnish, type Organisation, type StockIds, stockIds } from './organisation.ts'
import { type Commit, Rows } from './rows.ts'
import type { DataverseSandbox } from './sandbox.ts'
import { DataverseServer } from './server.ts'
import {
  type AlternateKey,
  type Column,
  requireTable,
  stockTables,
  type TableName,
  type Value,
} from './table.ts'

export interface DataverseOptions {
  host: string
  port: number
  tokens: Tokens
  tenantUrl: string
  clientId: string
  userName: string
  replyDelayMs: number
  limits: Partial<Limits>
}

export async function startDataverse(options: DataverseOptions) {
  const organisation: Organisation = {
    tables: stockTables(),
    rows: new Rows(),
    ids: stockIds(),
    origin: '',
    duplicateRules: { on: false, delayMs: 0 },
  }
  const protection = new ServiceProtection({ ...STOCK_LIMITS, ...options.limits })
  const { tokens, tenantUrl, replyDelayMs } = options
  const server = new DataverseServer({ organisation, tokens, tenantUrl, protection, replyDelayMs })
  furnish(organisation, options.clientId, options.userName)
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
  const tableOf = (name: TableName) => requireTable(organisation.tables, name)
  return {
    ...humanOf(organisation),
    url: '',
    ids,
    calls: server.calls,
    commits: rows.commits,
    bend: (bend) => server.bends.add(bend),
    changeColumn: (table, name, change) => changeColumn(tableOf(table).columns, name, change),
    setKeys(table, keys) {
      tableOf(table).keys = [...keys]
    },
    setDuplicateRules(on, delayMs = 0) {
      organisation.duplicateRules = { on, delayMs }
    },
    setLimits(limits) {
      protection.limits = { ...protection.limits, ...limits }
    },
    touch(table, id) {
      const row = rows.get(table, id)
      if (row) rows.touch(table, row)
    },
    reset() {
      server.reset()
      rows.clear()
      organisation.tables = stockTables()
      organisation.duplicateRules = { on: false, delayMs: 0 }
      protection.limits = { ...STOCK_LIMITS, ...options.limits }
      furnish(organisation, options.clientId, options.userName)
    },
  }
}

function changeColumn(
  columns: Map<string, Column>,
  name: string,
  { remove, ...change }: Partial<Column> & { remove?: boolean },
): void {
  if (remove) {
    columns.delete(name)
    return
  }
  const fresh: Column = {
    name,
    schemaName: name,
    type: 'String',
    required: 'None',
    create: true,
    update: true,
    maxLength: 100,
    format: 'Text',
  }
  columns.set(name, { ...(columns.get(name) ?? fresh), ...change, name })
}

export type { AlternateKey, Bend, Call, Column, Commit, DataverseSandbox, Limits, StockIds, TableName, Value }

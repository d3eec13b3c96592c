import { randomUUID } from 'node:crypto'
import type { Row, Rows } from './rows.ts'
import type { Tables, Value } from './table.ts'

/** The one pretended organisation: its tables, rows and switches. Everything else is a function on it. */
export interface Organisation {
  tables: Tables
  rows: Rows
  ids: StockIds
  /** Origin of the Web API, without a trailing slash. */
  origin: string
  duplicateRules: { on: boolean; delayMs: number }
}

/** Rows that exist in a fresh organisation. */
export interface StockIds {
  organisation: string
  businessUnit: string
  currency: string
  /** The application user bound to the sandbox's app registration. */
  applicationUser: string
  /** A human in sales; seeded rows are entered by this one. */
  salesPerson: string
  /** A second human in sales. */
  salesManager: string
  /** A human who left; owning rows is refused. */
  disabledUser: string
  salesTeam: string
  account: string
}

export function stockIds(): StockIds {
  return {
    organisation: randomUUID(),
    businessUnit: '3f0a2c11-5c1e-ee11-8179-000d3a8b0001',
    currency: '3f0a2c11-5c1e-ee11-8179-000d3a8b0002',
    applicationUser: '3f0a2c11-5c1e-ee11-8179-000d3a8b0011',
    salesPerson: '3f0a2c11-5c1e-ee11-8179-000d3a8b0012',
    salesManager: '3f0a2c11-5c1e-ee11-8179-000d3a8b0013',
    disabledUser: '3f0a2c11-5c1e-ee11-8179-000d3a8b0014',
    salesTeam: '3f0a2c11-5c1e-ee11-8179-000d3a8b0021',
    account: '3f0a2c11-5c1e-ee11-8179-000d3a8b0031',
  }
}

interface StockRow {
  table: 'systemuser' | 'team' | 'account'
  id: string
  values: Record<string, Value>
}

/** Puts the stock rows in place; they are no writes of anybody and leave no commits. */
export function furnish(organisation: Organisation, clientId: string, userName: string): void {
  const { rows, ids } = organisation
  const user = (id: string, first: string, last: string, domain: string, more: Record<string, Value> = {}) =>
    ({
      table: 'systemuser',
      id,
      values: {
        firstname: first,
        lastname: last,
        fullname: `${first} ${last}`,
        domainname: domain,
        internalemailaddress: domain,
        isdisabled: false,
        accessmode: 0,
        businessunitid: ids.businessUnit,
        ...more,
      },
    }) satisfies StockRow
  const stock: StockRow[] = [
    user(ids.applicationUser, '#', 'Sync Person to Microsoft', 'sync@contoso.example', {
      applicationid: clientId,
      accessmode: 4,
    }),
    user(ids.salesPerson, 'Sam', 'Sales', userName),
    user(ids.salesManager, 'Mia', 'Manager', 'mia.manager@contoso.example'),
    user(ids.disabledUser, 'Dan', 'Departed', 'dan.departed@contoso.example', { isdisabled: true }),
    {
      table: 'team',
      id: ids.salesTeam,
      values: { name: 'Inside Sales', teamtype: 0, isdefault: false, businessunitid: ids.businessUnit },
    },
    {
      table: 'account',
      id: ids.account,
      values: { name: 'Contoso', statecode: 0, statuscode: 1, ownerid: ids.salesPerson },
    },
  ]
  for (const { table, id, values } of stock) {
    const row: Omit<Row, 'etag'> = {
      id,
      values: new Map(Object.entries({ [`${table}id`]: id, versionnumber: rows.nextVersion(), ...values })),
      targets: new Map(Object.entries(values.ownerid === undefined ? {} : { ownerid: 'systemuser' })),
    }
    rows.insert(table, row, {}, ids.organisation)
  }
  rows.commits.length = 0
}

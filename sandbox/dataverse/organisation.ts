import { type Knobs, STOCK_KNOBS } from './knobs.ts'
import type { PlugIn } from './plug-in.ts'
import { type NewRow, Rows, type RowsOptions } from './rows.ts'
import { ADMINISTRATORS, freshSecurity, type Security } from './security.ts'
import { stockTables, type Tables, type Value } from './table.ts'

/** The one pretended organisation: its tables, rows and switches. Everything else is a function on it. */
export interface Organisation {
  tables: Tables
  rows: Rows
  ids: StockIds
  /** Origin of the Web API, without a trailing slash. */
  origin: string
  duplicateRules: { on: boolean; delayMs: number }
  /** In the order in which they were registered. */
  plugIns: PlugIn[]
  knobs: Knobs
  security: Security
  /** Moves with every change of the schema: the annotation globalmetadataversion. */
  metadataVersion: number
}

export interface OrganisationOptions extends RowsOptions {
  knobs?: Partial<Knobs>
  /** What the stock users are known by: the app registration, and the name of the one in sales. */
  clientId?: string
  userName?: string
}

/** A fresh organisation with its stock rows. It needs no server: the Web API is functions on it. */
export function openOrganisation(options: OrganisationOptions = {}): Organisation {
  const organisation: Organisation = {
    tables: stockTables(),
    rows: new Rows(options),
    ids: stockIds(),
    origin: 'http://sandbox',
    duplicateRules: { on: true, delayMs: 0 },
    plugIns: [],
    knobs: { ...STOCK_KNOBS, ...options.knobs },
    security: freshSecurity(),
    metadataVersion: 107_932_318,
  }
  furnish(organisation, options)
  return organisation
}

/** Back to how it was opened. Delta tokens from before are void. */
export function resetOrganisation(organisation: Organisation, options: OrganisationOptions): void {
  organisation.rows.clear()
  organisation.tables = stockTables()
  organisation.duplicateRules = { on: true, delayMs: 0 }
  organisation.plugIns = []
  organisation.knobs = { ...STOCK_KNOBS, ...options.knobs }
  organisation.security = freshSecurity()
  organisation.metadataVersion += 1
  furnish(organisation, options)
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

function stockIds(): StockIds {
  return {
    organisation: '3f0a2c11-5c1e-ee11-8179-000d3a8b0000',
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
  table: 'systemuser' | 'team' | 'account' | 'fieldsecurityprofile'
  id: string
  values: Record<string, Value>
}

/** Puts the stock rows in place; they are no writes of anybody and leave no commits. */
function furnish(organisation: Organisation, options: OrganisationOptions): void {
  const { rows, ids } = organisation
  const { clientId = 'sync-person', userName = 'sam.sales@contoso.example' } = options
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
    { table: 'fieldsecurityprofile', id: ADMINISTRATORS, values: { name: 'System Administrator' } },
  ]
  for (const { table, id, values } of stock) {
    const row: NewRow = {
      id,
      values: new Map(Object.entries({ [`${table}id`]: id, ...values })),
      targets: new Map(Object.entries(values.ownerid === undefined ? {} : { ownerid: 'systemuser' })),
    }
    rows.insert(table, row, {}, ids.organisation)
  }
  rows.commits.length = 0
}

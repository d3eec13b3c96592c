import { DataverseError } from './errors.ts'
import type { Filter } from './filter.ts'
import type { Organisation } from './organisation.ts'
import type { Row } from './shelf.ts'
import { type Column, requireTable, type Table, type TableName, type Value } from './table.ts'

/** A permission as the vendor stores it: 4 is Allowed. */
const ALLOWED = 4
/** "Column-level security with code": the profile that every system administrator has. */
export const ADMINISTRATORS = '572329c1-a042-4e22-be47-367c6374ea45'

type Grant = 'read' | 'create' | 'update'
export type Sight = 'shown' | 'hidden' | 'masked'

/** Who belongs to what, and what the application user's role lacks; the profiles themselves are rows. */
export interface Security {
  profileUsers: Map<string, Set<string>>
  profileTeams: Map<string, Set<string>>
  teamUsers: Map<string, Set<string>>
  /** Names such as prvReadFieldPermission that the application user does not have. */
  denied: Set<string>
  /** Privileges that the application user's role gives for the user's own records only. */
  ownOnly: Set<string>
}

export function freshSecurity(): Security {
  return {
    profileUsers: new Map(),
    profileTeams: new Map(),
    teamUsers: new Map(),
    denied: new Set(),
    ownOnly: new Set(),
  }
}

/** What an administrator does about secured columns and privileges. */
export interface SecurityControls {
  /**
   * Enables or disables column security, with a masking rule if `mask` says so. Unlike other changes of a column it
   * leaves delta tokens valid: whether the vendor voids them is not documented, and nulls in a delta are the worse case.
   */
  secureColumn(table: TableName, column: string, secured: boolean, mask?: boolean): void
  /** A column security profile with one permission for each column; returns its id. `name` is taken once. */
  addProfile(name: string, permissions: readonly Permission[]): string
  /** Every permission of the profile anew. */
  setPermissions(profileId: string, permissions: readonly Permission[]): void
  /** Puts a user or team into a profile, or takes them out. */
  assignProfile(profileId: string, principalId: string, on?: boolean): void
  joinTeam(teamId: string, userId: string): void
  /** What the application user's role lacks from now on, by privilege name. */
  denyPrivileges(names: readonly string[]): void
  /** What it gives at user level from now on, instead of organization level; RetrieveUserPrivileges says so. */
  limitPrivileges(names: readonly string[]): void
}

export interface Permission {
  table: TableName
  column: string
  read?: boolean
  create?: boolean
  update?: boolean
  unmasked?: 'none' | 'one' | 'all'
}

export function securityOf(organisation: Organisation): SecurityControls {
  const { rows } = organisation
  const insert = (table: TableName, values: Record<string, Value>, targets: Record<string, string> = {}) => {
    const id = rows.nextId()
    const all = new Map(Object.entries({ [`${table}id`]: id, ...values }))
    rows.insert(table, { id, values: all, targets: new Map(Object.entries(targets)) }, {}, '')
    rows.commits.pop()
    return id
  }
  // The commits are what is written about people and companies.
  const drop = (table: TableName, which: (row: Row) => boolean) => {
    for (const row of [...rows.all(table)].filter(which)) {
      rows.remove(table, row, '')
      rows.commits.pop()
    }
  }
  const setPermissions: SecurityControls['setPermissions'] = (profileId, permissions) => {
    drop('fieldpermission', ({ values }) => values.get('fieldsecurityprofileid') === profileId)
    const level = (on = false) => (on ? ALLOWED : 0)
    for (const { table, column, read, create, update, unmasked = 'none' } of permissions) {
      const values = {
        entityname: table,
        attributelogicalname: column,
        canread: level(read),
        cancreate: level(create),
        canupdate: level(update),
        canreadunmasked: { none: 0, one: 1, all: 3 }[unmasked],
        fieldsecurityprofileid: profileId,
      }
      insert('fieldpermission', values, { fieldsecurityprofileid: 'fieldsecurityprofile' })
    }
  }
  return {
    secureColumn(name, columnName, secured, mask = false) {
      const table = requireTable(organisation.tables, name)
      const column = table.columns.get(columnName)
      if (!column) throw new Error(`the sandbox's ${name} has no column ${columnName}`)
      table.columns.set(columnName, { ...column, secured })
      drop(
        'attributemaskingrule',
        ({ values }) =>
          values.get('entityname') === name && values.get('attributelogicalname') === columnName,
      )
      if (mask) insert('attributemaskingrule', { entityname: name, attributelogicalname: columnName })
      organisation.metadataVersion += 1
    },
    addProfile(name, permissions) {
      const id = insert('fieldsecurityprofile', { name })
      setPermissions(id, permissions)
      return id
    },
    setPermissions,
    assignProfile(profileId, principalId, on = true) {
      const { profileUsers, profileTeams } = organisation.security
      const members = rows.get('team', principalId) ? profileTeams : profileUsers
      const of = members.get(profileId) ?? new Set()
      if (on) of.add(principalId)
      else of.delete(principalId)
      members.set(profileId, of)
    },
    joinTeam(teamId, userId) {
      const { teamUsers } = organisation.security
      teamUsers.set(teamId, (teamUsers.get(teamId) ?? new Set()).add(userId))
    },
    denyPrivileges(names) {
      organisation.security.denied = new Set(names)
    },
    limitPrivileges(names) {
      organisation.security.ownOnly = new Set(names)
    },
  }
}

/** The profiles that a user has, directly or by a team. */
function profilesOf({ security }: Organisation, userId: string): Set<string> {
  const { profileUsers, profileTeams, teamUsers } = security
  const teams = [...teamUsers].flatMap(([team, users]) => (users.has(userId) ? [team] : []))
  const direct = [...profileUsers].flatMap(([profile, users]) => (users.has(userId) ? [profile] : []))
  const byTeam = [...profileTeams].flatMap(([profile, of]) =>
    teams.some((team) => of.has(team)) ? [profile] : [],
  )
  return new Set([...direct, ...byTeam])
}

function permissions(organisation: Organisation, userId: string, table: Table, column: Column) {
  const profiles = profilesOf(organisation, userId)
  const rows = [...organisation.rows.all('fieldpermission')].filter(
    ({ values }) =>
      values.get('entityname') === table.name &&
      values.get('attributelogicalname') === column.name &&
      profiles.has(String(values.get('fieldsecurityprofileid'))),
  )
  return { rows, isAdministrator: profiles.has(ADMINISTRATORS) }
}

function mayUse(
  organisation: Organisation,
  userId: string,
  table: Table,
  column: Column,
  grant: Grant,
): boolean {
  // Only the application user's permissions are played: people in sales see and enter everything.
  if (!column.secured || userId !== organisation.ids.applicationUser) return true
  const { rows, isAdministrator } = permissions(organisation, userId, table, column)
  return isAdministrator || rows.some(({ values }) => values.get(`can${grant}`) === ALLOWED)
}

/** What a caller sees of a column. Nothing in the reply says that it is not the value. */
export function sightOf(organisation: Organisation, userId: string) {
  return (table: Table, column: Column): Sight => {
    if (!column.secured) return 'shown'
    if (!mayUse(organisation, userId, table, column, 'read'))
      return isMasked(table, column) ? 'masked' : 'hidden'
    return isMasked(table, column) && userId === organisation.ids.applicationUser ? 'masked' : 'shown'
  }

  function isMasked(table: Table, column: Column): boolean {
    return [...organisation.rows.all('attributemaskingrule')].some(
      ({ values }) =>
        values.get('entityname') === table.name && values.get('attributelogicalname') === column.name,
    )
  }
}

/** The first letter, stars, and the domain of an e-mail address: `a***@x.example`. */
export function masked(value: Value): Value {
  if (typeof value !== 'string') return null
  const at = value.indexOf('@')
  return `${value.slice(0, 1)}***${at > 0 ? value.slice(at) : ''}`
}

/** Throws the vendor's refusal of a write with a column that the caller may not write. */
export function checkSecured(
  organisation: Organisation,
  table: Table,
  columns: Iterable<string>,
  grant: 'create' | 'update',
  userId: string,
): void {
  for (const name of columns) {
    const column = table.columns.get(name)
    if (!column || mayUse(organisation, userId, table, column, grant)) continue
    throw grant === 'create'
      ? new DataverseError(
          403,
          '0x8004f502',
          'The user does not have create permissions to a secured field. The requested operation could not be completed.',
        )
      : new DataverseError(
          403,
          '0x8004f507',
          "The user doesn't have AttributePrivilegeUpdate and not granted shared access for a secured attribute during update operation",
        )
  }
}

/**
 * The filter as the caller's query works: looking at what the caller may not read is refused, or finds nothing there,
 * as the knob says.
 */
export function permitted<Query extends Filter | undefined>(
  organisation: Organisation,
  table: Table,
  filter: Query,
  userId: string,
): Query | Filter {
  const isHidden = (column: Column) => !mayUse(organisation, userId, table, column, 'read')
  if (filter === undefined || !columnsOf(filter).some(isHidden)) return filter
  if (organisation.knobs.securedFilter === 'blind') return blinded(filter, isHidden)
  throw new DataverseError(
    403,
    '0x8004f506',
    'The Query contained a secured attribute to which the caller does not have access',
  )
}

function blinded(filter: Filter, isHidden: (column: Column) => boolean): Filter {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return { ...filter, left: blinded(filter.left, isHidden), right: blinded(filter.right, isHidden) }
    case 'not':
      return { ...filter, inner: blinded(filter.inner, isHidden) }
    default:
      return isHidden(filter.column) ? { kind: 'in', column: filter.column, values: [] } : filter
  }
}

function columnsOf(filter: Filter | undefined): Column[] {
  if (filter === undefined) return []
  switch (filter.kind) {
    case 'and':
    case 'or':
      return [...columnsOf(filter.left), ...columnsOf(filter.right)]
    case 'not':
      return columnsOf(filter.inner)
    default:
      return [filter.column]
  }
}

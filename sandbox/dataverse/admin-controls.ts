import { toBend } from './admin-bend.ts'
import { toColumn } from './admin-column.ts'
import { flag, list, number, optional, record, tableOf, text } from './admin-input.ts'
import { checkKnobs } from './knobs.ts'
import { type PlugIn, REWRITES } from './plug-in.ts'
import { checkPrivilegeName } from './privileges.ts'
import type { DataverseSandbox } from './sandbox.ts'
import type { Permission } from './security.ts'

type Body = Record<string, unknown>

/** What POST /_sandbox/<name> does; the body's members are named as the handle's parameters. Returns what is told. */
export const CONTROLS: Readonly<Record<string, (sandbox: DataverseSandbox, body: Body) => unknown>> = {
  bend: (sandbox, body) => sandbox.bend(toBend(body)),
  knobs: (sandbox, body) => sandbox.setKnobs(checkKnobs(body)),
  limits: (sandbox, body) =>
    sandbox.setLimits({
      ...optional(body, 'requestsPerWindow', number),
      ...optional(body, 'windowMs', number),
      ...optional(body, 'executionMsPerWindow', number),
      ...optional(body, 'concurrentMax', number),
    }),
  'plug-in': (sandbox, body) => sandbox.addPlugIn(toPlugIn(body)),
  'duplicate-rules': (sandbox, { on, delayMs = 0 }) => sandbox.setDuplicateRules(flag(on), number(delayMs)),

  seed: (sandbox, { table, columns }) => ({ id: sandbox.seed(tableOf(table), record(columns)) }),
  assign: (sandbox, { table, id, ownerId }) => sandbox.assign(tableOf(table), text(id), text(ownerId)),
  qualify: (sandbox, { leadId, ...wanted }) =>
    sandbox.qualify(text(leadId), {
      ...optional(wanted, 'account', flag),
      ...optional(wanted, 'contact', flag),
    }),
  disqualify: (sandbox, { leadId, statuscode }) =>
    sandbox.disqualify(text(leadId), statuscode === undefined ? undefined : number(statuscode)),
  merge: (sandbox, { table, survivorId, loserId, content = {} }) =>
    sandbox.merge(tableOf(table), text(survivorId), text(loserId), record(content)),
  restore: (sandbox, { table, id }) => sandbox.restore(tableOf(table), text(id)),
  touch: (sandbox, { table, id }) => sandbox.touch(tableOf(table), text(id)),

  'change-column': (sandbox, { table, name, change }) =>
    sandbox.changeColumn(tableOf(table), text(name), toColumn(record(change))),
  'rename-column': (sandbox, { table, from, to }) =>
    sandbox.renameColumn(tableOf(table), text(from), text(to)),
  'change-option': (sandbox, { table, column, value, label }) =>
    sandbox.changeOption(
      tableOf(table),
      text(column),
      number(value),
      label === undefined || label === null ? undefined : text(label),
    ),
  'change-tracking': (sandbox, { table, on }) => sandbox.setChangeTracking(tableOf(table), flag(on)),
  'expire-tokens': (sandbox, { table }) => sandbox.expireTokens(tableOf(table)),
  keys: (sandbox, { table, keys }) =>
    sandbox.setKeys(
      tableOf(table),
      list(keys)
        .map(record)
        .map((key) => ({
          schemaName: text(key.schemaName),
          columns: list(key.columns).map(text),
          status: 'Active',
        })),
    ),

  'become-organisation': (sandbox, { id, rows }) =>
    sandbox.becomeOrganisation(text(id), rows === 'copied' ? 'copied' : 'none'),
  'secure-column': (sandbox, { table, column, secured, mask = false }) =>
    sandbox.secureColumn(tableOf(table), text(column), flag(secured), flag(mask)),
  'add-profile': (sandbox, { name, permissions }) => ({
    id: sandbox.addProfile(text(name), list(permissions).map(toPermission)),
  }),
  'set-permissions': (sandbox, { profileId, permissions }) =>
    sandbox.setPermissions(text(profileId), list(permissions).map(toPermission)),
  'assign-profile': (sandbox, { profileId, principalId, on = true }) =>
    sandbox.assignProfile(text(profileId), text(principalId), flag(on)),
  'join-team': (sandbox, { teamId, userId }) => sandbox.joinTeam(text(teamId), text(userId)),
  'deny-privileges': (sandbox, { names }) =>
    sandbox.denyPrivileges(list(names).map((name) => checkPrivilegeName(text(name)))),
  'limit-privileges': (sandbox, { names }) =>
    sandbox.limitPrivileges(list(names).map((name) => checkPrivilegeName(text(name)))),
}

function toPlugIn({ rewrite, value, message, ...more }: Body): PlugIn {
  const on = { table: tableOf(more.table), column: text(more.column) }
  if (rewrite !== undefined) {
    const known = REWRITES.find((one) => one === rewrite)
    if (known === undefined)
      throw new Error(`no such rewrite: ${rewrite}; it is one of ${REWRITES.join(', ')}`)
    return { ...on, rewrite: known }
  }
  return {
    ...on,
    value: value === null || typeof value === 'number' || typeof value === 'boolean' ? value : text(value),
    message: text(message),
    ...optional(more, 'traceLength', number),
    ...optional(more, 'code', text),
    ...optional(more, 'status', number),
    ...(more.on === 'read' && { on: 'read' as const }),
  }
}

function toPermission(value: unknown): Permission {
  const given = record(value)
  const { unmasked } = given
  return {
    table: tableOf(given.table),
    column: text(given.column),
    ...optional(given, 'read', flag),
    ...optional(given, 'create', flag),
    ...optional(given, 'update', flag),
    ...((unmasked === 'one' || unmasked === 'all') && { unmasked }),
  }
}

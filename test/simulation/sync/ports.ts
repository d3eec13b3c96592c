import assert from 'node:assert/strict'
import type { Changes as TableChanges } from '../../../src/dataverse/changes.ts'
import type { TableDefinition } from '../../../src/dataverse/columns.ts'
import type { Metadata } from '../../../src/dataverse/metadata.ts'
import type { Rows } from '../../../src/dataverse/rows.ts'
import type { ActivityLog, SyncLeads, WriteResult } from '../../../src/marketo/bulk-write.ts'
import type { Changes as FeedChanges } from '../../../src/marketo/changes.ts'
import type { People } from '../../../src/marketo/people.ts'
import { CallRefused } from '../../../src/marketo/refusal.ts'
import { RefusedCalls } from '../../../src/marketo/refused-calls.ts'
import type { Schema } from '../../../src/marketo/schema.ts'
import type { SyncOptions } from '../../../src/sync/sync.ts'
import { resultActivity } from '../../../src/sync/write/result-activity.ts'
import type { Owner } from '../scheduler.ts'
import type { SimulatedDynamics } from './dynamics.ts'
import type { SimulatedMarketo } from './marketo.ts'
import { marketoFields, tableOf } from './schema.ts'
import type { Wire } from './wire.ts'

/** Ids, or values of a filter, or records, that one call of Marketo takes; rows that one batch of Dynamics takes. */
const MARKETO_MAX = 300
const DYNAMICS_MAX = 1_000
const RESULT_TYPE_ID = 100_001
const DIVISIONS_MAX = 64
const UNSENT_RETRY_MS = 10_000

/** Dynamics as one process reaches it. */
export function dataverseFor(
  owner: Owner,
  dynamics: SimulatedDynamics,
  wire: Wire,
): SyncOptions['dataverse'] {
  const changes: TableChanges = {
    start: (table, columns) => wire.read(owner, () => dynamics.start(table, columns)),
    follow: (table, next) => wire.read(owner, () => dynamics.follow(table, next)),
  }
  const rows: Rows = {
    update(updates, selects) {
      assert.ok(updates.length > 0 && updates.length <= DYNAMICS_MAX)
      const ids = new Set(updates.map(({ ref }) => ref.id))
      assert.equal(ids.size, updates.length, 'one update for each row')
      return wire.write(owner, updates, (update) => dynamics.update(update, selects[update.ref.table]))
    },
    readRows: (refs, selects) =>
      wire.read(owner, () => {
        const found = refs.flatMap(({ table, id }) => {
          const row = dynamics.read(table, id, selects[table])
          return row ? [[`${table}:${id}`, row] as const] : []
        })
        return new Map(found)
      }),
  }
  const metadata: Metadata = {
    table: (table) => wire.read(owner, () => securedTable(table, dynamics.secured)),
    reread: async () => undefined,
    isSecuredAs: (definitions) =>
      wire.read(owner, () =>
        definitions.every(({ columns }) =>
          [...columns.values()].every(
            (one) => (one.secured !== undefined) === dynamics.secured.has(one.logicalName),
          ),
        ),
      ),
  }
  return { changes, rows, metadata }
}

/** Nothing is proven to be allowed. */
function securedTable(table: 'lead' | 'contact', secured: ReadonlySet<string>): TableDefinition {
  const definition = tableOf(table)
  const columns = new Map(definition.columns)
  for (const name of secured) {
    const column = columns.get(name)
    if (column) columns.set(name, { ...column, secured: { read: false, create: false, update: false } })
  }
  return { ...definition, columns }
}

/** One call, or several when Marketo refuses it as a whole because of some of its records. */
async function refusable<Input>(
  marketo: SimulatedMarketo,
  refusedCalls: RefusedCalls,
  inputs: readonly Input[],
  isPoisoned: (input: Input) => boolean,
  write: (group: readonly Input[]) => Promise<WriteResult[]>,
): Promise<WriteResult[]> {
  const results = new Map<Input, WriteResult>()
  let isCutOff = false
  await refusedCalls.send({
    groups: [inputs],
    async call(group) {
      if (group.some(isPoisoned)) {
        marketo.refusedCalls += 1
        throw new CallRefused({ code: '1001', message: '' }, { code: 'marketo-value-invalid', advice: '' })
      }
      const written = await write(group)
      for (const [index, input] of group.entries()) results.set(input, written[index] ?? { kind: 'unknown' })
      isCutOff = written.every(({ kind }) => kind === 'unknown')
      return isCutOff ? 'stop' : 'done'
    },
    refused(group, { alone }) {
      for (const input of group) {
        if (!isPoisoned(input)) marketo.heldBack += 1
        results.set(input, { kind: 'refused', detail: alone })
      }
    },
  })
  const unsent = inputs.filter((input) => !results.has(input) && !isPoisoned(input))
  if (!isCutOff) marketo.heldBack += unsent.length
  return inputs.map((input) => results.get(input) ?? { kind: 'unsent', retryAfterMs: UNSENT_RETRY_MS })
}

/** Marketo as one process reaches it. */
export function marketoFor(owner: Owner, marketo: SimulatedMarketo, wire: Wire): SyncOptions['marketo'] {
  const changes: FeedChanges = {
    tokenSince: (since) => wire.read(owner, () => marketo.tokens.issue(since)),
    leadChanges: (token, fields) =>
      wire.read(owner, () => {
        const wanted = new Set(fields)
        return marketo.values.page(token, (entry) =>
          entry.kind === 'new' || entry.fields.some(({ name }) => wanted.has(name)) ? entry : undefined,
        )
      }),
    activities: (token, typeIds) =>
      wire.read(owner, () =>
        marketo.life.page(token, (entry) => (typeIds.includes(entry.typeId) ? entry : undefined)),
      ),
    deletedPeople: (token) => wire.read(owner, () => marketo.deletions.page(token, (entry) => entry)),
  }
  const people: People = {
    read: (ids, fields) =>
      wire.read(owner, () => {
        const found = ids.flatMap((id) => {
          const person = marketo.read(id, fields)
          return person ? [[id, person] as const] : []
        })
        return new Map(found)
      }),
    search: (field, values, fields) =>
      wire.read(owner, () => {
        const found = new Set(values.flatMap((value) => marketo.find(field, value)))
        return [...found].map(({ id }) => ({ marketoId: id, fields: marketo.read(id, fields) ?? {} }))
      }),
  }
  const refusedCalls = new RefusedCalls({ callDivisionsMax: DIVISIONS_MAX })
  const syncLeads: SyncLeads = {
    update(updates) {
      assert.ok(updates.length > 0 && updates.length <= DYNAMICS_MAX)
      assert.equal(new Set(updates.map(({ marketoId }) => marketoId)).size, updates.length)
      return refusable(
        marketo,
        refusedCalls,
        updates,
        ({ marketoId }) => marketo.poisoned.has(marketoId),
        (group) => wire.write(owner, group, ({ marketoId, fields }) => marketo.update(marketoId, fields)),
      )
    },
    upsert(records, lookupField) {
      assert.ok(records.length > 0 && records.length <= DYNAMICS_MAX)
      assert.equal(new Set(records.map((one) => one[lookupField])).size, records.length)
      return wire.write(owner, records, (fields) => marketo.upsert(fields, lookupField))
    },
  }
  const schema: Schema = {
    fields: () => wire.read(owner, marketoFields),
    ensureField: async () => 'present',
    ensureActivityType: async () => 'present',
    nativeSync: async () => false,
    activityType: async () => ({
      id: RESULT_TYPE_ID,
      attributes: new Set(resultActivity.attributes.map(({ apiName }) => apiName)),
    }),
  }
  const activityLog: ActivityLog = {
    add(activities) {
      assert.ok(activities.length <= MARKETO_MAX)
      return wire.write(owner, activities, ({ marketoId }) =>
        marketo.people.has(marketoId)
          ? { kind: 'created' as const, marketoId }
          : { kind: 'missing' as const },
      )
    },
  }
  return { changes, people, syncLeads, schema, activityLog }
}

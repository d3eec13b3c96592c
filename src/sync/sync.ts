import type { Logger } from 'pino'
import type { CallContext } from '../abort.ts'
import type { Clock, Random } from '../clock.ts'
import type { Dataverse } from '../dataverse/dataverse.ts'
import type { Rows } from '../dataverse/rows.ts'
import { ACTIVITY_TYPES, DELETIONS_KEPT_MS, type LeadActivity, type LeadChange } from '../marketo/changes.ts'
import type { Marketo } from '../marketo/marketo.ts'
import type { People } from '../marketo/people.ts'
import { identifiersOf } from '../person/identity.ts'
import type { FieldSelection } from '../person/selection.ts'
import type { Replica, SyncStore } from '../store/sync-port.ts'
import type { Blocked } from './control.ts'
import { Tally } from './counts.ts'
import { RemovedCharacters } from './decide/removed-characters.ts'
import { Engine } from './engine.ts'
import { Faults } from './faults.ts'
import { fencedStore } from './fenced-store.ts'
import { DynamicsStream } from './intake/dynamics-stream.ts'
import { MarketoStream } from './intake/marketo-stream.ts'
import { seeChanges, seeOthers } from './intake/see-changes.ts'
import { observeLife } from './intake/see-life.ts'
import type { Source } from './intake/stream.ts'
import { NativeSyncWatch } from './native-sync.ts'
import { Previewer } from './preview.ts'
import { rememberFaults } from './remember-faults.ts'
import { SchemaWatch } from './schema-watch.ts'
import { defaultSyncSettings, type SyncSettings } from './settings.ts'
import type { Tenure } from './tenure.ts'
import { ActivityPush } from './write/activity-push.ts'
import { Work } from './write/work.ts'

export interface SyncOptions {
  dataverse: Pick<Dataverse, 'changes' | 'rows' | 'metadata'>
  marketo: Pick<Marketo, 'changes' | 'people' | 'syncLeads' | 'schema' | 'activityLog'>
  store: SyncStore
  /** In which the engine works; absent: nobody else does. */
  tenure?: Tenure
  selection: FieldSelection
  /** Why nothing may be sent to Dynamics at all; absent: nothing ever keeps it. */
  fault?: () => Blocked | undefined
  clock: Clock
  random: Random
  log: Logger
  settings?: Partial<SyncSettings>
}

/** Builds this room anew for each tenure; does nothing until the first cycle. */
export function createSync(given: SyncOptions): Engine {
  const { tenure } = given
  const store = tenure ? fencedStore(given.store, tenure) : given.store
  const removed = new RemovedCharacters(given.log)
  const faults = new Faults(store)
  const vendors = rememberFaults(given, faults)
  const options = {
    ...given,
    store,
    ...vendors,
    marketo: { ...vendors.marketo, people: removed.watch(vendors.marketo.people) },
  }
  const { dataverse, marketo, selection, clock, random, log } = options
  const settings = { ...defaultSyncSettings, ...options.settings }
  const { changes } = dataverse
  const { people, syncLeads, activityLog } = marketo
  const tally = new Tally()
  const schemas = new SchemaWatch({
    ...(given.fault && { fault: given.fault }),
    selection,
    metadata: dataverse.metadata,
    marketo: marketo.schema,
    store,
    faults,
    clock,
    log,
    settings,
  })
  const doubtSchema = () => schemas.doubt()
  const areRowsProven = schemas.areRowsProven.bind(schemas)
  const rows = watched(dataverse.rows, () => schemas.rowsRead())
  const tables = { changes, rows, store, clock, log, settings, doubtSchema, areRowsProven }
  const life = lifeOfPeople(options, settings)
  // Leads before contacts: a lead that was qualified hands its link over before its contact is met.
  const sources: Source[] = [
    leadChanges(options, settings, removed),
    deletedPeople(options, settings, life),
    life,
    new DynamicsStream({ recordType: 'lead', ...tables }),
    new DynamicsStream({ recordType: 'contact', ...tables }),
  ]
  const deliberation = { store, rows, people, clock, random, settings, startedAt: clock.now() }
  return new Engine({
    sources,
    work: new Work({ ...deliberation, syncLeads, tally, schemas }),
    push: new ActivityPush({
      ...{ store, activityLog, schema: marketo.schema, clock, random, settings, faults, log },
    }),
    schemas,
    faults,
    nativeSync: new NativeSyncWatch({ schema: marketo.schema, faults, clock, log, settings }),
    previewer: new Previewer({ ...deliberation, sources }),
    tally,
    store,
    ...(tenure && { beforeCall: tenure.check }),
    clock,
    log,
    settings,
  })
}

/** Tells when rows have come. */
function watched(rows: Rows, read: () => void): Rows {
  return {
    update: (...given) => rows.update(...given).finally(read),
    readRows: (...given) => rows.readRows(...given).finally(read),
  }
}

/** New people and changed values. */
function leadChanges(
  { marketo, store, clock, log }: SyncOptions,
  settings: SyncSettings,
  removed: RemovedCharacters,
) {
  const { changes, people } = marketo
  return new MarketoStream<LeadChange>({
    stream: 'marketo-changes',
    changes,
    store,
    clock,
    log,
    settings,
    isPure: true,
    read: (token, { schema, ...call }) => changes.leadChanges(token, schema.feedFields, call),
    async observe(entries, { schema, ...call }) {
      removed.lookAt(entries)
      const byPerson = Map.groupBy(entries, ({ marketoId }) => marketoId)
      const found = await store.findReplicas({ marketoIds: [...byPerson.keys()] })
      const searching = await searchingFor(entries, found, { store, people, clock }, call)
      const seen = found.map((given) => {
        const { replica, conflicts } = seeOthers(given, byPerson, schema)
        const own = replica.marketoId === undefined ? undefined : byPerson.get(replica.marketoId)
        if (own === undefined) return { replica, conflicts }
        const now = seeChanges(replica, own, { now: clock.now(), schema, settleMs: settings.settleMs })
        return { replica: now.replica, conflicts: [...conflicts, ...now.conflicts] }
      })
      return {
        replicas: [...seen.map(({ replica }) => replica).filter((one) => !found.includes(one)), ...searching],
        conflicts: seen.flatMap(({ conflicts }) => conflicts),
      }
    },
  })
}

/**
 * Records without a person whose e-mail a new person has, or one who was there before has got. New people are only
 * asked for while there are such records.
 */
async function searchingFor(
  entries: readonly LeadChange[],
  found: readonly Replica[],
  { store, people, clock }: { store: SyncStore; people: Pick<People, 'read'>; clock: Clock },
  call: CallContext,
): Promise<Replica[]> {
  const known = new Set(found.map(({ marketoId }) => marketoId))
  const strange = entries.filter(({ marketoId }) => !known.has(marketoId))
  const said = strange.flatMap(({ fields }) => fields.filter(({ name }) => name === 'email'))
  const ids = [...new Set(strange.flatMap(({ kind, marketoId }) => (kind === 'new' ? [marketoId] : [])))]
  if ((ids.length === 0 && said.length === 0) || !(await store.hasOrphans())) return []
  const read = ids.length === 0 ? [] : (await people.read(ids, ['email'], call)).values()
  const given = [...said.map(({ newValue }) => newValue), ...[...read].map(({ email }) => email)]
  const emails = given.flatMap((email) => (typeof email === 'string' ? identifiersOf({ email }) : []))
  const orphans = await store.orphansWith(emails.map(({ value }) => value))
  return orphans.map((one) => ({ ...one, dueAt: clock.now() }))
}

/** Merged and, where a score travels, scored people: read less often, since each read costs a call. */
function lifeOfPeople({ marketo, store, clock, log }: SyncOptions, settings: SyncSettings) {
  const { changes, people } = marketo
  const { changeScore, mergeLeads } = ACTIVITY_TYPES
  return new MarketoStream<LeadActivity>({
    stream: 'marketo-life',
    intervalMs: settings.lifeIntervalMs,
    changes,
    store,
    clock,
    log,
    settings,
    isPure: false,
    read: (token, { schema, ...call }) =>
      changes.activities(token, schema.hasScore ? [changeScore, mergeLeads] : [mergeLeads], call),
    observe: (entries, { schema, ...call }) => observeLife(entries, clock.now(), { store, people }, call),
  })
}

/**
 * Marketo logs the losers of a merge as deleted, too: the merges come first, since a link that has lost its person
 * could not follow the survivor.
 */
function deletedPeople({ marketo, store, clock, log }: SyncOptions, settings: SyncSettings, merges: Source) {
  const { changes, people } = marketo
  return new MarketoStream<LeadActivity>({
    stream: 'marketo-deletions',
    intervalMs: settings.lifeIntervalMs,
    changes,
    store,
    clock,
    log,
    settings,
    isPure: false,
    catchUp: { after: merges.stream, ms: DELETIONS_KEPT_MS },
    read: (token, { schema, ...call }) => changes.deletedPeople(token, call),
    async isTime(entries, context) {
      const linked = await store.findReplicas({ marketoIds: entries.map(({ marketoId }) => marketoId) })
      let more = linked.length > 0
      for (let pages = 0; more && pages < settings.pagesMax; pages += 1) {
        more = (await merges.pull(context)).more
      }
      return !more
    },
    observe: (entries, { schema, ...call }) => observeLife(entries, clock.now(), { store, people }, call),
  })
}

import type { UpdateResult } from '../dataverse/rows.ts'
import { Rejected, Unauthorized } from '../errors.ts'
import type { WriteResult } from '../marketo/bulk-write.ts'
import type { FaultSide, Faults } from './faults.ts'
import type { SyncOptions } from './sync.ts'

type Vendors = Pick<SyncOptions, 'dataverse' | 'marketo'>

/** Both vendors, whose refusals for good are remembered by verb until the verb succeeds. */
export function rememberFaults({ dataverse, marketo }: Vendors, faults: Faults): Vendors {
  const met = async <Answer>(
    side: FaultSide,
    verb: string,
    run: () => Promise<Answer>,
    isProof: (answer: Answer) => boolean = () => true,
  ): Promise<Answer> => {
    try {
      const answer = await run()
      if (isProof(answer)) faults.set(verb, [])
      return answer
    } catch (error) {
      if (error instanceof Unauthorized || error instanceof Rejected) faults.raise(verb, side, error)
      throw error
    }
  }
  const { changes, rows, metadata } = dataverse
  const { changes: feeds, people, syncLeads, schema, activityLog } = marketo
  return {
    dataverse: {
      ...dataverse,
      changes: {
        ...changes,
        start: (table, ...rest) => met('dynamics', `changes ${table}`, () => changes.start(table, ...rest)),
        follow: (table, ...rest) => met('dynamics', `changes ${table}`, () => changes.follow(table, ...rest)),
      },
      rows: {
        ...rows,
        update: async (...given) => {
          const results = await met('dynamics', 'rows.update', () => rows.update(...given), wasWritten)
          // Of some of them it may be the record's owner or business unit, and they are failures of their own.
          const denied = results.find((result) => result.kind === 'refused' && result.isDenied)
          const isDenied = denied?.kind === 'refused' && results.every(({ kind }) => kind !== 'updated')
          if (isDenied) faults.set('rows.update', [{ side: 'dynamics', ...denied.detail }])
          return results
        },
        readRows: (...given) => met('dynamics', 'rows.readRows', () => rows.readRows(...given)),
      },
      metadata: {
        ...metadata,
        table: (table, ...rest) => met('dynamics', `metadata ${table}`, () => metadata.table(table, ...rest)),
      },
    },
    marketo: {
      ...marketo,
      changes: {
        ...feeds,
        tokenSince: (...given) => met('marketo', 'changes.tokenSince', () => feeds.tokenSince(...given)),
        leadChanges: (...given) => met('marketo', 'changes.leadChanges', () => feeds.leadChanges(...given)),
        activities: (...given) => met('marketo', 'changes.activities', () => feeds.activities(...given)),
        deletedPeople: (...given) =>
          met('marketo', 'changes.deletedPeople', () => feeds.deletedPeople(...given)),
      },
      people: {
        ...people,
        read: (...given) => met('marketo', 'people.read', () => people.read(...given)),
        search: (...given) => met('marketo', 'people.search', () => people.search(...given)),
      },
      syncLeads: {
        ...syncLeads,
        update: (...given) => met('marketo', 'syncLeads', () => syncLeads.update(...given), wasWritten),
        upsert: (...given) => met('marketo', 'syncLeads', () => syncLeads.upsert(...given), wasWritten),
      },
      schema: {
        ...schema,
        fields: (...given) => met('marketo', 'schema.fields', () => schema.fields(...given)),
        activityType: (...given) =>
          met('marketo', 'schema.activityType', () => schema.activityType(...given)),
      },
      activityLog: {
        ...activityLog,
        add: (...given) => met('marketo', 'activityLog', () => activityLog.add(...given), wasWritten),
      },
    },
  }
}

/** Whether a side has looked at any of the records. */
function wasWritten(results: readonly (UpdateResult | WriteResult)[]): boolean {
  return results.some(({ kind }) => kind !== 'unsent' && kind !== 'unknown')
}

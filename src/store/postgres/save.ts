import { nameOf } from '../alias-rows.ts'
import { toParameters } from '../replica-rows.ts'
import type { SyncChange, SyncStore } from '../sync-port.ts'
import type { Postgres } from './postgres.ts'
import { toJson } from './statement.ts'

/** A whole change in one call of one function. */
export async function saveChange(
  postgres: Postgres,
  functions: string,
  { now, fence, ...change }: SyncChange,
): ReturnType<SyncStore['save']> {
  const [row] = await postgres.query(`select ${functions}.save_change(:fence, :change, :now) as ids`, {
    fence: fence ?? null,
    change: toJson(toColumns(change)),
    now,
  })
  const linkIds = row?.ids as number[] | 'fenced' | null
  if (linkIds === 'fenced') return { kind: 'fenced' }
  return linkIds === null ? { kind: 'stale' } : { kind: 'saved', linkIds }
}

/** The change with its replicas as columns, and values as the JSON texts that are stored. */
function toColumns({
  cursors = [],
  moves = [],
  newLinks = [],
  replicas = [],
  conflicts = [],
  failures = [],
  aliases = [],
}: Omit<SyncChange, 'now' | 'fence'>) {
  return {
    cursors,
    moves,
    newLinks: newLinks.map(({ link, replica }) => ({
      ...link,
      ...(replica.marketoId !== undefined && { marketoId: replica.marketoId }),
      ...toParameters(replica),
    })),
    replicas: replicas.map((replica) => ({
      linkId: replica.linkId,
      version: replica.version,
      ...toParameters(replica),
    })),
    conflicts: conflicts.map((conflict) => ({
      ...conflict,
      won: JSON.stringify(conflict.won),
      lost: JSON.stringify(conflict.lost),
    })),
    failures,
    aliases: aliases.map(({ other, seen, ...change }) => ({
      ...nameOf(other),
      ...change,
      ...(seen && { seen: JSON.stringify(seen) }),
    })),
  }
}

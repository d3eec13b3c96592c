import { Cluster } from '../postgres/cluster.ts'
import { troubleDatabase } from './database-trouble.ts'

/** What the replicas of a run remember with. */
export interface Store extends AsyncDisposable {
  environment: Record<string, string>
  /** Its own troubles, until the signal aborts; gives how many there were. */
  trouble(signal: AbortSignal): Promise<Record<string, number>>
}

/** A file for one replica, a PostgreSQL for several. */
export async function startStore(replicas: number, directory: string): Promise<Store> {
  if (replicas === 1) {
    return {
      environment: { DATA_DIR: directory },
      trouble: async () => ({}),
      async [Symbol.asyncDispose]() {},
    }
  }
  const cluster = await Cluster.start()
  return {
    environment: { DATABASE_URL: await cluster.createDatabase() },
    trouble: (signal) => troubleDatabase(cluster, signal),
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  }
}

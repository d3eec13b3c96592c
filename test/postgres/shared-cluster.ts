import { after } from 'node:test'
import { type Cluster, startCluster } from './cluster.ts'

let shared: Promise<Cluster> | undefined

/** One cluster for all tests of a file, gone when they are over. */
export function sharedCluster(): Promise<Cluster> {
  shared ??= startCluster()
  return shared
}

after(async () => (await shared)?.[Symbol.asyncDispose]())

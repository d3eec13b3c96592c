import { after } from 'node:test'
import { type Databases, startDatabases } from './cluster.ts'

let shared: Promise<Databases> | undefined

/** One server for all tests of a file, gone when they are over. */
export function sharedCluster(): Promise<Databases> {
  shared ??= startDatabases()
  return shared
}

after(async () => (await shared)?.[Symbol.asyncDispose]())

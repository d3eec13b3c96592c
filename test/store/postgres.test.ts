import { describe } from 'node:test'
import { withoutPostgres } from '../postgres/cluster.ts'
import { chunkContract } from './chunk-contract.ts'
import { openPostgres } from './postgres-rig.ts'

describe('the store on PostgreSQL', { skip: withoutPostgres }, () => {
  chunkContract('PostgreSQL', openPostgres)
})

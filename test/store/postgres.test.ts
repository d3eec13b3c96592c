import { describe } from 'node:test'
import { withoutPostgres } from '../postgres/cluster.ts'
import { aliasContract } from './alias-contract.ts'
import { chunkContract } from './chunk-contract.ts'
import { storeContract } from './contract.ts'
import { linkMovesContract } from './link-moves-contract.ts'
import { openPostgres } from './postgres-rig.ts'
import { syncContract } from './sync-contract.ts'

describe('the store on PostgreSQL', { skip: withoutPostgres }, () => {
  storeContract('PostgreSQL', openPostgres)
  chunkContract('PostgreSQL', openPostgres)
  syncContract('PostgreSQL', openPostgres)
  linkMovesContract('PostgreSQL', openPostgres)
  aliasContract('PostgreSQL', openPostgres)
})

import type { FastifyPluginAsync } from 'fastify'
import { Type } from 'typebox'
import { StoreUnavailable } from '../errors.ts'
import { problemResponse, Refusal } from '../problem.ts'

export interface BackupEndpointOptions {
  /** Absent: the database is not a file of this service. */
  backup: (() => Promise<{ name: string; bytes: number; takenAt: number }>) | undefined
}

/** `npm run backup` calls it while the service runs: no other process can read the open database. */
export function backupEndpoint({ backup }: BackupEndpointOptions): FastifyPluginAsync {
  return async (scope) => {
    scope.post('/v1/backups', { schema: docs }, async (request, reply) => {
      if (!backup) {
        throw new Refusal(409, 'backup-elsewhere', 'The store is a PostgreSQL database.', {
          advice: 'Back it up with its own tools, such as pg_dump.',
        })
      }
      const { takenAt, ...made } = await backup().catch((error: unknown) => {
        if (error instanceof StoreUnavailable) throw error
        request.log.error({ event: 'backup-failed', err: error })
        throw new Refusal(503, 'backup-failed', 'The backup could not be made; the log says why.', {
          advice: 'Check the space and the rights of BACKUP_DIR, then try again.',
        })
      })
      request.log.info({ event: 'backup-made', ...made })
      return reply.code(201).send({ ...made, takenAt: new Date(takenAt).toISOString() })
    })
  }
}

const docs = {
  summary: 'Back up the SQLite database',
  description:
    'Makes a verified copy of the whole database in BACKUP_DIR while the service runs, and deletes the oldest beyond BACKUPS_KEPT. Calls that arrive while one is made get the same one.',
  operationId: 'makeBackup',
  tags: ['operations'],
  response: {
    201: Type.Object(
      {
        name: Type.String({ description: 'File in BACKUP_DIR.' }),
        bytes: Type.Integer(),
        takenAt: Type.String({ format: 'date-time' }),
      },
      {
        description: 'The backup is complete and verified.',
        examples: [
          {
            name: 'sync-person-20261129T194500000Z.sqlite',
            bytes: 1048576,
            takenAt: '2026-11-29T19:45:00.000Z',
          },
        ],
      },
    ),
    409: problemResponse('The store is PostgreSQL.'),
    500: problemResponse('An internal error of the service.'),
    503: problemResponse('The backup could not be made, or the database cannot be used at the moment.'),
  },
}

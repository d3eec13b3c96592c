import { SyncFields, SyncPreview } from './preview-schemas.ts'
import { SyncConflict, SyncConflicts, SyncFailure, SyncFailures, SyncPaused, SyncRetry } from './schemas.ts'
import { SyncStatusAnswer } from './status-schemas.ts'

/** What the routes of the background sync refer to by `$id`. */
export const syncSchemas = [
  SyncStatusAnswer,
  SyncFailure,
  SyncFailures,
  SyncConflict,
  SyncConflicts,
  SyncPaused,
  SyncRetry,
  SyncPreview,
  SyncFields,
]

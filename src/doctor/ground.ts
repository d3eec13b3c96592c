import { access, constants, stat, statfs } from 'node:fs/promises'
import type { CallContext } from '../abort.ts'
import type { FieldReport } from '../sync/field-report.ts'
import type { Check, Seen } from './examination.ts'

const DISK_LOW_BYTES = 1024 ** 3
const DISK_FULL_BYTES = 50 * 1024 ** 2
const FIELDS_NAMED_MAX = 5

export interface GroundOptions {
  /** Sentences about settings that are accepted but unwise. */
  warnings: readonly string[]
  /** DATA_DIR; absent with PostgreSQL. */
  directory: string | undefined
  /** Why the database takes no writes; absent where no store is open. */
  storeFault?: () => Promise<string | undefined>
  /** The field selection as both live schemas see it. */
  reportFields: (call: CallContext) => Promise<FieldReport>
  /** Whether the background sync is configured: it fills fields of its own in Marketo. */
  syncs: boolean
}

/** Settings, store and disk, and the fields that are to travel. */
export function groundChecks({
  warnings,
  directory,
  storeFault,
  reportFields,
  syncs,
}: GroundOptions): Check[] {
  const report = once(reportFields)
  return [
    {
      id: 'configuration',
      run: async () =>
        warnings.length === 0
          ? { status: 'ok', seen: 'All settings are valid.' }
          : { status: 'warn', seen: warnings.join(' '), advice: 'See docs/configuration.md.' },
    },
    { id: 'store', run: () => storeSeen(directory, storeFault) },
    { id: 'disk', run: () => diskSeen(directory) },
    {
      id: 'fields',
      needs: ['organization', 'marketo-sign-in'],
      run: async (call) => fieldsSeen(await report(call)),
    },
    {
      id: 'marketo-fields',
      needs: ['marketo-sign-in'],
      run: async (call) => {
        if (!syncs) return { status: 'skipped', seen: 'Only the background sync fills fields of its own.' }
        return systemFieldsSeen(await report(call))
      },
    },
  ]
}

function once(ask: (call: CallContext) => Promise<FieldReport>): (call: CallContext) => Promise<FieldReport> {
  let asked: Promise<FieldReport> | undefined
  return (call) => {
    asked ??= ask(call)
    return asked
  }
}

async function storeSeen(
  directory: string | undefined,
  storeFault: GroundOptions['storeFault'],
): Promise<Seen> {
  if (storeFault) {
    const fault = await storeFault()
    if (fault === undefined) return { status: 'ok', seen: 'The database accepts writes.' }
    const seen = `The database cannot be used: ${fault}.`
    return { status: 'fail', seen, advice: 'See docs/troubleshooting.md.', code: 'store-unavailable' }
  }
  if (directory === undefined) {
    return {
      status: 'skipped',
      seen: 'GET /v1/doctor of the running service checks the PostgreSQL database.',
    }
  }
  try {
    await access(directory, constants.R_OK | constants.W_OK)
    const { mode } = await stat(directory)
    if ((mode & 0o077) === 0) return { status: 'ok', seen: `${directory} can be written.` }
    const seen = `Other users of this machine can read ${directory}.`
    return { status: 'warn', seen, advice: `Run chmod 700 ${directory}.` }
  } catch (error) {
    if (isMissing(error))
      return { status: 'ok', seen: `${directory} does not exist yet; the first start creates it.` }
    const seen = `${directory} (DATA_DIR) cannot be read and written.`
    return { status: 'fail', seen, advice: 'Give it to the user of the service, and mount it writable.' }
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}

async function diskSeen(directory: string | undefined): Promise<Seen> {
  if (directory === undefined) return { status: 'skipped', seen: 'The database is a server of its own.' }
  const found = await statfs(directory).catch(() => undefined)
  if (found === undefined) return { status: 'skipped', seen: `${directory} does not exist yet.` }
  const bytes = found.bavail * found.bsize
  const seen = `${(bytes / 1024 ** 3).toFixed(1)} GB are free in ${directory}.`
  if (bytes >= DISK_LOW_BYTES) return { status: 'ok', seen }
  return {
    status: bytes < DISK_FULL_BYTES ? 'fail' : 'warn',
    seen,
    advice: 'Make room before the disk is full.',
  }
}

function fieldsSeen({ fields, marketo, dynamics }: FieldReport): Seen {
  if (!marketo.reached || !dynamics.reached) {
    return { status: 'skipped', seen: 'The fields can be compared only when both sides are configured.' }
  }
  const lines = [...fields.lead, ...fields.contact]
  const aside = lines.filter(({ state }) => state === 'set-aside' || state === 'narrowed')
  if (aside.length === 0)
    return { status: 'ok', seen: `All ${lines.length} selected fields travel as selected.` }
  const named = [...new Set(aside.map(({ field, code }) => `${field} (${code ?? 'narrowed'})`))]
  const more = named.length > FIELDS_NAMED_MAX ? `, and ${named.length - FIELDS_NAMED_MAX} more` : ''
  return {
    status: 'warn',
    seen: `Some selected fields do not travel as selected: ${named.slice(0, FIELDS_NAMED_MAX).join(', ')}${more}.`,
    advice: 'GET /v1/sync/fields explains each of them.',
  }
}

function systemFieldsSeen({ systemFields }: FieldReport): Seen {
  const missing = systemFields.filter(({ state }) => state !== 'ok').map(({ field }) => field)
  if (missing.length === 0)
    return { status: 'ok', seen: 'The fields that the service fills exist in Marketo.' }
  return {
    status: 'fail',
    seen: `Missing or unsuitable in Marketo: ${missing.join(', ')}.`,
    advice: 'Run npm run setup.',
  }
}

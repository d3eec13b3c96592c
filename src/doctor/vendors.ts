import { X509Certificate } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Dataverse } from '../dataverse/dataverse.ts'
import type { Credential } from '../dataverse/entra.ts'
import type { PrivilegeLevel } from '../dataverse/users.ts'
import { type FailureDetail, Unauthorized } from '../errors.ts'
import type { Marketo } from '../marketo/marketo.ts'
import type { FieldSelection } from '../person/selection.ts'
import type { Check, Seen } from './examination.ts'

const DAY_MS = 86_400_000
const EXPIRES_SOON_DAYS = 30
const QUOTA_HIGH = 0.8

export interface VendorOptions {
  dataverse: Pick<Dataverse, 'whoAmI' | 'privileges' | 'metadata'>
  /** Absent: Marketo is not configured. */
  marketo: Pick<Marketo, 'schema' | 'people' | 'changes' | 'stats'> | undefined
  selection: FieldSelection
  credential: Credential
  /** Whether the background sync is configured: it needs more than the flow action. */
  syncs: boolean
  /** API name of the custom activity by which the background sync reports in Marketo. */
  resultActivity: string
  /** Why nothing may be sent to Dynamics; absent where no store is open. */
  pairingFault?: () => FailureDetail | undefined
  clock: Clock
}

export function dynamicsChecks(options: VendorOptions): Check[] {
  const { dataverse, selection, credential, syncs, pairingFault, clock } = options
  const needs = ['dynamics-sign-in']
  return [
    { id: 'entra-certificate', run: async () => certificateSeen(credential, clock) },
    {
      id: 'dynamics-sign-in',
      needs: ['entra-network', 'dynamics-network'],
      run: async (call) => {
        try {
          const { userId, organisationId } = await dataverse.whoAmI(call)
          return ok(`Signed in to organization ${organisationId} as user ${userId}.`)
        } catch (error) {
          // Another organization than the store's is the next check's finding.
          if (error instanceof Unauthorized && error.detail.code === 'organisation-changed')
            return ok('Signed in.')
          throw error
        }
      },
    },
    {
      id: 'organization',
      needs,
      run: async () => {
        if (!pairingFault)
          return { status: 'skipped', seen: 'Only the running service knows what its store belongs to.' }
        const fault = pairingFault()
        return fault
          ? { status: 'fail', seen: 'The store belongs to another organization.', ...fault }
          : ok('The store belongs to this organization.')
      },
    },
    {
      id: 'dynamics-privileges',
      needs: ['organization'],
      run: async (call) => {
        const { userId } = await dataverse.whoAmI(call)
        return privilegesSeen(await dataverse.privileges(userId, call), requiredPrivileges(selection, syncs))
      },
    },
    {
      id: 'dynamics-change-tracking',
      needs: ['organization'],
      run: async (call) => {
        if (!syncs) return { status: 'skipped', seen: 'Only the background sync needs change tracking.' }
        const tables = await Promise.all(
          (['lead', 'contact'] as const).map((table) =>
            dataverse.metadata.table(table, call, { fresh: true }),
          ),
        )
        const off = tables.filter(({ changeTracking }) => changeTracking === false).map(({ table }) => table)
        if (off.length === 0) return ok('Change tracking is on for lead and contact.')
        return {
          status: 'fail',
          seen: `Change tracking is off for ${off.join(' and ')}.`,
          advice: 'Switch on "Track changes" in the properties of the tables lead and contact.',
          code: 'change-tracking-off',
        }
      },
    },
  ]
}

export function marketoChecks({ marketo, syncs, resultActivity, clock }: VendorOptions): Check[] {
  if (!marketo)
    return [
      { id: 'marketo-sign-in', run: async () => ({ status: 'skipped', seen: 'MARKETO_URL is not set.' }) },
    ]
  const needs = ['marketo-sign-in']
  return [
    {
      id: 'marketo-sign-in',
      needs: ['marketo-network'],
      run: async (call) => {
        const fields = await marketo.schema.fields(call, true)
        return ok(`Signed in; ${fields.size} fields of people are visible.`)
      },
    },
    {
      id: 'marketo-permissions',
      needs,
      run: async (call) => {
        await marketo.people.read([1], ['id'], call)
        if (syncs) await marketo.changes.tokenSince(clock.wall(), call)
        return ok('People and activities can be read. Whether they can be written shows the first write.')
      },
    },
    {
      id: 'marketo-activity',
      needs,
      run: async (call) => {
        if (!syncs) return { status: 'skipped', seen: 'Only the background sync needs the custom activity.' }
        if (await marketo.schema.activityType(resultActivity, call))
          return ok('The custom activity is approved.')
        return {
          status: 'fail',
          seen: `The custom activity ${resultActivity} does not exist or is not approved.`,
          advice: 'Run npm run setup.',
        }
      },
    },
    {
      id: 'marketo-native-sync',
      needs,
      run: async (call) => {
        const isOn = await marketo.schema.nativeSync(call)
        if (isOn === undefined)
          return { status: 'skipped', seen: 'The role of the API user does not show it.' }
        if (!isOn) return ok("Marketo's own CRM sync is off.")
        return {
          status: 'fail',
          seen: "Marketo's own CRM sync is on.",
          advice: 'Switch it off: two syncs of the same people overwrite each other.',
          code: 'marketo-native-sync-on',
        }
      },
    },
    {
      id: 'marketo-quota',
      needs,
      run: async () => {
        const { callsToday, dailyCallsMax } = marketo.stats()
        const seen = `${callsToday} of ${dailyCallsMax} calls used today.`
        if (callsToday < dailyCallsMax * QUOTA_HIGH) return ok(seen)
        return { status: 'warn', seen, advice: 'Raise MARKETO_DAILY_CALLS if the subscription allows it.' }
      },
    },
  ]
}

function ok(seen: string): Seen {
  return { status: 'ok', seen }
}

export function certificateSeen(credential: Credential, clock: Clock): Seen {
  if (credential.kind !== 'certificate')
    return { status: 'skipped', seen: 'No certificate is used to sign in.' }
  const { validToDate } = new X509Certificate(credential.pem)
  const days = Math.floor((validToDate.getTime() - clock.wall()) / DAY_MS)
  const seen = `The certificate expires on ${validToDate.toISOString().slice(0, 10)}.`
  if (days >= EXPIRES_SOON_DAYS) return ok(seen)
  const advice = 'Upload a new certificate to the app registration, then change ENTRA_CLIENT_CERTIFICATE.'
  return { status: days < 0 ? 'fail' : 'warn', seen, advice }
}

/** Names as Dataverse spells them. Source: docs/set-up-microsoft.md, "Security role". */
function requiredPrivileges(selection: FieldSelection, syncs: boolean): string[] {
  const bound = [...selection.fields.lead, ...selection.fields.contact]
  return [
    ...['prvReadLead', 'prvReadContact', 'prvCreateLead', 'prvCreateContact'],
    ...['prvReadEntity', 'prvReadAttribute', 'prvReadRelationship', 'prvReadOptionSet'],
    ...(bound.some(({ column }) => column === 'revenue') ? ['prvReadTransactionCurrency'] : []),
    ...(syncs ? ['prvWriteLead', 'prvWriteContact'] : []),
  ]
}

function privilegesSeen(held: ReadonlyMap<string, PrivilegeLevel>, required: readonly string[]): Seen {
  const missing = required.filter((name) => !held.has(name))
  // A lower level hides the records of other business units, so existing people would be missed.
  const low = required.filter(
    (name) => name.startsWith('prvRead') && held.has(name) && held.get(name) !== 'Global',
  )
  if (missing.length + low.length === 0)
    return ok(`All ${required.length} privileges that the settings need are held.`)
  const seen = [
    ...(missing.length > 0 ? [`Missing: ${missing.join(', ')}.`] : []),
    ...(low.length > 0 ? [`Not at organization level: ${low.join(', ')}.`] : []),
  ].join(' ')
  const advice =
    'Add them to the security role of the application user: docs/set-up-microsoft.md, "Security role".'
  return { status: 'fail', seen, advice, code: 'privilege-missing' }
}

import { type CallContext, withDeadline } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { isVendorError, type VendorError } from '../errors.ts'

export const STATUSES = ['ok', 'warn', 'fail', 'skipped'] as const
type Status = (typeof STATUSES)[number]

/** What a check found. `seen` and `advice` are sentences for an administrator, without secrets or personal data. */
export interface Finding {
  /** Stable, kebab-case, documented in docs/doctor.md. */
  id: string
  status: Status
  seen: string
  /** What to do next; with `fail` and `warn`. */
  advice?: string
  /** A code of docs/codes.md, where the fault has one. */
  code?: string
}

export type Seen = Omit<Finding, 'id'>

export interface Check {
  id: string
  /** Checks that must not have failed: without them this one could only repeat their fault. */
  needs?: readonly string[]
  run(call: CallContext): Promise<Seen>
}

/** Longest time of one check. */
const CHECK_MS_MAX = 7_000

/** Runs all checks at once, each as soon as those it needs have ended. Findings are in the order of the checks. */
export async function examine(
  checks: readonly Check[],
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<Finding[]> {
  const examined = new Map<string, Promise<Examined>>()
  const run = async ({ id, needs = [], run: look }: Check): Promise<Examined> => {
    const before = await Promise.all(needs.flatMap((need) => examined.get(need) ?? []))
    const broken = before.find(({ isBroken }) => isBroken)
    if (broken) {
      const seen = `Not checked, because ${broken.finding.id} is not ok.`
      return { finding: { id, status: 'skipped', seen }, isBroken: true }
    }
    const found = withDeadline(clock, CHECK_MS_MAX, signal, (own) => look({ signal: own }))
    const finding = { id, ...(await found.catch(seenIn)) }
    return { finding, isBroken: finding.status === 'fail' }
  }
  for (const check of checks) examined.set(check.id, run(check))
  return (await Promise.all(examined.values())).map(({ finding }) => finding)
}

interface Examined {
  finding: Finding
  /** It failed, or could not be examined because of another that failed. */
  isBroken: boolean
}

function seenIn(error: unknown): Seen {
  if (isVendorError(error)) return seenInVendorError(error)
  const seen = error instanceof Error ? `${error.message}.` : 'The check failed.'
  return { status: 'fail', seen, advice: 'See the log of the service.' }
}

function seenInVendorError(error: VendorError): Seen {
  switch (error.name) {
    case 'Unauthorized':
    case 'Rejected': {
      const { code, advice, vendorCode } = error.detail
      const seen =
        vendorCode === undefined ? 'The call was refused.' : `The call was refused with ${vendorCode}.`
      return { status: 'fail', seen, advice, code }
    }
    case 'Busy':
      return {
        status: 'warn',
        seen: `The vendor asked to wait ${Math.ceil(error.retryAfterMs / 1_000)} s.`,
        advice: 'Run the doctor again later. If it stays so, reduce the calls of all integrations.',
        code: 'vendor-busy',
      }
    case 'Conflict':
    case 'Unavailable':
      return {
        status: 'fail',
        seen: 'There was no usable answer.',
        advice: 'Check the network, proxies and firewalls between this service and the vendor.',
        code: 'vendor-unavailable',
      }
    default:
      return error satisfies never
  }
}

const SIGNS: Readonly<Record<Status, string>> = {
  ok: 'ok     ',
  warn: 'WARN   ',
  fail: 'FAIL   ',
  skipped: 'skipped',
}

/** For a terminal: a line for each finding, its advice below it, and how many there are of each status. */
export function renderFindings(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ id }) => id.length))
  const lines = findings.flatMap(({ id, status, seen, advice, code }) => [
    `${SIGNS[status]}  ${id.padEnd(width)}  ${seen}${code === undefined ? '' : ` (${code})`}`,
    ...(advice === undefined ? [] : [`${' '.repeat(width + 11)}→ ${advice}`]),
  ])
  const counts = STATUSES.map(
    (status) => `${findings.filter((one) => one.status === status).length} ${status}`,
  )
  return [...lines, '', counts.join(', ')].join('\n')
}

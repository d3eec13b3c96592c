import { type CallContext, untilAborted, withDeadline } from '../abort.ts'
import type { Clock } from '../clock.ts'
import { Busy, isVendorError } from '../errors.ts'

interface Finding {
  level: 'info' | 'warning' | 'error'
  /** For the customer's Marketo administrator: no secrets, nobody's data. */
  text: string
}

export interface StatusCheck {
  /** Begins the sentence about a check that fails, such as `Dynamics`. */
  name: string
  run(call: CallContext): Promise<Finding>
}

/** Source: Adobe, "Self-Service Flow Steps" (service provider interface 1.0.0), schema serviceStatus. */
export interface ServiceStatus {
  info: string[]
  warnings: string[]
  errors: string[]
  deprecationMessage?: string
  deprecationDate?: string
}

const DEPRECATION_MESSAGE =
  'This service is being retired. Ask its operator for the address of its replacement.'

export interface StatusOptions {
  checks: readonly StatusCheck[]
  /** ISO 8601 date from which on Marketo shows the service as deprecated. */
  deprecatedOn?: string | undefined
  timeoutMs: number
  clock: Clock
  /** Aborts when the service stops. */
  stopping: AbortSignal
}

/** Runs the checks side by side. Never throws, and never takes longer than `timeoutMs`. */
export async function readStatus(options: StatusOptions): Promise<ServiceStatus> {
  const { checks, deprecatedOn, clock, timeoutMs, stopping } = options
  const findings = await withDeadline(clock, timeoutMs, stopping, (signal) =>
    Promise.all(checks.map((check) => find(check, timeoutMs, { signal }))),
  )
  const texts = (level: Finding['level']) =>
    findings.filter((finding) => finding.level === level).map(({ text }) => text)
  return {
    info: texts('info'),
    warnings: texts('warning'),
    errors: texts('error'),
    ...(deprecatedOn !== undefined && {
      deprecationMessage: DEPRECATION_MESSAGE,
      deprecationDate: `${deprecatedOn}T00:00:00Z`,
    }),
  }
}

async function find({ name, run }: StatusCheck, timeoutMs: number, call: CallContext): Promise<Finding> {
  try {
    return await untilAborted(run(call), call.signal)
  } catch (error) {
    if (call.signal.aborted) {
      return { level: 'warning', text: `${name}: no answer within ${timeoutMs / 1_000} s.` }
    }
    if (error instanceof Busy) {
      return {
        level: 'warning',
        text: `${name}: asked the service to wait; people stay queued and are not lost.`,
      }
    }
    return { level: 'error', text: `${name}: ${adviceOf(error)}` }
  }
}

/** A vendor's own words are for the log; our advice is for whoever reads the status. */
function adviceOf(error: unknown): string {
  if (!isVendorError(error)) return 'cannot be used at the moment.'
  return 'detail' in error
    ? error.detail.advice
    : 'cannot be reached at the moment; people stay queued and are not lost.'
}

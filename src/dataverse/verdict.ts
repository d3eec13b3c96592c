import { Busy, Rejected, Unauthorized, Unavailable } from '../errors.ts'
import { asObject, asString, parseObject } from '../json.ts'
import { wordsOf } from '../vendor-words.ts'
import { explainRefusal, isMissingTable, isVague, normalCode } from './refusal.ts'

/** A reply of Dataverse, alone or as one part of a batch. */
export interface Reply {
  status: number
  contentType: string | undefined
  /** REQ_ID, the id that Microsoft's support asks for. */
  requestId: string | undefined
  retryAfter: string | undefined
  /** When the reply was made, by Microsoft's clock. */
  date?: string | undefined
  body: string
}

export type ThrottleCause = 'concurrency' | 'requests' | 'execution-time' | 'other'

/** What a reply is to us, before anything is thrown or waited for. */
export type Verdict =
  /** A success, a missing row, or one of the three kinds of duplicate: the verb knows what it means. */
  | { kind: 'answer' }
  | { kind: 'token-refused'; vendorCode: string | undefined }
  | { kind: 'throttled'; cause: ThrottleCause }
  | { kind: 'forbidden'; vendorCode: string | undefined; message: string }
  | { kind: 'refused'; vendorCode: string | undefined; message: string }
  | { kind: 'unknown'; why: string }

const throttleCauses: ReadonlyMap<string | undefined, ThrottleCause> = new Map([
  ['0x80072326', 'concurrency'],
  ['0x80072322', 'requests'],
  ['0x80072321', 'execution-time'],
])
/** The caller's user is disabled with 403, an owner with 400. */
const USER_NOT_ENABLED = '0x80040225'

/** `error.code` in normal form and `error.message` of Dataverse's envelope; undefined when it is not one. */
export function vendorError(reply: Reply): { code: string | undefined; message: string } | undefined {
  const error = asObject(parseObject(reply.body)?.error)
  if (error === undefined) return undefined
  return { code: normalCode(error.code), message: asString(error.message) ?? '' }
}

/** By code first, by status second, by the message only where neither says anything: it is localised. */
export function judge(reply: Reply): Verdict {
  const { status } = reply
  if (status >= 200 && status < 300) return { kind: 'answer' }
  const error = vendorError(reply)
  const code = error?.code
  const message = error?.message ?? ''
  const meaning = error && meaningOf(code, message)
  const cause = throttleCauses.get(code)
  // The API's own limits let nothing begin; a server that is overloaded may have begun.
  if (cause !== undefined || status === 429 || (meaning === 'throttled' && status < 500)) {
    return { kind: 'throttled', cause: cause ?? 'other' }
  }
  if (meaning === 'operator') return { kind: 'forbidden', vendorCode: code, message }
  if (meaning === 'token' || status === 401) return { kind: 'token-refused', vendorCode: code }
  if (error === undefined) {
    // A firewall or proxy in between: it lets nothing through, so nothing was executed.
    if (status === 403) return { kind: 'forbidden', vendorCode: undefined, message }
    return { kind: 'unknown', why: `HTTP ${status} without Dataverse's error envelope` }
  }
  switch (meaning) {
    case 'answer':
      return { kind: 'answer' }
    case 'privilege':
      return { kind: 'forbidden', vendorCode: code, message }
    case 'transient':
      return { kind: 'unknown', why: `HTTP ${status}, ${code}` }
    case 'row':
      return { kind: 'refused', vendorCode: code, message }
    default:
      return byStatus(status, code, message)
  }
}

function byStatus(status: number, code: string | undefined, message: string): Verdict {
  const isOurUser = code === USER_NOT_ENABLED && status !== 400
  if (status === 403 || isOurUser || (status < 500 && isMissingTable(code, message))) {
    return { kind: 'forbidden', vendorCode: code, message }
  }
  if (status === 412) return { kind: 'answer' }
  // A 404 is proof that a row is gone, so it must name its reason; see the answers in codes.ts.
  if (status === 404 && code === undefined) return { kind: 'unknown', why: 'HTTP 404 without a code' }
  if (status >= 400 && status < 500 && status !== 408) return { kind: 'refused', vendorCode: code, message }
  return { kind: 'unknown', why: `HTTP ${status}${code === undefined ? '' : `, ${code}`}` }
}

/** Whether no other row would fare better: an operator must act, and nobody's data is at fault. */
export function isAboutEveryRow(verdict: Verdict): boolean {
  if (verdict.kind === 'token-refused') return true
  return verdict.kind === 'forbidden' && (!verdict.vendorCode || classOf(verdict.vendorCode) === 'operator')
}

/** The error that a verdict stands for; undefined for an answer. `retryAfterMs` is for the throttled. */
export function errorOf(
  verdict: Verdict,
  reply: Reply,
  retryAfterMs: number,
): Unauthorized | Rejected | Busy | Unavailable | undefined {
  switch (verdict.kind) {
    case 'answer':
      return undefined
    case 'throttled':
      return new Busy(`Dataverse asks to wait (${verdict.cause})`, retryAfterMs)
    case 'unknown':
      return unavailable(reply, verdict.why)
    case 'token-refused':
      return new Unauthorized('Dataverse rejects a new token', {
        code: 'token-refused',
        advice: 'Check that DATAVERSE_URL and the tenant of the app registration belong together.',
        ...vendor(verdict.vendorCode, reply),
      })
    case 'forbidden':
      return forbidden(verdict.vendorCode, verdict.message, reply)
    case 'refused':
      return rejected(verdict.vendorCode, verdict.message, reply)
    default:
      return verdict satisfies never
  }
}

export function rejected(vendorCode: string | undefined, message: string, reply: Reply): Rejected {
  const refusal = explainRefusal(vendorCode, message, reply.status)
  return new Rejected(`Dataverse refuses the request: ${refusal.code}`, {
    ...refusal,
    ...vendor(vendorCode, reply, message),
  })
}

export function unavailable(reply: Reply, why: string): Unavailable {
  return new Unavailable(`no usable answer from Dataverse: ${why}`, { vendorRequestId: reply.requestId })
}

function forbidden(vendorCode: string | undefined, message: string, reply: Reply): Unauthorized {
  const { code, advice } = explainRefusal(vendorCode, message, 403)
  const privilege = /\bprv[A-Za-z0-9_]{1,100}\b/.exec(message)?.[0]
  return new Unauthorized(`Dataverse denies access: ${code}`, {
    code,
    advice: privilege === undefined ? advice : `${advice} The missing privilege is ${privilege}.`,
    ...vendor(vendorCode, reply, message),
  })
}

function vendor(code: string | undefined, reply: Reply, message = '') {
  const words = wordsOf(message)
  return {
    ...(code === undefined ? {} : { vendorCode: code }),
    ...(words === undefined ? {} : { vendorMessage: words }),
    ...(reply.requestId === undefined ? {} : { vendorRequestId: reply.requestId }),
  }
}

/**
 * What a code of Dataverse means to our calls. Source: Microsoft, "Web service error codes" (Dataverse developer
 * guide), gone through by meaning; names are Microsoft's. What is not here is decided by the HTTP status.
 */
type CodeClass =
  /** Nothing is wrong with the request: the same again may work. */
  | 'transient'
  /** The same, and it asks us to slow down. */
  | 'throttled'
  | 'token'
  /** About the organisation or our application user as a whole, never about a person. */
  | 'operator'
  /** What our application user may not do, with some rows or with all. */
  | 'privilege'
  /** The verb itself gives it a meaning. */
  | 'answer'
  /** About this row, whatever the status. */
  | 'row'

const names: Readonly<Record<CodeClass, Readonly<Record<string, string>>>> = {
  transient: {
    '0x80040216': 'UnExpected',
    '0x80040222': 'OutOfMemory',
    '0x80042300': 'DataAccessUnexpected',
    '0x80044150': 'SqlError (deadlocks included)',
    '0x80044151': 'SqlTimeoutError',
    '0x80044171': 'SandboxClientPluginTimeout',
    '0x80044172': 'SandboxHostPluginTimeout',
    '0x80044173': 'SandboxWorkerPluginTimeout',
    '0x80044174': 'SandboxSdkListenerStartFailed',
    '0x8004418d': 'SandboxWorkerNotAvailable',
    '0x8004418e': 'SandboxHostNotAvailable',
    '0x80044339': 'CouldNotObtainLockOnResource',
    '0x80048542': 'VersionedRowNotFoundInTempDB',
    '0x80048544': 'DataEngineQueryThrottling',
    '0x8004ed47': 'AppLockTimeout',
    '0x80050202': 'WebhooksHttpRequestTimedOut',
    '0x8005f104': 'NetworkIssue',
    '0x80071154': 'ConcurrentOperationFailure',
    '0x80072300': 'RetrieveUserLicenseUnexpectedError',
    '0x80072301': 'RetrieveOrganizationInfoUnexpectedError',
    '0x80073000': 'CrmSQLNetworkingError',
    '0x80081111': 'SandboxWorkerPluginExecuteTimeout',
    '0x80081116': 'SandboxWorkerThrottleLimit',
    '0x80154b53': 'OperationFailedTryAgain',
  },
  throttled: {
    '0x8004a001': 'CrmSqlGovernorDatabaseRequestDenied',
    '0x8005f103': 'Throttling',
    '0x80072321': 'ThrottlingTimeExceededError',
    '0x80072322': 'ThrottlingBurstRequestLimitExceededError',
    '0x80072323': 'AzureSqlDatabaseResourceLimitExceededError',
    '0x80072324': 'AzureSqlMaxConcurrentWorkersLimitExceededError',
    '0x80072326': 'ThrottlingConcurrencyLimitExceededError',
  },
  token: {
    '0x80040204': 'InvalidUserAuth',
    '0x80041d52': 'ExpiredOAuthToken',
    '0x8004a100': 'InvalidAuthTicket',
    '0x8004a101': 'ExpiredAuthTicket',
    '0x8004a102': 'BadAuthTicket',
    '0x8004a105': 'TamperedAuthTicket',
    '0x8005f101': 'AccessTokenExpired',
  },
  operator: {
    '0x8004020a': 'InvalidOrgId',
    '0x800404be': 'InvalidOrganizationId',
    '0x80042f09': 'UserNotAssignedRoles',
    '0x8004415c': 'LicenseTrialExpired',
    '0x8004415d': 'LicenseRegistrationExpired',
    '0x80044353': 'OrgIdNotDetermined',
    '0x80044507': 'UserDoesNotHaveAccessToTheTenant',
    '0x8004a103': 'InsufficientAuthTicket',
    '0x8004a104': 'OrganizationDisabled',
    '0x8004a107': 'ScaleGroupDisabled',
    '0x8004a112': 'SystemUserDisabled',
    '0x8004a113': 'UserDoesNotHaveAdminOnlyModePermissions',
    '0x8004b044': 'OrganizationMigrationUnderway',
    '0x8004b057': 'StorageLimitReached',
    '0x8004b063': 'ExecuteCustomCodeDisabled',
    '0x8004b065': 'DatacenterNotAvailable',
    '0x8004d24b': 'UserNotAssignedLicense',
    '0x8004d253': 'OrganizationNotConfigured',
    '0x80072325': 'AzureSqlDatabaseStorageQuotaExceededError',
    '0x80072560': 'UserNotMemberOfOrg',
    '0x80072561': 'CAPolicyValidationFailedLateBind',
    '0x80081115': 'SandboxPluginDisabled',
    '0x80095ffe': 'Blocked by the IP firewall',
  },
  privilege: {
    '0x8004f504': 'AttributePermissionReadIsMissing',
    '0x8004f506': 'QueryContainedSecuredAttributeWithoutAccess',
    '0x80040220': 'PrivilegeDenied',
    '0x80040276': 'PrivilegeCreateIsDisabledForOrganization',
    '0x80040277': 'UnauthorizedAccess',
    '0x80048306': 'IdsAccessDenied',
    '0x80048405': 'AccessDenied',
  },
  answer: {
    '0x80040217': 'ObjectDoesNotExist',
    '0x80040237': 'DuplicateRecord',
    '0x80040333': 'DuplicateRecordsFound',
    '0x80060891': 'RecordNotFoundByEntityKey',
    '0x80060892': 'DuplicateRecordEntityKey',
  },
  row: {
    '0x8004f502': 'AttributePrivilegeCreateIsMissing',
    '0x8004f507': 'AttributePermissionUpdateIsMissingDuringUpdate',
    '0x8004022b': 'OwnerNotEnabled',
    '0x80040231': 'PrincipalPrivilegeDenied',
  },
}

const classes: ReadonlyMap<string, CodeClass> = new Map(
  Object.entries(names).flatMap(([name, codes]) =>
    Object.keys(codes).map((code) => [code, name as CodeClass] as const),
  ),
)

/** What the code means whatever comes with it; undefined: the status decides. */
function classOf(code: string | undefined): CodeClass | undefined {
  return code === undefined ? undefined : classes.get(code)
}

const ISV_ABORTED = '0x80040265'
/** Far beyond any sentence of Dataverse, and short enough for a plug-in's stack trace. */
const MESSAGE_MAX = 4_000

/**
 * What a reply means by its code or, where that says nothing, by the code or the sentence of the platform inside
 * the message. Only what passes by itself is believed there: the rest of a message may be anybody's.
 */
function meaningOf(code: string | undefined, message: string): CodeClass | undefined {
  if (!isVague(code) && code !== ISV_ABORTED) return classOf(code)
  const start = message.slice(0, MESSAGE_MAX)
  const inside = classOf(normalCode(/\berror ?code: ?(-?\d{9,10}|0x[0-9a-f]{8})\b/i.exec(start)?.[1]))
  if (inside === 'transient' || inside === 'throttled') return inside
  // A plug-in may ask a person to try again with another value.
  return isVague(code) && isPassing(start) ? 'transient' : classOf(code)
}

function isPassing(message: string): boolean {
  return /\bno sandbox (?:worker|host)|timed[- ]out|time-?out expired|server is busy|deadlock|try again later|temporarily unavailable/i.test(
    message,
  )
}

/**
 * What a code of Dataverse means to our calls. Source: Microsoft, "Web service error codes" (Dataverse developer
 * guide), gone through by meaning; names are Microsoft's. What is not here is decided by the HTTP status.
 */
export type CodeClass =
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
export function classOf(code: string | undefined): CodeClass | undefined {
  return code === undefined ? undefined : classes.get(code)
}

/**
 * The code as `0x` and lower-case digits. Replies also carry it in upper case, without `0x`, as a number or as the
 * signed decimal of the .NET HRESULT. undefined for an empty one, which Microsoft Learn warns of.
 */
export function normalCode(given: unknown): string | undefined {
  const code = typeof given === 'number' ? String(given) : given
  if (typeof code !== 'string') return undefined
  const text = code.trim().toLowerCase()
  const hex = /^(?:0x)?(800[0-9a-f]{5})$/.exec(text)?.[1] ?? /^0x([0-9a-f]{1,8})$/.exec(text)?.[1]
  if (hex !== undefined) return `0x${Number.parseInt(hex, 16).toString(16)}`
  return /^-?\d{1,10}$/.test(text) ? `0x${(Number(text) >>> 0).toString(16)}` : text || undefined
}

/** Codes that say nothing: older organisations, the Web API's own failures, plug-ins. */
const VAGUE: ReadonlySet<string | undefined> = new Set([undefined, '0x0', '0x8006088a'])
const ISV_ABORTED = '0x80040265'
/** Far beyond any sentence of Dataverse, and short enough for a plug-in's stack trace. */
const MESSAGE_MAX = 4_000

export function isVague(code: string | undefined): boolean {
  return VAGUE.has(code)
}

/**
 * What a reply means by its code or, where that says nothing, by the code or the sentence of the platform inside
 * the message. Only what passes by itself is believed there: the rest of a message may be anybody's.
 */
export function meaningOf(code: string | undefined, message: string): CodeClass | undefined {
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

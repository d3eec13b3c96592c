import { Unauthorized, Unavailable } from '../errors.ts'
import { asObject, asString, type JsonObject } from '../shape.ts'

interface Explanation {
  code: string
  advice: string
  /** The digits of AADSTS codes. */
  numbers: readonly number[]
}

/** Source: Microsoft Learn, "Microsoft Entra authentication and authorization error codes", by meaning. */
const listed: readonly Explanation[] = [
  {
    code: 'entra-secret-wrong',
    advice: "Set ENTRA_CLIENT_SECRET to the secret's value, not its id, of the app registration.",
    numbers: [7000215, 70002],
  },
  {
    code: 'entra-secret-expired',
    advice: 'Create a new client secret in the app registration and set ENTRA_CLIENT_SECRET.',
    numbers: [7000222],
  },
  {
    code: 'entra-certificate-unknown',
    advice: 'Upload the certificate of ENTRA_CLIENT_CERTIFICATE to the app registration.',
    numbers: [700027, 50012, 700021, 700030],
  },
  {
    code: 'entra-clock-wrong',
    advice: "Correct this machine's clock: Entra accepts signatures only within minutes of its own time.",
    numbers: [700024, 50013, 500133, 700023],
  },
  {
    code: 'entra-app-not-found',
    advice: 'Check ENTRA_CLIENT_ID and ENTRA_TENANT_ID: this tenant has no such app registration.',
    numbers: [700016, 70001, 7000229],
  },
  {
    code: 'entra-app-disabled',
    advice: 'Enable sign-in for the app in Entra (Enterprise applications, Properties).',
    numbers: [7000112, 7000110],
  },
  {
    code: 'entra-app-not-assigned',
    advice: 'Assign the user or app to the enterprise application, or do not require an assignment there.',
    numbers: [50105, 501051],
  },
  {
    code: 'entra-consent-missing',
    advice: 'Let an administrator consent to the app in this tenant.',
    numbers: [65001, 650052, 650057, 90094],
  },
  {
    code: 'entra-public-client-off',
    advice:
      'Allow public client flows in the app registration (Authentication), or use a secret or certificate.',
    numbers: [7000218, 7000216],
  },
  {
    code: 'entra-tenant-not-found',
    advice: 'Check ENTRA_TENANT_ID, and ENTRA_AUTHORITY if the tenant lives in a national cloud.',
    numbers: [90002, 50059, 900021, 900023, 900971],
  },
  {
    code: 'entra-tenant-blocked',
    advice: 'Entra has blocked this tenant: its administrator must have Microsoft unblock it.',
    numbers: [5000224, 5000225],
  },
  {
    code: 'entra-organisation-unknown',
    advice: 'Check DATAVERSE_URL: this tenant knows no organisation at that address.',
    numbers: [500011, 500014],
  },
  {
    code: 'entra-scope-invalid',
    advice: 'DATAVERSE_URL must be the bare origin, without a path.',
    numbers: [1002012, 70011, 28002, 28003],
  },
  {
    code: 'conditional-access',
    advice:
      'Exclude this service from the conditional access policy, or let it call from an allowed location.',
    numbers: [53003, 53000, 53001, 53002, 53004, 53009, 53011, 530003, 530034, 530035, 50097, 50131, 50158],
  },
  {
    code: 'entra-user-not-found',
    advice: 'Check ENTRA_USERNAME: this tenant has no such user.',
    numbers: [50034, 50020, 51004],
  },
  {
    code: 'entra-user-disabled',
    advice: 'Enable the user of ENTRA_USERNAME in Entra, or use a secret or a certificate.',
    numbers: [50057, 50135],
  },
  {
    code: 'entra-user-locked',
    advice: 'Entra has locked the user after wrong passwords: wait, then check ENTRA_PASSWORD.',
    numbers: [50053],
  },
  {
    code: 'entra-password-expired',
    advice: 'Give the user a new password and set ENTRA_PASSWORD, or use a secret or a certificate.',
    numbers: [50055, 50144, 50173],
  },
  {
    code: 'entra-password-wrong',
    advice: 'Check ENTRA_USERNAME and ENTRA_PASSWORD.',
    numbers: [50126, 50056],
  },
  {
    code: 'entra-mfa-required',
    advice: 'This user must use multi-factor authentication: use a secret, certificate or managed identity.',
    numbers: [50072, 50074, 50076, 50079],
  },
]

const explanations: ReadonlyMap<unknown, Explanation> = new Map(
  listed.flatMap((one) => one.numbers.map((number) => [number, one] as const)),
)

/** Entra says that the same may work later. */
const TRANSIENT: ReadonlySet<unknown> = new Set([90006, 90024, 90033, 90055, 50196])

/**
 * Turns a JSON error of the token endpoint (status below 500, not 429) into ours.
 * The description is dropped: it names the application and sometimes the user.
 */
export function entraError(status: number, body: JsonObject): Unauthorized | Unavailable {
  const error = asString(body.error) ?? asString(asObject(body.error)?.code)
  if (error === undefined) return new Unavailable(`no usable answer from Entra: HTTP ${status}`)
  if (error === 'temporarily_unavailable')
    return new Unavailable(`Entra is temporarily unavailable: ${error}`)
  const number = Array.isArray(body.error_codes) ? body.error_codes.find(Number.isInteger) : undefined
  if (TRANSIENT.has(number)) return new Unavailable(`Entra is temporarily unavailable: AADSTS${number}`)
  const { code, advice } = explanations.get(number) ?? {
    code: 'entra-refused',
    advice:
      'Check the ENTRA_ settings against the app registration; the vendor code says what Entra refuses.',
  }
  const vendorCode = number === undefined ? error.slice(0, 100) : `AADSTS${number}`
  return new Unauthorized(`Entra rejects the credential: ${code}`, { code, advice, vendorCode })
}

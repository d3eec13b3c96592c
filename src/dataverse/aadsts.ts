import { Unauthorized, Unavailable } from '../errors.ts'
import { asObject, asString, type JsonObject } from '../shape.ts'

/** Source: Microsoft Learn, "Microsoft Entra authentication and authorization error codes". */
const explanations: ReadonlyMap<number, { code: string; advice: string }> = new Map([
  [
    7000215,
    {
      code: 'entra-secret-wrong',
      advice: "Set ENTRA_CLIENT_SECRET to the secret's value, not its id, of the app registration.",
    },
  ],
  [
    7000222,
    {
      code: 'entra-secret-expired',
      advice: 'Create a new client secret in the app registration and set ENTRA_CLIENT_SECRET.',
    },
  ],
  [
    700016,
    {
      code: 'entra-app-not-found',
      advice: 'Check ENTRA_CLIENT_ID and ENTRA_TENANT_ID: this tenant has no such app registration.',
    },
  ],
  [
    90002,
    {
      code: 'entra-tenant-not-found',
      advice: 'Check ENTRA_TENANT_ID, and ENTRA_AUTHORITY if the tenant lives in a national cloud.',
    },
  ],
  [
    500011,
    {
      code: 'entra-organisation-unknown',
      advice: 'Check DATAVERSE_URL: this tenant knows no organisation at that address.',
    },
  ],
  [
    1002012,
    { code: 'entra-scope-invalid', advice: 'DATAVERSE_URL must be the bare origin, without a path.' },
  ],
  [70011, { code: 'entra-scope-invalid', advice: 'DATAVERSE_URL must be the bare origin, without a path.' }],
  [
    700027,
    {
      code: 'entra-certificate-unknown',
      advice: 'Upload the certificate of ENTRA_CLIENT_CERTIFICATE to the app registration.',
    },
  ],
  [50126, { code: 'entra-password-wrong', advice: 'Check ENTRA_USERNAME and ENTRA_PASSWORD.' }],
  [
    50076,
    {
      code: 'entra-mfa-required',
      advice:
        'This user must use multi-factor authentication: use a secret, certificate or managed identity.',
    },
  ],
  [
    50079,
    {
      code: 'entra-mfa-required',
      advice: 'This user must enrol for multi-factor authentication: use a secret or a certificate.',
    },
  ],
])

/**
 * Turns a JSON error of the token endpoint (status below 500, not 429) into ours.
 * The description is dropped: it names the application and sometimes the user.
 */
export function entraError(status: number, body: JsonObject): Unauthorized | Unavailable {
  const error = asString(body.error) ?? asString(asObject(body.error)?.code)
  if (error === undefined) return new Unavailable(`no usable answer from Entra: HTTP ${status}`)
  if (error === 'temporarily_unavailable') return new Unavailable(`Entra is busy with itself: ${error}`)
  const number = Array.isArray(body.error_codes) ? body.error_codes.find(Number.isInteger) : undefined
  const explanation = explanations.get(number) ?? {
    code: 'entra-refused',
    advice:
      'Check the ENTRA_ settings against the app registration; the vendor code says what Entra refuses.',
  }
  const vendorCode = number === undefined ? error.slice(0, 100) : `AADSTS${number}`
  return new Unauthorized(`Entra refuses our credential: ${explanation.code}`, { ...explanation, vendorCode })
}

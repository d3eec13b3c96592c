import type { Credential } from '../dataverse/entra.ts'
import { type NamedFile, type Problems, readOrigin } from './setting.ts'

export interface EntraConfig {
  authority: string
  /** Empty with a managed identity, which brings its own tenant and application. */
  tenantId: string
  clientId: string
  credential: Credential
}

type Values = Readonly<Partial<Record<string, string>>>

const CHOICES =
  'ENTRA_CLIENT_SECRET, ENTRA_CLIENT_CERTIFICATE, ENTRA_MANAGED_IDENTITY, or ENTRA_USERNAME with ENTRA_PASSWORD'

export function readEntra(
  values: Values,
  certificate: NamedFile | undefined,
  problems: Problems,
): EntraConfig {
  const authority = readOrigin(
    'ENTRA_AUTHORITY',
    values.ENTRA_AUTHORITY ?? 'https://login.microsoftonline.com',
    problems,
  )
  const credential = readCredential(values, certificate, problems)
  const { ENTRA_TENANT_ID: tenantId = '', ENTRA_CLIENT_ID: clientId = '' } = values
  if (credential.kind !== 'managed-identity') {
    if (!/^[\w.-]+$/.test(tenantId)) {
      problems.push(
        'ENTRA_TENANT_ID is missing or malformed: the tenant (directory) id of your Entra tenant.',
      )
    }
    if (!/^[\da-f-]{36}$/i.test(clientId)) {
      problems.push(
        'ENTRA_CLIENT_ID is missing or not a GUID: the application (client) id of the app registration.',
      )
    }
  }
  return { authority, tenantId, clientId, credential }
}

function readCredential(values: Values, certificate: NamedFile | undefined, problems: Problems): Credential {
  const { ENTRA_CLIENT_SECRET: secret, ENTRA_MANAGED_IDENTITY: identity } = values
  const found: Credential[] = []
  if (secret !== undefined) found.push({ kind: 'secret', secret })
  if (certificate !== undefined)
    found.push({ kind: 'certificate', pem: readCertificate(certificate, problems) })
  if (identity !== undefined) found.push(readIdentity(identity, problems))
  if (values.ENTRA_USERNAME !== undefined || values.ENTRA_PASSWORD !== undefined) {
    found.push(readPassword(values, problems))
  }
  if (found.length > 1) {
    const set = found.map(({ kind }) => VARIABLE_OF[kind]).join(' and ')
    problems.push(`${set} are set together; keep exactly one of ${CHOICES}.`)
  }
  const [credential] = found
  if (credential) return credential
  problems.push(`No Entra credential is set: set exactly one of ${CHOICES}.`)
  return { kind: 'secret', secret: '' }
}

const VARIABLE_OF: Readonly<Record<Credential['kind'], string>> = {
  secret: 'ENTRA_CLIENT_SECRET',
  certificate: 'ENTRA_CLIENT_CERTIFICATE',
  'managed-identity': 'ENTRA_MANAGED_IDENTITY',
  password: 'ENTRA_USERNAME with ENTRA_PASSWORD',
}

const PEM_BLOCKS = [
  { part: 'CERTIFICATE', begins: /-----BEGIN [A-Z ]*CERTIFICATE-----/ },
  { part: 'PRIVATE KEY', begins: /-----BEGIN [A-Z ]*PRIVATE KEY-----/ },
] as const

function readCertificate(file: NamedFile, problems: Problems): string {
  if ('error' in file) {
    problems.push(`ENTRA_CLIENT_CERTIFICATE names a file that cannot be read (${file.error}): ${file.path}`)
    return ''
  }
  for (const { part, begins } of PEM_BLOCKS) {
    if (begins.test(file.text)) continue
    problems.push(
      `ENTRA_CLIENT_CERTIFICATE names a file without a PEM block ${part}; it needs the certificate and its private key: ${file.path}`,
    )
  }
  return file.text
}

function readIdentity(identity: string, problems: Problems): Credential {
  if (identity === 'system') return { kind: 'managed-identity' }
  if (!/^[\da-f-]{36}$/i.test(identity)) {
    problems.push(
      'ENTRA_MANAGED_IDENTITY is neither "system" nor the client id (a GUID) of a user-assigned identity.',
    )
  }
  return { kind: 'managed-identity', clientId: identity }
}

function readPassword(values: Values, problems: Problems): Credential {
  const { ENTRA_USERNAME: username, ENTRA_PASSWORD: password } = values
  if (username === undefined)
    problems.push('ENTRA_PASSWORD is set without ENTRA_USERNAME; set both or neither.')
  if (password === undefined)
    problems.push('ENTRA_USERNAME is set without ENTRA_PASSWORD; set both or neither.')
  return { kind: 'password', username: username ?? '', password: password ?? '' }
}

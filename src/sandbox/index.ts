import { type DataverseSandbox, type Limits, startDataverse } from './dataverse/index.ts'
import { type EntraSandbox, startEntra } from './entra/server.ts'

export interface SandboxOptions {
  /** Default 127.0.0.1. */
  host?: string
  /** 0 or absent: any free port. */
  entraPort?: number
  dataversePort?: number
  /** Every Dataverse reply waits that long after its work is done. */
  replyDelayMs?: number
  /** Service protection, per user; absent members are as generous as the real ones. */
  limits?: Partial<Limits>
  /** Default 3599. */
  tokenLifetimeSeconds?: number
}

export interface Sandbox extends AsyncDisposable {
  entra: EntraSandbox
  dataverse: DataverseSandbox
  /** The service's settings for these servers. */
  environment(): Record<string, string>
  /** Ends every connection. May be called twice. */
  close(): Promise<void>
}

/** Entra and Dataverse as real HTTP servers with state, on loopback. Rejects when a port is taken. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const host = options.host ?? '127.0.0.1'
  const entra = await startEntra(host, options.entraPort ?? 0, options.tokenLifetimeSeconds ?? 3599)
  const { application, person, tenantId } = entra.sandbox
  const dataverse = await startDataverse({
    host,
    port: options.dataversePort ?? 0,
    tokens: entra.tokens,
    tenantUrl: `${entra.sandbox.url}/${tenantId}`,
    clientId: application.clientId,
    userName: person.userName,
    replyDelayMs: options.replyDelayMs ?? 0,
    limits: options.limits ?? {},
  }).catch(async (error: unknown) => {
    await entra.close()
    throw error
  })
  entra.resources.add(dataverse.sandbox.url)
  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= Promise.all([dataverse.close(), entra.close()]).then(() => undefined)
    return closing
  }
  return {
    entra: entra.sandbox,
    dataverse: dataverse.sandbox,
    environment: () => ({
      ENTRA_AUTHORITY: entra.sandbox.url,
      ENTRA_TENANT_ID: tenantId,
      ENTRA_CLIENT_ID: application.clientId,
      ENTRA_CLIENT_SECRET: application.clientSecret,
      DATAVERSE_URL: dataverse.sandbox.url,
    }),
    close,
    [Symbol.asyncDispose]: close,
  }
}

export type {
  AlternateKey,
  Bend,
  Call,
  Column,
  Commit,
  DataverseSandbox,
  Limits,
  TableName,
} from './dataverse/index.ts'
export type { EntraBend, EntraSandbox, TokenRequest } from './entra/server.ts'

import { type DataverseSandbox, type Knobs, type Limits, startDataverse } from './dataverse/index.ts'
import { type EntraSandbox, startEntra } from './entra/server.ts'
import { MUNCHKIN_ID } from './marketo/flow-step/invocation.ts'
import {
  type Knobs as MarketoKnobs,
  type Limits as MarketoLimits,
  type MarketoSandbox,
  startMarketo,
} from './marketo/index.ts'

export interface SandboxOptions {
  /** Default 127.0.0.1. */
  host?: string
  /** 0 or absent: any free port. */
  entraPort?: number
  dataversePort?: number
  marketoPort?: number
  /** Every Dataverse reply waits that long after its work is done. */
  replyDelayMs?: number
  /** Service protection, per user; absent members are as generous as the real ones. */
  limits?: Partial<Limits>
  /** Of Entra's tokens; default 3599. */
  tokenLifetimeSeconds?: number
  dataverse?: { knobs?: Partial<Knobs> }
  marketo?: {
    /** Of the subscription; absent members are the real ones. */
    limits?: Partial<MarketoLimits>
    /** What Adobe leaves open, and how awkward the change log is. */
    knobs?: Partial<MarketoKnobs>
    /** Default 3600. */
    tokenLifetimeSeconds?: number
  }
}

export interface Sandbox extends AsyncDisposable {
  entra: EntraSandbox
  dataverse: DataverseSandbox
  marketo: MarketoSandbox
  /** The service's settings for Entra and Dataverse. */
  environment(): Record<string, string>
  /** The service's settings for Marketo. */
  marketoEnvironment(): Record<string, string>
  /** Ends every connection. May be called twice. */
  close(): Promise<void>
}

/** Entra, Dataverse and Marketo as real HTTP servers with state, on loopback. Rejects when a port is taken. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const host = options.host ?? '127.0.0.1'
  await using started = new AsyncDisposableStack()
  const entra = await startEntra(host, options.entraPort ?? 0, options.tokenLifetimeSeconds ?? 3599)
  started.defer(entra.close)
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
    knobs: options.dataverse?.knobs ?? {},
  })
  started.defer(dataverse.close)
  entra.resources.add(dataverse.sandbox.url)
  const marketo = await startMarketo({
    host,
    port: options.marketoPort ?? 0,
    limits: options.marketo?.limits ?? {},
    knobs: options.marketo?.knobs ?? {},
    tokenLifetimeSeconds: options.marketo?.tokenLifetimeSeconds ?? 3600,
  })
  started.defer(marketo.close)
  const running = started.move()
  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= running.disposeAsync()
    return closing
  }
  return {
    entra: entra.sandbox,
    dataverse: dataverse.sandbox,
    marketo: marketo.sandbox,
    environment: () => ({
      ENTRA_AUTHORITY: entra.sandbox.url,
      ENTRA_TENANT_ID: tenantId,
      ENTRA_CLIENT_ID: application.clientId,
      ENTRA_CLIENT_SECRET: application.clientSecret,
      DATAVERSE_URL: dataverse.sandbox.url,
    }),
    marketoEnvironment: () => ({
      MARKETO_URL: marketo.sandbox.url,
      MARKETO_CLIENT_ID: marketo.sandbox.service.clientId,
      MARKETO_CLIENT_SECRET: marketo.sandbox.service.clientSecret,
      MARKETO_MUNCHKIN_ID: MUNCHKIN_ID,
    }),
    close,
    [Symbol.asyncDispose]: close,
  }
}

export type {
  Bend,
  Call,
  Commit,
  DataverseSandbox,
  TableName,
} from './dataverse/index.ts'

export type { MarketoSandbox } from './marketo/index.ts'

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }
import { toConfig } from '../src/config/config.ts'
import { installDocument } from '../src/flow-step/install-document.ts'
import { openApiDocument } from '../src/http/docs.ts'
import { createService } from '../src/service/service.ts'

/** The API description of a service with the default fields, as text. Nothing listens and nobody is called. */
export async function describeApi(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sync-person-openapi-'))
  const values = {
    API_KEYS: 'nobody:openapi-key-0123456789-0123456789',
    DATA_DIR: directory,
    DATAVERSE_URL: 'https://contoso.crm4.dynamics.com',
    ENTRA_TENANT_ID: 'contoso.onmicrosoft.com',
    ENTRA_CLIENT_ID: '00000000-0000-0000-0000-000000000000',
    ENTRA_CLIENT_SECRET: 'none',
    LOG_LEVEL: 'silent',
  }
  try {
    const { config, problems } = toConfig({ values, files: {}, strangers: [] })
    if (!config) throw new Error(problems.join('\n'))
    await using service = await createService(config)
    return openApiDocument(service.app)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** What Marketo installs, as text, with a stand-in for the operator's own address. */
export function describeFlowStep(): string {
  const base = 'https://sync-person.example.com/flow-step'
  return `${JSON.stringify(installDocument({ base, version: packageJson.version }), null, 2)}\n`
}

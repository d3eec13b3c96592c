import { writeFile } from 'node:fs/promises'
import { describeApi, describeFlowStep } from './document.ts'

await writeFile(new URL('openapi.json', import.meta.url), await describeApi())
await writeFile(new URL('flow-step.json', import.meta.url), describeFlowStep())

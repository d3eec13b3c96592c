import { writeFile } from 'node:fs/promises'
import { describeApi } from './document.ts'

await writeFile(new URL('openapi.json', import.meta.url), await describeApi())

import { Session } from 'node:inspector/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startRig } from '../journeys/rig.ts'
import { startSyncRig } from '../journeys/sync-rig.ts'

/**
 * `npm run paths`: which files of src run for a new person's request, and for one edit that the background sync
 * carries over. A file counts once one of its functions was called; what is done at the start does not count.
 * docs/architecture.md quotes the two numbers. `--files` names the files.
 */

const ROOT = fileURLToPath(new URL('../../src/', import.meta.url))
const { values } = parseArgs({ options: { files: { type: 'boolean', default: false } } })

await using profiler = await startProfiler()
report("a new person's request", await ofRequest())
report('one edit in Marketo, from the change log to Dynamics', await ofEdit())

async function ofRequest(): Promise<string[]> {
  await using rig = await startRig()
  const person = (marketoId: number) => ({
    marketoId,
    email: `person.${marketoId}@example.com`,
    lastName: 'Ek',
    company: 'Ek AB',
  })
  // The first person makes the service ask for what it then knows: token, metadata, organisation.
  await rig.sync(person(1))
  return await profiler.filesDuring(async () => {
    const { status } = await rig.sync(person(2))
    if (status !== 200) throw new Error(`The request was answered with ${status}`)
  })
}

async function ofEdit(): Promise<string[]> {
  await using rig = await startSyncRig()
  const ann = await rig.pair('lead', { lastname: 'Ek', subject: 'Fair', emailaddress1: 'ann@example.com' })
  await rig.cycle()
  return await profiler.filesDuring(async () => {
    rig.marketo.update(ann.marketoId, { firstName: 'Ann' })
    await rig.cycle()
    if (ann.lead().firstname !== 'Ann') throw new Error('The edit did not arrive')
  })
}

async function startProfiler() {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  return {
    filesDuring: async (run: () => Promise<void>): Promise<string[]> => {
      await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
      await run()
      const { result } = await session.post('Profiler.takePreciseCoverage')
      await session.post('Profiler.stopPreciseCoverage')
      return result
        .filter(({ url, functions }) => {
          const called = functions.some(({ functionName, ranges }) => functionName !== '' && ranges[0]?.count)
          return called && url.startsWith('file:') && fileURLToPath(url).startsWith(ROOT)
        })
        .map(({ url }) => fileURLToPath(url).slice(ROOT.length))
        .sort()
    },
    [Symbol.asyncDispose]: async () => session.disconnect(),
  }
}

function report(what: string, files: readonly string[]): void {
  console.log(`${files.length} files: ${what}`)
  if (values.files) console.log(files.map((file) => `  ${file}`).join('\n'))
}

import { runBusy } from './busy/busy.ts'
import { readFlags } from './flags.ts'
import { HELP } from './print.ts'
import { serve } from './serve.ts'
import { runTour } from './tour.ts'

const flags = readFlags(process.argv.slice(2))
const interrupted = new AbortController()
const stop = () => interrupted.abort(new Error('interrupted'))
process.on('SIGINT', stop).on('SIGTERM', stop)
try {
  switch (flags.kind) {
    case 'wrong':
      process.stderr.write(`${flags.problem}\n${HELP}`)
      process.exitCode = 2
      break
    case 'help':
      process.stdout.write(HELP)
      break
    case 'tour':
      process.exitCode = await runTour({
        ...flags,
        write: (text) => process.stdout.write(text),
        signal: interrupted.signal,
      })
      break
    case 'busy':
      await runBusy({ ...flags, write: (text) => process.stdout.write(text), signal: interrupted.signal })
      break
    case 'serve':
      await serve(flags, interrupted.signal)
      break
    default:
      flags satisfies never
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exitCode = 1
}

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const CHECK_MAIN = fileURLToPath(new URL('check-file.ts', import.meta.url))

/** Exit codes of check-file.ts. */
export const SOUND = 0
export const DAMAGED = 2
export const UNKNOWN = 3

/** `unknown`: the file cannot be opened, or another process has it. */
export type Soundness = 'sound' | 'damaged' | 'unfinished' | 'unknown'

/** Reads the whole file that nothing else has open; `unfinished` after `timeoutMs`. */
export async function checkFile(
  path: string,
  pragma: 'quick_check' | 'integrity_check',
  timeoutMs: number,
): Promise<Soundness> {
  const child = spawn(process.execPath, [CHECK_MAIN, path, pragma], {
    stdio: 'ignore',
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  const [code, signal] = await once(child, 'close')
  if (signal === 'SIGKILL') return 'unfinished'
  if (code === SOUND) return 'sound'
  return code === DAMAGED ? 'damaged' : 'unknown'
}

import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  statSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** The store's file in DATA_DIR. */
export function fileIn(directory: string): string {
  return join(directory, 'sync-person.sqlite')
}

/** Source: errno(3), for what a directory or file of DATA_DIR may answer. */
const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user lacks permission for it',
  EPERM: 'this user lacks permission for it',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota of this user is used up',
  ENOENT: 'nothing can be created there',
  ENOTDIR: 'it is a file, or a part of its path is',
  EISDIR: 'it is a directory',
  EEXIST: 'a part of the path is a file or a dangling link',
  ELOOP: 'its links form a loop',
  ENAMETOOLONG: 'the path is too long',
  EIO: 'the disk reports an error',
}

/** Makes the directory where it is missing, and the file in it, both for their owner alone. Throws a sentence. */
export function prepareFile(path: string): void {
  const directory = dirname(path)
  trying(`DATA_DIR is ${directory}`, () => {
    makeDirectory(directory)
    if (!statSync(directory).isDirectory()) throw Object.assign(new Error('a file'), { code: 'ENOTDIR' })
    accessSync(directory, constants.W_OK | constants.X_OK)
  })
  // The log of the database gets the rights of its file.
  trying(`DATA_DIR has the file ${path}`, () => closeSync(openSync(path, 'a', 0o600)))
}

function trying(subject: string, run: () => void): void {
  try {
    run()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const reason = `${REASONS[code] ?? 'it returns an error'} (${code})`
    throw new Error(
      `${subject}, which cannot be used: ${reason}. Give the service a directory that it may write to.`,
      { cause: error },
    )
  }
}

/** Level by level: `recursive` of Node never ends below /proc. */
export function makeDirectory(directory: string): void {
  const missing: string[] = []
  for (let path = resolve(directory); !existsSync(path); path = dirname(path)) missing.unshift(path)
  for (const path of missing) mkdirSync(path, { mode: 0o700 })
}

/** A name that was given in the directory outlives a power cut. Windows does so by itself. */
export function syncDirectory(directory: string): void {
  if (process.platform === 'win32') return
  const fd = openSync(directory, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** A sentence for each of them that others than its owner may read or write. Windows has other rights. */
export function widerThanOwner(paths: readonly string[]): string[] {
  if (process.platform === 'win32') return []
  return paths.flatMap((path) => {
    const { mode = 0 } = statSync(path, { throwIfNoEntry: false }) ?? {}
    if ((mode & 0o077) === 0) return []
    return [
      `${path} holds people's data and is open to other users (mode ${(mode & 0o777).toString(8)}): chmod go= ${path}`,
    ]
  })
}

import { closeSync, fstatSync, openSync, statSync } from 'node:fs'

/** What has become of the path of a file that is open. */
export type Whereabouts = 'in place' | 'deleted' | 'moved' | 'replaced'

/**
 * A file by its identity and not by its path, which another hand may take away while it is open. Close it after the
 * database: closing any handle of a file drops the locks that this process has on it (fcntl(2)).
 */
export class OpenedFile implements Disposable {
  readonly path: string
  readonly #fd: number

  constructor(path: string) {
    this.path = path
    this.#fd = openSync(path, 'r')
  }

  /** Throws what the file system says when it cannot be asked. */
  whereabouts(): Whereabouts {
    const own = fstatSync(this.#fd, { bigint: true })
    const there = statSync(this.path, { bigint: true, throwIfNoEntry: false })
    if (there?.ino === own.ino && there.dev === own.dev) return 'in place'
    if (there) return 'replaced'
    return own.nlink === 0n ? 'deleted' : 'moved'
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }
}

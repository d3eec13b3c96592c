import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The files below src and sandbox as text and imports, for the tests that look after the house. */

export interface Import {
  specifier: string
  typeOnly: boolean
  /** Path from the root; undefined for a package. */
  file?: string
}

export interface SourceFile {
  path: string
  room: string
  text: string
  imports: Import[]
}

export const IMPORT = /^(?:import|export)\b(?<clause>[^;'"`]*?\bfrom\s*|\s*)'(?<specifier>[^']+)'/gm

/** A module that is loaded only where it is needed. */
const LATE_IMPORT = /\bawait import\('(?<specifier>[^']+)'\)/g

function importsOf(path: string, text: string): Import[] {
  return [...text.matchAll(IMPORT), ...text.matchAll(LATE_IMPORT)].map(({ groups }) => {
    const { clause = '', specifier = '' } = groups ?? {}
    const names = /\{([^}]*)\}/.exec(clause)?.[1] ?? ''
    const inlineTypes = /^\s*\{[^}]*\}\s*from/.test(clause) && names.trim() !== ''
    const typeOnly =
      /^\s*type\b/.test(clause) ||
      (inlineTypes && names.split(',').every((name) => /^\s*(?:type\s|$)/.test(name)))
    const file = specifier.startsWith('.') ? normalize(join(dirname(path), specifier)) : undefined
    return { specifier, typeOnly, ...(file !== undefined && { file }) }
  })
}

const root = fileURLToPath(new URL('..', import.meta.url))
export const sources = ['src', 'sandbox']
  .flatMap((top) =>
    readdirSync(join(root, top), { recursive: true, encoding: 'utf8' }).map((path) => join(top, path)),
  )
  .filter((path) => path.endsWith('.ts'))
  .map((path): SourceFile => {
    const text = readFileSync(join(root, path), 'utf8')
    return { path, room: roomOf(path), text, imports: importsOf(path, text) }
  })
export const byPath = new Map(sources.map((source) => [source.path, source]))

/** The folder below src, or the file at its root; `sandbox` for all of that. */
export function roomOf(path: string): string {
  const [top = '', room = ''] = path.split('/')
  return top === 'src' ? room.replace(/\.ts$/, '') : top
}

/** Fails with one sentence an offender. */
export function none(offenders: string[]): void {
  assert.deepEqual(offenders, [], `\n${offenders.join('\n')}\n`)
}

import { stripTypeScriptTypes } from 'node:module'
import { type AnyNode, parse } from 'acorn'
import { sources } from '../source.ts'

export interface Expression {
  /** File and line. */
  places: string[]
  source: string
  flags: string
}

/**
 * Every regular expression in src and sandbox, each once: literals, and what schemas call a pattern. `made` are those whose
 * source is put together at run time, as they are written.
 */
export function findExpressions(): { expressions: Expression[]; made: { place: string; code: string }[] } {
  const expressions = new Map<string, Expression>()
  const made: { place: string; code: string }[] = []
  for (const { path, text } of sources) {
    const code = stripTypeScriptTypes(text)
    const add = (node: AnyNode, source: string, flags: string) => {
      const key = `/${source}/${flags}`
      const known = expressions.get(key) ?? { places: [], source, flags }
      known.places.push(`${path}:${node.loc?.start.line}`)
      expressions.set(key, known)
    }
    for (const node of nodesOf(
      parse(code, { ecmaVersion: 'latest', sourceType: 'module', locations: true }),
    )) {
      if (node.type === 'Literal' && node.regex) add(node, node.regex.pattern, node.regex.flags)
      const pattern = patternOf(node)
      // As the validator compiles it.
      if (pattern !== undefined) add(node, pattern, 'u')
      if (isMade(node)) made.push({ place: path, code: code.slice(node.start, node.end) })
    }
  }
  return { expressions: [...expressions.values()], made }
}

function* nodesOf(value: unknown): Generator<AnyNode> {
  if (typeof value !== 'object' || value === null || value instanceof RegExp) return
  if ('type' in value && 'start' in value) yield value as AnyNode
  for (const member of Object.values(value)) yield* nodesOf(member)
}

function patternOf(node: AnyNode): string | undefined {
  if (node.type !== 'Property' || node.key.type !== 'Identifier' || node.key.name !== 'pattern')
    return undefined
  return node.value.type === 'Literal' && typeof node.value.value === 'string' ? node.value.value : undefined
}

function isMade(node: AnyNode): boolean {
  if (node.type !== 'NewExpression' && node.type !== 'CallExpression') return false
  return node.callee.type === 'Identifier' && node.callee.name === 'RegExp'
}

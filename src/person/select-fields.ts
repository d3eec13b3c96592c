import { defaultSelection, type FieldSelection, parseSelection, type SelectionPolicy } from './selection.ts'

/** The field selection that the configuration names. Throws an Error with its mistakes as sentences. */
export function selectFields(
  fields: { kind: 'default' } | { kind: 'file'; path: string; text: string },
  policy?: SelectionPolicy,
): FieldSelection {
  if (fields.kind === 'default') return defaultSelection(policy)
  const { selection, problems } = parseSelection(fields.text, policy)
  if (!selection) throw new Error(`FIELDS_FILE ${fields.path}:\n- ${problems.join('\n- ')}`)
  return selection
}

import { type Members, oneOf, text, wholeNumber } from './admin-input.ts'
import type { MarketoSandbox } from './sandbox.ts'
import { DATA_TYPES } from './schema.ts'

const CHANGES = ['name', 'dataType', 'length', 'isBlocked']

/** Schema drift: what `changes` names becomes different, its name last. All of it is read before any of it is done. */
export function changeField(sandbox: MarketoSandbox, field: string, changes: Members): void {
  const unknown = Object.keys(changes).find((name) => !CHANGES.includes(name))
  if (unknown !== undefined) throw new Error(`no such change: ${unknown}`)
  const { name, dataType, length, isBlocked } = changes
  const to = name === undefined ? undefined : text(name, 'name')
  const type = dataType === undefined ? undefined : oneOf(DATA_TYPES, dataType, 'dataType')
  const size = length === undefined ? undefined : wholeNumber(length, 'length')
  if (isBlocked !== undefined && typeof isBlocked !== 'boolean') throw new Error('isBlocked is true or false')
  if (to !== undefined && sandbox.subscription.schema.field(to)) throw new Error(`there is a field ${to}`)
  if (type !== undefined) sandbox.retypeField(field, type)
  if (size !== undefined) sandbox.shortenField(field, size)
  if (isBlocked !== undefined) sandbox.blockField(field, isBlocked)
  if (to !== undefined) sandbox.renameField(field, to)
}

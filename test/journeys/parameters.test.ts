import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import openapi from '../../openapi/openapi.json' with { type: 'json' }
import { withoutPostgres } from '../postgres/cluster.ts'
import { openPostgres } from '../store/postgres-rig.ts'
import { type Rig, startRig } from './rig.ts'

/** Each path and query parameter of the document, one after the other, with what no column holds. */

interface Parameter {
  in: string
  name: string
  schema: { type: string; minimum?: number; maximum?: number; default?: unknown }
}
type Operation = { parameters?: Parameter[] }

const NUMBERS = ['1e999', '-1e999', '1e400', '9007199254740992', '9223372036854775808', '-1', '1.5', 'NaN']
const TEXTS = ['\0', 'a\0b', '1e999', '9'.repeat(400), '\ud83d\ude00', '%', "'; drop table link; --", '']
const IN_PLACE: Readonly<Record<string, string>> = {
  marketoId: '1',
  failureId: '1',
  chunkId: '0'.repeat(32),
  requestId: '00000000-0000-4000-8000-000000000000',
}

function operations(): { method: string; path: string; parameters: Parameter[] }[] {
  return Object.entries(openapi.paths as unknown as Record<string, Record<string, Operation>>).flatMap(
    ([path, methods]) =>
      Object.entries(methods).map(([method, { parameters = [] }]) => ({
        ...{ method: method.toUpperCase(), path },
        parameters: parameters.filter((one) => one.in === 'path' || one.in === 'query'),
      })),
  )
}

function addressOf(path: string, { in: place, name }: Parameter, value: string): string {
  const text = encodeURIComponent(value)
  const filled = path.replace(/\{(\w+)\}/g, (_, key: string) =>
    place === 'path' && key === name ? text : (IN_PLACE[key] ?? '1'),
  )
  return place === 'query' ? `${filled}?${name}=${text}` : filled
}

async function assertBounded(rig: Rig): Promise<void> {
  let asked = 0
  for (const { method, path, parameters } of operations()) {
    for (const parameter of parameters) {
      const isNumber = parameter.schema.type === 'integer'
      for (const value of [...NUMBERS, ...TEXTS]) {
        const { status, text } = await rig.request(method, addressOf(path, parameter, value))
        const what = `${method} ${path} ${parameter.name}=${JSON.stringify(value)}: ${status} ${text}`
        assert.ok(status < 500 || status === 503, what)
        if (isNumber && NUMBERS.includes(value)) assert.equal(status, 400, what)
        asked += 1
      }
      if (!isNumber) continue
      const { maximum } = parameter.schema
      assert.ok(maximum !== undefined, `${method} ${path} ${parameter.name} has no maximum`)
      const { status, text } = await rig.request(method, addressOf(path, parameter, String(maximum)))
      assert.notEqual(status, 500, text)
    }
  }
  assert.ok(asked > 200, 'the search for parameters has gone blind')
}

describe('what no column holds is refused before the database is asked', () => {
  it('on SQLite', async () => {
    await using rig = await startRig({}, {}, {}, async (sandbox) => sandbox.marketoEnvironment())
    await assertBounded(rig)
  })

  it('on PostgreSQL', { skip: withoutPostgres }, async () => {
    await using open = await openPostgres()
    await using rig = await startRig({ DATABASE_URL: open.url }, {}, {}, async (sandbox) =>
      sandbox.marketoEnvironment(),
    )
    await assertBounded(rig)
  })
})

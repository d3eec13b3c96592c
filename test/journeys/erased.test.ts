import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { type Rig, startRig } from './rig.ts'
import { until } from './unavailable.ts'

const PEOPLE = 300
const COMPANY_LENGTH_MAX = 100
const AT_A_TIME = 50
/** Nobody's fields but those of people whose request was refused: the store has no use for them. */
const MARK = 'Quixote'

it('what a settled person sent is in no file any more: database, log, backups', async () => {
  await using rig = await startRig({ ERASE_WITHIN_SECONDS: '1' })
  const held = await rig.sync({ ...person(PEOPLE + 1), mktoPersonNotes: MARK })
  assert.equal(held.body.outcome, 'failed')
  const wal = join(rig.directory, 'sync-person.sqlite-wal')
  assert.ok(readFileSync(wal).includes(MARK), 'until then it was there')

  for (let first = 0; first < PEOPLE; first += AT_A_TIME) {
    const sent = Array.from({ length: AT_A_TIME }, (_, index) => {
      const id = first + index + 1
      // Of many lengths, and between people who stay: pages are split, merged and overflow.
      const notes = `${MARK} `.repeat(id * 3)
      return index % 3 === 0 ? rig.sync(created(id)) : rig.sync({ ...person(id), mktoPersonNotes: notes })
    })
    await Promise.all(sent)
  }
  await until('the log is empty', async () => statSync(wal).size === 0)
  assert.deepEqual(filesWith(rig, MARK), [])
  const { status } = await rig.request('POST', '/v1/backups')
  assert.equal(status, 201)
  assert.equal(readdirSync(join(rig.directory, 'backups')).length, 1)
  assert.deepEqual(filesWith(rig, MARK), [])
  await rig.stop()
  assert.deepEqual(filesWith(rig, MARK), [])
})

function created(marketoId: number): object {
  return { marketoId, email: `p${marketoId}@example.com`, lastName: 'Ek', company: 'Ek AB' }
}

/** Refused: the company's name does not fit. */
function person(marketoId: number): object {
  return { ...created(marketoId), firstName: MARK, company: `${MARK}`.repeat(COMPANY_LENGTH_MAX) }
}

function filesWith(rig: Rig, text: string): string[] {
  const files = readdirSync(rig.directory, { recursive: true, withFileTypes: true }).filter((one) =>
    one.isFile(),
  )
  assert.ok(files.length > 0)
  return files
    .filter(({ parentPath, name }) => readFileSync(join(parentPath, name)).includes(text))
    .map(({ name }) => name)
}

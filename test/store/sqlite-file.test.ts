import assert from 'node:assert/strict'
import { chmodSync, closeSync, cpSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { StoreUnavailable } from '../../src/errors.ts'
import { createLog } from '../../src/log.ts'
import { fileIn, widerThanOwner } from '../../src/store/sqlite/data-directory.ts'
import { Database } from '../../src/store/sqlite/database.ts'
import { Maintenance } from '../../src/store/sqlite/maintenance.ts'
import { manualClock } from '../dataverse/manual-clock.ts'

const ERASE_WITHIN_MS = 20_000

/** A database and the hand that looks after it, by a clock that the test moves. */
async function rig() {
  const directory = await mkdtemp(join(tmpdir(), 'sync-person-file-'))
  const path = join(directory, 'store.sqlite')
  const sentences: string[] = []
  const lines: string[] = []
  const log = createLog({ level: 'info', destination: { write: (line) => void lines.push(line) } })
  const { clock, advance } = manualClock()
  const database = new Database({ path, damaged: (sentence) => void sentences.push(sentence) })
  const maintenance = new Maintenance({ database, eraseWithinMs: ERASE_WITHIN_MS, clock, log })
  const insert = database.prepare('insert into cursor values (:stream, :position, 0)')
  const all = database.prepare('select stream from cursor order by stream')
  return {
    ...{ directory, path, database, maintenance, advance, sentences, lines },
    write: (stream: string, position = '') => database.write(() => void insert.run({ stream, position })),
    read: () => all.all().map(({ stream }) => stream),
    async [Symbol.asyncDispose]() {
      database[Symbol.dispose]()
      await rm(directory, { recursive: true })
    },
  }
}

const unavailable = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof StoreUnavailable, String(error))
  assert.match(error.message, message)
  return true
}

describe('the SQLite file under another hand', () => {
  it('is neither written nor read once it was deleted, and is written again after five seconds', async () => {
    await using on = await rig()
    await on.write('a')
    rmSync(on.path)
    let ran = false
    await assert.rejects(
      on.database.write(() => {
        ran = true
      }),
      unavailable(/was deleted/),
    )
    assert.equal(ran, false)
    assert.throws(() => on.read(), unavailable(/was deleted/))
    await on.maintenance.tick()
    await on.advance(4_999)
    await on.maintenance.tick()
    await assert.rejects(on.write('b'), unavailable(/was deleted/))
    await on.advance(1)
    await on.maintenance.tick()
    await on.write('c')
    assert.deepEqual(on.read(), ['a', 'c'])
    assert.equal(statSync(on.path).mode & 0o777, 0o600)
    assert.deepEqual(
      on.lines.map((line) => JSON.parse(line).event),
      ['store-file-missing', 'store-file-restored'],
    )
  })

  it('promises nothing of a transaction during which it was deleted', async () => {
    await using on = await rig()
    await assert.rejects(
      on.database.write(() => rmSync(on.path)),
      unavailable(/was deleted/),
    )
  })

  it('is not written again while somebody may put it back', async () => {
    await using on = await rig()
    await on.write('a')
    renameSync(on.path, `${on.path}.away`)
    for (let seconds = 0; seconds < 10; seconds += 1) {
      await on.maintenance.tick()
      await on.advance(1_000)
    }
    await assert.rejects(on.write('b'), unavailable(/was moved away/))
    renameSync(`${on.path}.away`, on.path)
    await on.write('c')
    assert.deepEqual(on.read(), ['a', 'c'])
  })

  it('leaves no log beside another file in its place', async () => {
    await using on = await rig()
    await on.write('a')
    const other = join(on.directory, 'other.sqlite')
    new Database({ path: other })[Symbol.dispose]()
    renameSync(on.path, `${on.path}.away`)
    renameSync(other, on.path)
    await assert.rejects(on.write('b'), unavailable(/another file was put in the place/))
    await on.maintenance.tick()
    const elsewhere = join(on.directory, 'elsewhere.sqlite')
    // As after a power cut, with whatever lies beside it.
    for (const end of ['', '-wal']) cpSync(`${on.path}${end}`, `${elsewhere}${end}`)
    using started = new Database({ path: elsewhere })
    assert.deepEqual(started.prepare('select stream from cursor').all(), [])
  })

  it('stops the service once when it is damaged, and refuses everything from then on', async () => {
    await using on = await rig()
    for (let stream = 0; stream < 2_000; stream += 1) void on.write(String(stream), 'x'.repeat(4_000))
    await on.write('last')
    assert.ok(on.database.truncateLog())
    const file = openSync(on.path, 'r+')
    for (let at = 4_096; at < statSync(on.path).size; at += 4_096)
      writeSync(file, Buffer.alloc(4_096, 0xa5), 0, 4_096, at)
    closeSync(file)
    for (let times = 0; times < 2; times += 1) assert.throws(() => on.read(), unavailable(/damaged/))
    await assert.rejects(on.write('more'), unavailable(/damaged/))
    assert.equal(on.sentences.length, 1)
    assert.match(on.sentences[0] ?? '', /store\.sqlite \(DATA_DIR\) is damaged/)
  })

  it('empties its log once nothing is written for five seconds, and under constant writing when it is time', async () => {
    await using on = await rig()
    const logBytes = () => statSync(`${on.path}-wal`).size
    const turn = async () => {
      await on.maintenance.tick()
      await on.advance(1_000)
    }
    await on.write('idle')
    for (let seconds = 0; seconds < 5; seconds += 1) await turn()
    assert.ok(logBytes() > 0)
    await turn()
    assert.equal(logBytes(), 0)
    for (let seconds = 0; seconds < 20; seconds += 1) {
      await on.write(`busy ${seconds}`)
      await turn()
    }
    assert.ok(logBytes() > 0)
    await on.write('busy')
    await turn()
    assert.equal(logBytes(), 0)
  })

  it('is for its owner alone with all that lies beside it, and a wider one is named', async () => {
    await using on = await rig()
    const directory = join(on.directory, 'a', 'b')
    const path = fileIn(directory)
    using database = new Database({ path })
    await database.copyTo(join(directory, 'copy'))
    const paths = [directory, path, `${path}-wal`, join(directory, 'copy')]
    assert.deepEqual(widerThanOwner(paths), [])
    chmodSync(path, 0o640)
    assert.deepEqual(widerThanOwner([...paths, join(directory, 'nowhere')]), [
      `${path} holds people's data and is open to other users (mode 640): chmod go= ${path}`,
    ])
  })
})

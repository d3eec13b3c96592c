import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { person, type Step } from '../../sandbox/tour/step.ts'
import { note, row } from '../../sandbox/tour/table.ts'
import { runTour, TOUR } from '../../sandbox/tour.ts'

const MAIN = fileURLToPath(new URL('../../sandbox/main.ts', import.meta.url))
const WIDTH_MAX = 100
// Every test file that starts a sandbox has ports of its own: files run at the same time.
const PORT = 8300

async function sandbox(...args: string[]) {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const [code, out, err] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
  return { code, out, err }
}

/** The table's row of a step, as words between gaps. */
function cellsOf(out: string, title: string): string[] | undefined {
  const line = out.split('\n').find((one) => one.includes(`  ${title}  `))
  return line?.trim().split(/ {2,}/)
}

test('npm run sandbox -- --tour shows every promise kept, in a table, and exits 0', async () => {
  const { code, out, err } = await sandbox('--tour', '--port', String(PORT))
  assert.equal(code, 0, `${out}${err}`)
  for (const [index, { title, asked, answer, leads }] of TOUR.entries()) {
    assert.deepEqual(cellsOf(out, title), [String(index + 1), title, asked, answer, String(leads), 'yes'])
  }
  assert.match(out, /^ *[0-9]+ {2}Answer: lastname: Fill the field in Marketo/m)
  assert.match(out, new RegExp(`^${TOUR.length} of ${TOUR.length} held`, 'm'))
  assert.equal(err, '')
  for (const line of out.split('\n')) assert.ok(line.length <= WIDTH_MAX, line)
})

const ANN = person(1, 'Ann')
const calm: Step = {
  title: 'Nothing happens',
  asked: 'nothing',
  email: ANN.email,
  answer: 'none',
  leads: 0,
  play: async () => ({ answer: 'none' }),
}
/** Dynamics has a second lead of the person, refuses the next create, and a promise of the step's own is broken. */
const broken: Step = {
  ...calm,
  title: 'Everything goes wrong',
  async play(stage) {
    stage.dataverse.seed('lead', { lastname: 'Ek', emailaddress1: ANN.email })
    stage.dataverse.bend({
      operation: 'create',
      how: { kind: 'error', status: 400, code: '0x80040265', message: 'No.' },
    })
    const { body } = await stage.rest({ person: person(2, 'Bo') })
    return { answer: String(body.outcome), promises: [['advice', undefined, { given: true }]] }
  },
}
const thrown: Step = {
  ...calm,
  title: 'A step throws',
  email: 'nobody@example.com',
  play: async (stage) => {
    stage.dataverse.seed('lead', { nosuchcolumn: 1 })
    return { answer: 'none' }
  },
}

test('a broken promise is named, the rest is played all the same, and the exit code is 1', async () => {
  let out = ''
  const steps = [broken, thrown, { ...calm, email: 'nobody@example.com' }]
  const code = await runTour({
    steps,
    port: PORT,
    write: (part) => {
      out += part
    },
    signal: new AbortController().signal,
  })
  assert.equal(code, 1, out)
  assert.deepEqual(
    steps.map(({ title }) => cellsOf(out, title)?.slice(3)),
    [
      ['failed', '1', 'NO'],
      ['-', '0', 'NO'],
      ['none', '0', 'yes'],
    ],
  )
  for (const sentence of [
    ' 1  NOT HELD: answer: failed instead of none',
    ' 1  NOT HELD: leads of the person: 1 instead of 0',
    ' 1  NOT HELD: advice: nothing instead of {"given":true}',
    " 2  NOT HELD: the sandbox's lead has no column nosuchcolumn",
    '1 of 3 held',
  ]) {
    assert.ok(out.includes(sentence), `${sentence}\n${out}`)
  }
})

test('a tour that is told to stop ends at once, with exit code 1', { timeout: 10_000 }, async () => {
  const told = new AbortController()
  const waits: Step = {
    ...calm,
    async play(stage) {
      told.abort()
      await stage.until('never', () => false, Boolean)
      return { answer: 'none' }
    },
  }
  assert.equal(await runTour({ steps: [waits], port: PORT, write: () => {}, signal: told.signal }), 1)
})

test('a flag that is none is answered with a sentence, what there is, and exit code 2', async () => {
  const { code, out, err } = await sandbox('--tuor')
  assert.deepEqual([code, out], [2, ''])
  assert.match(err, /^There is no flag --tuor\.\n/)
  assert.match(err, /npm run sandbox -- --tour/)
  assert.doesNotMatch(err, /^ {4}at /m)
})

test('--help says what there is and starts nothing', async () => {
  const { code, out, err } = await sandbox('--help')
  assert.deepEqual([code, err], [0, ''])
  assert.match(out, /--data DIR/)
})

test('what does not fit the table is clipped, a note is broken between words', () => {
  const long = 'x'.repeat(200)
  const clipped = row(['1', long, long, long, '1', 'yes'])
  assert.match(clipped, /^ 1 {2}x+… {2}x+… {2}x+… {6}1 {2}yes\n$/)
  assert.ok(clipped.length <= WIDTH_MAX + 1)
  const lines = note('7', 'word '.repeat(50).trim()).trimEnd().split('\n')
  assert.deepEqual(
    lines.map((line) => line.slice(0, 8)),
    [' 7  word', '    word', '    word'],
  )
  assert.ok(lines.every((line) => line.length <= WIDTH_MAX))
})

import { spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { type Mutant, mutate } from './mutant.ts'
import { mutants } from './mutants.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const COPIED = ['src', 'test', 'docs', 'openapi', '.env.example', 'package.json', 'tsconfig.json']
/** A mutant that hangs is noticed, too. */
const RUN_MS_MAX = 120_000

type Verdict = 'killed' | 'SURVIVED' | 'UNJUDGED'

/**
 * npm run mutate [-- --only "part of a name"]. Takes out one guard at a time in a copy of the repository and runs
 * the tests that must notice. Exits with 1 when one does not.
 */
const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } })
const chosen = mutants.filter(({ name }) => name.includes(values.only))
const directory = await mkdtemp(join(tmpdir(), 'sync-person-mutate-'))
try {
  for (const name of COPIED) await cp(join(ROOT, name), join(directory, name), { recursive: true })
  await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'), 'dir')

  const files = [...new Set(chosen.flatMap(({ tests }) => tests))]
  console.log(`${chosen.length} guards; first with every guard in place: ${files.length} test files`)
  const failing = new Set<string>()
  for (const file of files) if (!(await pass([file]))) failing.add(file)
  for (const file of failing) console.log(`FAILS     ${file} with every guard in place`)

  let killed = 0
  for (const mutant of chosen) {
    const verdict = await judge(mutant, failing)
    if (verdict === 'killed') killed += 1
    console.log(`${verdict.padEnd(8)}  ${mutant.name}${verdict === 'SURVIVED' ? `: ${mutant.why}` : ''}`)
  }
  console.log(`${killed} of ${chosen.length} killed`)
  process.exitCode = chosen.length > 0 && killed === chosen.length ? 0 : 1
} finally {
  await rm(directory, { recursive: true })
}

/** Tests that fail anyway say nothing. */
async function judge(mutant: Mutant, failing: ReadonlySet<string>): Promise<Verdict> {
  const tests = mutant.tests.filter((file) => !failing.has(file))
  if (tests.length === 0) return 'UNJUDGED'
  const path = join(directory, mutant.file)
  const source = await readFile(path, 'utf8')
  const mutated = mutate(source, mutant)
  // What cannot be read makes every test fail, and says nothing.
  stripTypeScriptTypes(mutated)
  await writeFile(path, mutated)
  const isKilled = !(await pass(tests))
  await writeFile(path, source)
  return isKilled ? 'killed' : 'SURVIVED'
}

/** Whether all tests of the files pass within their time. */
function pass(files: readonly string[]): Promise<boolean> {
  const tests = spawn(process.execPath, ['--test', ...files], {
    cwd: directory,
    stdio: 'ignore',
    timeout: RUN_MS_MAX,
    killSignal: 'SIGKILL',
  })
  return new Promise((resolve, reject) => {
    tests.once('error', reject)
    tests.once('close', (code) => resolve(code === 0))
  })
}

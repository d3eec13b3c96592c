import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import packageJson from '../package.json' with { type: 'json' }
import packageLock from '../package-lock.json' with { type: 'json' }
import { startSandbox } from '../sandbox/index.ts'
import { startService } from './service.ts'

/** Does by hand what `docker build` and `docker run` would do, so that no Docker is needed to know. */

const run = promisify(execFile)
const repository = fileURLToPath(new URL('..', import.meta.url))
const NPM_CI = 'npm ci --omit=dev --omit=optional'

interface Instruction {
  name: string
  rest: string
}

const instructions = (await readFile(join(repository, 'Dockerfile'), 'utf8'))
  .replace(/^#.*\n/gm, '')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line.trim() !== '')
  .map((line): Instruction => {
    const [, name = '', rest = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? []
    return { name, rest: rest.trim() }
  })

function all(name: string): string[] {
  return instructions.filter((instruction) => instruction.name === name).map(({ rest }) => rest)
}

/** The one command in JSON form, with this process's own Node for `node`. */
function commandOf(text: string): [file: string, ...args: string[]] {
  const [file, ...args]: string[] = JSON.parse(text.slice(text.indexOf('[')))
  assert.equal(file, 'node')
  return [process.execPath, ...args]
}

/** The last pattern that matches decides, as Docker has it. Takes paths and `*`, nothing finer. */
async function createIgnore(): Promise<(path: string) => boolean> {
  const text = await readFile(join(repository, '.dockerignore'), 'utf8')
  const rules = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  for (const rule of rules) assert.match(rule, /^(?:\*|!?[\w./-]+)$/, 'this test does not know the pattern')
  return (path) => {
    const matching = rules.filter((rule) => {
      const pattern = rule.replace(/^!/, '')
      return pattern === '*' || path === pattern || path.startsWith(`${pattern}/`)
    })
    return matching.at(-1)?.startsWith('!') === false
  }
}

/** What `npm test` tells its children would make npm work on this repository instead of the image. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const foreign = /^(?:npm_(?:package|lifecycle|config_\w*prefix)|INIT_CWD|NODE_)/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)))
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries
    .filter((one) => one.isFile())
    .map((one) => relative(directory, join(one.parentPath, one.name)))
}

let image = ''

before(async () => {
  image = await mkdtemp(join(tmpdir(), 'sync-person-image-'))
  const isIgnored = await createIgnore()
  for (const { name, rest } of instructions) {
    if (name === 'COPY') {
      const [target = '', ...sources] = rest.split(/\s+/).reverse()
      for (const source of sources) {
        const to = target === './' ? join(image, source) : join(image, target)
        const filter = (path: string) => !isIgnored(relative(repository, path))
        await cp(join(repository, source), to, { recursive: true, filter })
      }
    } else if (name === 'RUN' && rest.includes('npm ')) {
      assert.equal(rest, `${NPM_CI} && npm cache clean --force`)
      const [file = '', ...args] = NPM_CI.split(' ')
      await run(file, args, { cwd: image, env: cleanEnvironment() })
    } else if (name === 'RUN' && rest.startsWith('! node ')) {
      const command = rest.replace('! node ', `! ${process.execPath} `)
      const env = { ...cleanEnvironment(), NODE_COMPILE_CACHE: join(image, '.compile-cache') }
      await run('sh', ['-c', command], { cwd: image, env })
    }
  }
})

after(() => rm(image, { recursive: true, force: true }))

test('the image starts on Node 24, as nobody special, with its data in a volume of that user', () => {
  assert.deepEqual(all('FROM'), ['node:24-slim'])
  assert.deepEqual(all('USER'), ['node'])
  const cache = 'NODE_COMPILE_CACHE=/app/.compile-cache'
  assert.deepEqual(all('ENV'), [`NODE_ENV=production HOST=0.0.0.0 DATA_DIR=/data ${cache}`])
  assert.deepEqual(all('VOLUME'), ['/data'])
  assert(all('RUN').includes('install -d -o node -g node -m 700 /data'))
  assert.deepEqual(all('EXPOSE'), ['8080'])
})

test('the image holds the service and nothing of the sandbox, the tests or the tools', async () => {
  const top = (await readdir(image)).sort()
  assert.deepEqual(top, ['.compile-cache', 'node_modules', 'package-lock.json', 'package.json', 'src'])
  assert(!(await readdir(join(image, 'src'))).includes('sandbox'))
  const installed = new Set(await readdir(join(image, 'node_modules')))
  // A tool that a dependency needs as well is no tool alone.
  const tools = Object.entries(packageLock.packages)
    .filter(([, of]) => ('dev' in of && of.dev) || ('optional' in of && of.optional))
    .map(([path]) => path.replace('node_modules/', ''))
  for (const name of ['typescript', '@biomejs/biome']) assert(tools.includes(name), name)
  assert.deepEqual(
    tools.filter((name) => installed.has(name)),
    [],
  )
})

test('the image has compiled what its start loads, with the flags of its start', async () => {
  const [, flags = ''] = /"node", (.*?), "--env/.exec(all('CMD').join()) ?? []
  const warmed = all('RUN').find((rest) => rest.startsWith('! node ')) ?? ''
  assert.ok(warmed.includes(` ${JSON.parse(`[${flags}]`).join(' ')} `), 'other flags compile otherwise')
  assert.ok((await filesBelow(join(image, '.compile-cache'))).length > 300)
})

test('what is in the image imports only what is in the image', async () => {
  const files = (await filesBelow(join(image, 'src'))).filter((file) => file.endsWith('.ts'))
  assert(files.length > 50)
  for (const file of files) {
    const text = await readFile(join(image, 'src', file), 'utf8')
    for (const [, specifier = ''] of text.matchAll(/(?:^|\s)(?:from|import)\s*\(?'([^']+)'/g)) {
      if (specifier.startsWith('node:') || specifier.startsWith('.')) continue
      const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
      assert(name in packageJson.dependencies, `${file} imports ${name}, which is no dependency`)
    }
  }
})

test('the image serves: healthy, ready, and a person becomes a lead', async () => {
  await using sandbox = await startSandbox()
  const command = commandOf(all('CMD').join()).slice(1)
  assert.equal(`node ${command.join(' ')}`, packageJson.scripts.start, 'the image starts like npm start')
  const main = command.pop() ?? ''
  const [node, ...probe] = commandOf(all('HEALTHCHECK').join())
  {
    await using service = await startService(
      { ...sandbox.environment(), NODE_ENV: 'production' },
      join(image, main),
      command,
    )
    const { port } = new URL(service.url)
    await run(node, probe, { env: { PORT: port } })
    const answer = await fetch(`${service.url}/v1/flow-actions/sync-person-to-microsoft`, {
      method: 'POST',
      headers: { 'x-api-key': service.key, 'content-type': 'application/json' },
      body: JSON.stringify({ person: { marketoId: 1, email: 'ann@example.com', lastName: 'Ek' } }),
    })
    assert.equal(answer.status, 200)
    assert.equal(sandbox.dataverse.rows('lead').length, 1)
  }
  await assert.rejects(run(node, probe, { env: { PORT: '1' } }), 'a dead service counts as healthy')
})

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import packageJson from '../package.json' with { type: 'json' }
import { toConfig, VARIABLES, type Variable } from '../src/config/config.ts'
import { readWebhookBody } from '../src/flow-action/webhook-body.ts'
import { failureCodes } from '../src/person/problem.ts'
import { toPerson } from '../src/person/read-person.ts'
import { defaultSelection } from '../src/person/selection.ts'
import { sources } from './source.ts'

const repository = fileURLToPath(new URL('..', import.meta.url))

function read(path: string): string {
  return readFileSync(join(repository, path), 'utf8')
}

/** An HTML anchor, as answers link to it. */
const ANCHOR = /<a id="([^"]+)"><\/a>/g

/** The rows of tables that begin with a code or a name, without anchors. */
function cellsOf(text: string): string[][] {
  return text
    .replaceAll(ANCHOR, '')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.slice(2, -2).split(' | '))
}

function quoted(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word)
}

/** How codes are written in the source: as a member, as an argument, in a table, in a union of a code type. */
const CODE = [
  /\bcode: '([a-z\d-]+)'/g,
  /\bnew (?:Refusal\(\s*\d{3},|BadBody\()\s*'([a-z\d-]+)'/g,
  /\[\s*\d{3},\s*'([a-z\d-]+)'/g,
  /\b(?:wrong\(|fail\(cursor, )'([a-z\d-]+)'/g,
  /'(template-[a-z-]+)'/g,
]
const CODE_UNION =
  /\btype (?:MalformedJsonCode|RefusalCode) =((?:\s*\| '[a-z\d-]+')+)|\bcode:((?:\s*\| '[a-z\d-]+')+)/g

function codesOfSource(): Set<string> {
  const texts = sources.filter(({ room }) => room !== 'sandbox').map(({ text }) => text)
  const written = texts.flatMap((text) => [
    ...CODE.flatMap((pattern) => [...text.matchAll(pattern)].map(([, code = '']) => code)),
    ...[...text.matchAll(CODE_UNION)].flatMap(([union]) =>
      [...union.matchAll(/'([a-z\d-]+)'/g)].map(([, code = '']) => code),
    ),
  ])
  return new Set([...written, ...failureCodes])
}

test('docs/codes.md explains every code of the source, and no other', () => {
  const codes = codesOfSource()
  const explained = new Set(cellsOf(read('docs/codes.md')).flatMap(([codeCell = '']) => quoted(codeCell)))
  assert(codes.size > 70, 'the search for codes has gone blind')
  assert.deepEqual([...codes].filter((code) => !explained.has(code)).sort(), [], 'missing in docs/codes.md')
  assert.deepEqual([...explained].filter((code) => !codes.has(code)).sort(), [], 'not in the source')
})

test('every code has one anchor in docs/codes.md, so that an answer can link to it', () => {
  const page = read('docs/codes.md')
  const anchors = [...page.matchAll(ANCHOR)].map(([, anchor = '']) => anchor)
  const codes = new Set(cellsOf(page).flatMap(([codeCell = '']) => quoted(codeCell)))
  assert.deepEqual(anchors.sort(), [...codes].sort())
  for (const code of codes) assert.ok(page.includes(`<a id="${code}"></a>\`${code}\``), code)
})

const MINIMAL: Partial<Record<Variable, string>> = {
  API_KEYS: 'a:docs-key-0123456789-0123456789-012345',
  DATAVERSE_URL: 'https://contoso.crm4.dynamics.com',
  ENTRA_TENANT_ID: 'contoso.onmicrosoft.com',
  ENTRA_CLIENT_ID: '00000000-0000-0000-0000-000000000000',
  ENTRA_CLIENT_SECRET: 's',
}

test('docs/configuration.md names the variables in their order, with the defaults that apply', () => {
  const rows = cellsOf(read('docs/configuration.md'))
  assert.deepEqual(
    rows.map(([name = '']) => quoted(name)[0]),
    VARIABLES,
  )
  const withoutAny = toConfig({ values: MINIMAL, files: {}, strangers: [] }).config
  assert(withoutAny)
  const example = read('.env.example')
  for (const [name = '', preset = ''] of rows) {
    const [variable = ''] = quoted(name)
    const [value] = quoted(preset)
    const shown = new RegExp(`^#${variable}=(.+)$`, 'm').exec(example)?.[1]
    if (variable !== 'PUBLIC_URL')
      assert.equal(value, shown, `${variable} in docs/configuration.md and in .env.example`)
    if (value === undefined) continue
    const withIt = toConfig({ values: { ...MINIMAL, [variable]: value }, files: {}, strangers: [] }).config
    assert.deepEqual(withIt, withoutAny, `${variable} has another default`)
  }
})

test('the documented webhook template is taken, whatever the tokens hold, and names no unknown field', () => {
  const [, template = ''] = /```text\n(\{[\s\S]*?\n\})\n```/.exec(read('docs/set-up-marketo.md')) ?? []
  for (const text of ['""', '"Ann \\"A.\\""', 'true']) {
    const body = template.replaceAll('{{lead.Id}}', '4711').replaceAll(/\{\{[^}]+\}\}/g, text)
    const reading = readWebhookBody(body)
    assert(reading.ok)
    const { person, unknown, problems } = toPerson(reading.members.person, defaultSelection())
    assert.equal(person.marketoId, 4711)
    assert.deepEqual(unknown, [])
    assert.deepEqual(
      problems.map(({ field }) => field),
      text === 'true' ? ['email'] : [],
    )
  }
})

test('every npm script that a document names exists', () => {
  for (const path of documents()) {
    for (const [, script = ''] of read(path).matchAll(/\bnpm run ([a-z-]+)/g)) {
      assert(script in packageJson.scripts, `${path}: npm run ${script}`)
    }
  }
})

test('every link between the documents leads to a file', () => {
  for (const path of documents()) {
    for (const [, target = ''] of read(path).matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
      if (/^https?:/.test(target)) continue
      const file = join(dirname(path), target)
      assert.doesNotThrow(() => readdirOrRead(file), `${path} → ${target}`)
    }
  }
})

test('the index of docs names every document there', () => {
  const index = read('docs/README.md')
  const files = readdirSync(join(repository, 'docs'), { recursive: true, encoding: 'utf8' })
  for (const file of files.filter((one) => one.endsWith('.md') && one !== 'README.md')) {
    assert(index.includes(`](${file})`), `docs/README.md does not name ${file}`)
  }
})

function documents(): string[] {
  const below = readdirSync(join(repository, 'docs'), { recursive: true, encoding: 'utf8' })
  const top = readdirSync(repository).filter((name) => name.endsWith('.md'))
  return [...top, ...below.filter((name) => name.endsWith('.md')).map((name) => join('docs', name))]
}

function readdirOrRead(path: string): void {
  if (path.endsWith('/') || !/\.[a-z]+$|LICENSE$/.test(path)) readdirSync(join(repository, path))
  else read(path)
}

test('README is short, and every anchor that a link names is there', () => {
  assert.ok(read('README.md').split('\n').length <= 201)
  for (const path of documents()) {
    for (const [, target = '', anchor = ''] of read(path).matchAll(/\]\(([^):#]*)#([^)]+)\)/g)) {
      const file = target === '' ? path : join(dirname(path), target)
      assert.ok(anchorsOf(file).has(anchor), `${path} → ${target}#${anchor}`)
    }
  }
})

/** Those that GitHub makes of headings, and explicit ones. */
function anchorsOf(path: string): Set<string> {
  const text = read(path)
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\d _-]/gu, '')
      .replaceAll(' ', '-'),
  )
  return new Set([...headings, ...[...text.matchAll(ANCHOR)].map(([, anchor = '']) => anchor)])
}

test('the evidence that SECURITY.md names is there', () => {
  const named = [...read('SECURITY.md').matchAll(/`(test\/[^`]+)`/g)].map(([, path = '']) => path)
  assert.ok(named.length > 20)
  for (const path of named) assert.doesNotThrow(() => readdirOrRead(path), path)
})

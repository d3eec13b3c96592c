import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

/** Public text is plain English: the field's own terms, and no idiom that reads as translated. */

const repository = fileURLToPath(new URL('..', import.meta.url))

interface PublicText {
  /** Where it is, for the one who corrects it. */
  name: string
  /** Sentences, without code. */
  prose: string
}

/** What is written instead. Words are compared without case, outside of code and addresses. */
const TICS: readonly (readonly [tic: RegExp, instead: string])[] = [
  [/\bmend(?:s|ed|ing)?\b/, 'fix'],
  [/\bdoors?\b/, 'endpoint'],
  [/\bpretend(?:s|ed|ing)?\b/, 'emulate'],
  [/\b(?:told|tells?|telling)\b/, 'log, report, return'],
  [/\bturns?\b/, 'run, convert, once a …'],
  [/\b(?:who|what)ever\b/, 'name the subject: the caller, any value, regardless of'],
  [/\b(?:no|some|any|every)body\b/, 'name them: the caller, an operator, another worker, no person'],
  [/\b(?:is|are|was|were|being) away\b/, 'outage'],
  [/\b(?:is|are|was|be) over\b/, 'closes, has ended, expires'],
  [/(?<!\ba )\bsave (?:for|with|what|where|that|by)\b/, 'except'],
  [/\banew\b/, 'again'],
  [/\bstrangers?\b/, 'unknown names, other people'],
  [/\b(?:that|who|which) (?:is|are) none\b|\bthat is not one\b/, 'an invalid value'],
  [/\bas one would\b/, 'as a single instance would'],
]

/** Uses that are right as they are. */
const ALLOWED: readonly RegExp[] = [/\bturn(?:s|ed)? (?:a|an|the|it|[a-z-]+) (?:\w+ ){0,3}(?:in)?to\b/]

/** Of a page: without code, link targets and anchors, which hold names and no sentences. */
function pageProse(text: string): string {
  return text
    .replaceAll(/^ *```[\s\S]*?^ *```/gm, '')
    .replaceAll(/`[^`\n]*`/g, '`…`')
    .replaceAll(/\]\([^)]*\)/g, ']')
}

/** Of a file of settings: its comments. */
function commentProse(text: string): string {
  return text.replaceAll(/^(?!\s*#).*$/gm, '')
}

/** Of an OpenAPI document: what a reader of it meets. */
function openApiProse(text: string): string {
  return (text.match(/"(?:title|summary|description|detail|advice)": "(?:[^"\\]|\\.)*"/g) ?? [])
    .map((member) => member.slice(member.indexOf(': ')))
    .join('\n')
}

/** Of a source: its quoted strings of three words or more, outside of comments. Templates of SQL are left out. */
function literalProse(text: string): string {
  const code = text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  return (code.match(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`[^`\n]*`/g) ?? [])
    .filter(
      (literal) => /\w \S+ \w/.test(literal) && !/\b(?:select|insert|update|delete|create) /.test(literal),
    )
    .map((literal) => literal.replaceAll(/\$\{[^}]*\}/g, '…'))
    .join('\n')
}

function ticsOf({ name, prose }: PublicText): string[] {
  return prose.split('\n').flatMap((line) => {
    const checked = ALLOWED.reduce((rest, use) => rest.replaceAll(new RegExp(use, 'gi'), ''), line)
    return TICS.flatMap(([tic, instead]) => {
      const found = new RegExp(tic, 'i').exec(checked)
      return found ? [`${name}: "${found[0]}" → ${instead}: ${line.slice(0, 200)}`] : []
    })
  })
}

/** Another kind of public text is another entry here. */
function publicTexts(): PublicText[] {
  const read = (name: string) => readFileSync(join(repository, name), 'utf8')
  const top = readdirSync(repository)
  const below = readdirSync(join(repository, 'docs'), { recursive: true, encoding: 'utf8' })
  const pages = [...top, ...below.map((name) => join('docs', name))].filter((name) => name.endsWith('.md'))
  const settings = ['.env.example', 'compose.yaml', 'deploy/kubernetes.yaml']
  const sources = readdirSync(join(repository, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join('src', name))
  const documents = ['openapi/openapi.json', 'openapi/flow-step.json']
  return [
    ...documents.map((name) => ({ name, prose: openApiProse(read(name)) })),
    ...sources.map((name) => ({ name, prose: literalProse(read(name)) })),
    ...pages.map((name) => ({ name, prose: pageProse(read(name)) })),
    ...settings.map((name) => ({ name, prose: commentProse(read(name)) })),
  ]
}

test('the documents are in plain English', () => {
  const texts = publicTexts()
  assert.ok(texts.length > 40, 'the search for documents has gone blind')
  assert.deepEqual(texts.flatMap(ticsOf), [])
})

test('what users meet from the software is in plain English', () => {
  const found = (prose: string) => ticsOf({ name: 'a text', prose }).length
  assert.equal(found(openApiProse('"description": "No door here."')), 1)
  assert.equal(found(literalProse("const detail = 'It was mended by hand.' // a door")), 1)
})

test('a tic is found in prose, and not in code, addresses or allowed uses', () => {
  const found = (prose: string) => ticsOf({ name: 'a text', prose }).length
  assert.equal(found('Whoever mends it is told so.'), 3)
  assert.equal(found(pageProse('See `door.ts` and [the endpoint](src/door.ts).')), 0)
  assert.equal(found(pageProse('```sh\nopen the door\n```')), 0)
  assert.equal(found('The file turns a reply into one of five errors.'), 0)
  assert.equal(found('The process turns.'), 1)
  assert.equal(found(commentProse('# Which door\nDOOR=1')), 1)
})

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startSandbox } from '../../sandbox/index.ts'
import { makeOwnFields } from '../../sandbox/own-fields.ts'

const MAIN = fileURLToPath(new URL('../../sandbox/main.ts', import.meta.url))
const FILE = {
  add: [
    { marketo: 'tier', lead: 'new_tier', values: { Best: 1, Good: 2, Fine: 2 }, otherwise: 9 },
    { marketo: 'newsletter', contact: 'new_newsletter', values: { Yes: true, No: false } },
    { marketo: 'country', lead: 'new_land', values: { DE: 'Germany' }, direction: 'on-create' },
    { marketo: 'founded', lead: 'new_founded', type: 'date' },
    { marketo: 'title', lead: 'jobtitle' },
    { marketo: 'partner', lead: 'new_partner', target: 'account' },
    { marketo: 'id', lead: 'new_marketoid', direction: 'to-dynamics' },
  ],
  stamp: { lead: 'new_stamp' },
}

test('a field selection gets the fields and columns that it needs, and a sentence for what cannot be made', async () => {
  await using sandbox = await startSandbox()
  const sentences = makeOwnFields(sandbox, JSON.stringify(FILE))
  assert.deepEqual(sentences, [
    'Made tier in Marketo (string).',
    'Made new_tier of a lead in Dynamics (Picklist).',
    'Made newsletter in Marketo (string).',
    'Made new_newsletter of a contact in Dynamics (Boolean).',
    'Made new_land of a lead in Dynamics (String).',
    'Made founded in Marketo (date).',
    'Made new_founded of a lead in Dynamics (DateTime).',
    'Made partner in Marketo (string).',
    'new_partner of a lead cannot be made: name a look-up that the table has.',
    'Made new_marketoid of a lead in Dynamics (String).',
    'Made new_stamp of a lead in Dynamics (String).',
  ])
  const { columns } = sandbox.dataverse.organisation.tables.get('lead') ?? {}
  assert.deepEqual(columns?.get('new_tier')?.options, [
    { value: 1, label: 'Best' },
    { value: 2, label: 'Good' },
    { value: 9, label: 'Otherwise' },
  ])
  assert.deepEqual(makeOwnFields(sandbox, JSON.stringify(FILE)), [sentences[8]], 'what is there stays')
})

for (const file of ['{', '[]', '{"add":7,"stamp":[]}', '{"add":[null,{"marketo":1,"type":"x","lead":2}]}']) {
  test(`what is wrong with ${file} is left for the service to say`, async () => {
    await using sandbox = await startSandbox()
    assert.deepEqual(makeOwnFields(sandbox, file), [])
  })
}

const FIELDS = /\nFields:\n\n(?: {2}.+\n)+\n/
const PATIENCE_MS = 90_000
// Every test file that starts a sandbox has ports of its own: files run at the same time.
const PORT = '8200'

/** What the command prints until it prints `end`, or all of it. */
async function output(args: readonly string[], end: RegExp): Promise<string> {
  const child = spawn(process.execPath, [MAIN, '--port', PORT, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: PATIENCE_MS,
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (end.test(said)) child.kill('SIGTERM')
    })
  }
  await new Promise((resolve) => child.once('close', resolve))
  return said
}

test('npm run sandbox -- --fields FILE starts with the selection and says what does not travel', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'own-fields-'))
  try {
    const path = join(directory, 'fields.json')
    await writeFile(
      path,
      JSON.stringify({ add: FILE.add.slice(5, 6), rules: { leadSource: { values: { Fair: 77 } } } }),
    )
    const refused = await output(['--fields', path], FIELDS)
    assert.match(
      refused,
      /leadSource on a lead, "values": "Fair" stands for 77, which leadsourcecode does not take\./,
    )

    await writeFile(path, JSON.stringify({ add: FILE.add.slice(4, 6), restrict: { title: 'exclude' } }))
    const said = await output(['--fields', path], FIELDS)
    const [, notes = ''] = said.split('\nFields:\n')
    assert.deepEqual(
      notes
        .trim()
        .split('\n')
        .map((line) => line.trim()),
      [
        'Made partner in Marketo (string).',
        'new_partner of a lead cannot be made: name a look-up that the table has.',
        'partner (new_partner of a lead): column-missing. Add new_partner to the table in Dynamics, or exclude the field.',
      ],
    )
  } finally {
    await rm(directory, { recursive: true })
  }
})

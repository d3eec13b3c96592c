import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lab } from './lab.ts'
import { linkedPair, SETTLED_CYCLES, someValues } from './pairs.ts'

const TITLE = 'jobtitle'
/** More than Dynamics gives in two pages. */
const ROWS = 65

/** The n-th verb from now on is the process's last one. */
function diesAt(lab: Lab, verb: number, happens: () => void = () => {}): void {
  let verbs = 0
  lab.diesHere = () => {
    verbs += 1
    if (verbs === verb) happens()
    return verbs === verb
  }
}

/** Once for each verb at which the process can die; `run` gives whether it has died. */
async function atEachVerb(run: (verb: number) => Promise<boolean>): Promise<number> {
  let verb = 1
  while (await run(verb)) verb += 2
  return verb
}

test('a row that is deleted after a full read was broken off is missed in the next one', async () => {
  const verbs = await atEachVerb(async (verb) => {
    using lab = new Lab({ seed: 1 })
    const { row, person } = await linkedPair(lab, 'contact')
    lab.dynamics.expireTokens()
    diesAt(lab, verb)
    await lab.cycles(1)
    lab.diesHere = () => false
    if (lab.crashes === 0) return false
    lab.humans.removeRow(row)
    lab.dynamics.expireTokens()
    await lab.cycles(SETTLED_CYCLES)
    assert.equal(person.fields.microsoftIsDeleted, true, `died at verb ${verb}`)
    return true
  })
  assert.ok(verbs > 20, `${verbs} verbs`)
})

test('a column that is opened again while a full read is broken off is compared anew', async () => {
  const verbs = await atEachVerb(async (verb) => {
    using lab = new Lab({ seed: 1 })
    const { person } = await linkedPair(lab, 'contact')
    lab.dynamics.secure(TITLE, true)
    lab.humans.editPerson(person.id, 'title', 'm1')
    diesAt(lab, verb, () => lab.dynamics.secure(TITLE, false))
    await lab.cycles(2)
    lab.diesHere = () => false
    if (lab.crashes === 0) return false
    // The next page of rows shows that it is open.
    await linkedPair(lab, 'contact', 'b1')
    assert.deepEqual(lab.records.differences(), [], `died at verb ${verb}`)
    assert.equal(person.fields.title, 'm1')
    return true
  })
  assert.ok(verbs > 20, `${verbs} verbs`)
})

test('a column that is secured when a cursor is too old, and opened in the midst of the full read, loses no edit', async () => {
  const verbs = await atEachVerb(async (verb) => {
    using lab = new Lab({ seed: 1 })
    const rows = Array.from({ length: ROWS }, (_, place) =>
      lab.humans.row('contact', someValues(`a${place}`)),
    )
    await lab.cycles(SETTLED_CYCLES)
    const people = rows.flatMap(({ id }) => lab.marketo.find('microsoftRecordId', id))
    lab.dynamics.expireTokens()
    lab.diesHere = (point) => point === 'before changes.start'
    await lab.cycles(1)
    assert.equal(lab.crashes, 1)
    lab.dynamics.secure(TITLE, true)
    for (const { id } of people) lab.humans.editPerson(id, 'title', `m${id}`)
    diesAt(lab, verb, () => lab.dynamics.secure(TITLE, false))
    await lab.cycles(1)
    lab.diesHere = () => false
    if (lab.crashes === 1) return false
    // The next page of rows shows that it is open.
    lab.humans.row('contact', someValues('b1'))
    await lab.cycles(SETTLED_CYCLES)
    assert.deepEqual(lab.records.differences(), [], `died at verb ${verb}`)
    for (const { id, fields } of people) assert.equal(fields.title, `m${id}`)
    return true
  })
  assert.ok(verbs > 20, `${verbs} verbs`)
})

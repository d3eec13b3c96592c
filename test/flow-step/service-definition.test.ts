import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { outgoingFields, serviceDefinition, wireNames } from '../../src/flow-step/service-definition.ts'
import { LOCALES } from '../../src/flow-step/words.ts'
import { defaultSelection, parseSelection } from '../../src/person/selection.ts'
import { conforms } from './conforms.ts'

const definition = serviceDefinition(defaultSelection())
const { invocationPayloadDef: asked, callbackPayloadDef: answered } = definition

/** Name to type, for each place of the definition in which customers keep names. */
function published({ invocationPayloadDef: asks, callbackPayloadDef: answers, ...rest }: typeof definition) {
  const attributes = (list: readonly { apiName: string; dataType: string }[]) =>
    Object.fromEntries(list.map(({ apiName, dataType }) => [apiName, dataType]))
  const fields = (list: readonly { serviceAttribute: string; dataType: string }[]) =>
    Object.fromEntries(list.map(({ serviceAttribute, dataType }) => [serviceAttribute, dataType]))
  return {
    service: { apiName: rest.apiName, primaryAttribute: rest.primaryAttribute },
    flowAttributes: attributes(asks.flowAttributes),
    outgoingFields: fields(asks.fields),
    callbackAttributes: attributes(answers.attributes),
    incomingFields: fields(answers.fields),
  }
}

test('nothing that was published has changed or gone: customers would have to install the service anew', () => {
  const kept = readFileSync(new URL('published-definition.json', import.meta.url), 'utf8')
  assert.partialDeepStrictEqual(published(definition), JSON.parse(kept))
})

test('it fits the schema that the install document shows', () => {
  conforms('serviceDefinition', definition)
})

test('names are unique, none is on both sides, and none is one that Marketo keeps for itself', () => {
  const attributes = [...asked.flowAttributes, ...answered.attributes].map(({ apiName }) => apiName)
  const fields = [...asked.fields, ...answered.fields].map(({ serviceAttribute }) => serviceAttribute)
  const names = [...attributes, ...fields]
  assert.equal(new Set(names).size, names.length)
  for (const reserved of ['success', 'reason', 'errorCode']) assert(!attributes.includes(reserved), reserved)
  assert(!fields.includes('id'))
})

test('the primary attribute is one of the flow step', () => {
  assert(asked.flowAttributes.some(({ apiName }) => apiName === definition.primaryAttribute))
})

test('Sync As takes its choices only, Assign To anything', () => {
  assert.deepEqual(
    asked.flowAttributes.map(({ apiName, hasPicklist, enforcePicklistSelect }) => [
      apiName,
      hasPicklist,
      enforcePicklistSelect,
    ]),
    [
      ['syncAs', true, true],
      ['assignTo', true, false],
    ],
  )
})

test('every text is there in every language', () => {
  const texts: [string, object][] = [
    ['service', definition.i18n],
    ...[...asked.flowAttributes, ...answered.attributes].map(({ apiName, i18n }): [string, object] => [
      apiName,
      i18n,
    ]),
    ...[...asked.fields, ...answered.fields].map(({ serviceAttribute, description }): [string, object] => [
      serviceAttribute,
      description,
    ]),
  ]
  for (const [name, i18n] of texts) {
    assert.deepEqual(Object.keys(i18n), LOCALES, name)
    assert.doesNotMatch(JSON.stringify(i18n), /""|undefined/, name)
  }
  for (const locale of LOCALES) {
    assert.deepEqual(Object.keys(definition.i18n[locale]), [
      'name',
      'filterName',
      'triggerName',
      'description',
    ])
  }
  for (const part of ['name', 'filterName', 'triggerName', 'description'] as const) {
    assert.equal(new Set(LOCALES.map((locale) => definition.i18n[locale][part])).size, LOCALES.length, part)
  }
})

test('what comes back fits the fields that the set-up makes', () => {
  assert.deepEqual(
    answered.fields.map(({ serviceAttribute, suggestedMarketoAttribute }) => [
      serviceAttribute,
      suggestedMarketoAttribute,
    ]),
    [
      ['microsoftRecordId', 'microsoftRecordId'],
      ['microsoftType', 'microsoftType'],
    ],
  )
})

function selectionOf(file: object) {
  const { selection } = parseSelection(JSON.stringify(file))
  assert(selection)
  return selection
}

test('the outgoing fields are those of the selection that travel to Dynamics, each once', () => {
  const fields = outgoingFields(
    selectionOf({ select: ['lastName', 'email', 'company', 'leadStatus', 'fax'] }),
  )
  assert.deepEqual(
    fields.map(({ marketo, description }) => [marketo, description.en_US]),
    [
      ['lastName', 'Written to lead.lastname, contact.lastname of a new record.'],
      ['email', 'Written to lead.emailaddress1, contact.emailaddress1 of a new record.'],
      ['fax', 'Written to lead.fax of a new record.'],
      ['company', 'Written to lead.companyname of a new record.'],
    ],
  )
})

test('the e-mail is asked for even if it does not travel: people are found by it', () => {
  const fields = outgoingFields(selectionOf({ select: ['lastName'] }))
  assert.deepEqual(
    fields.map(({ marketo, description }) => [marketo, description.en_US]),
    [
      ['lastName', 'Written to lead.lastname, contact.lastname of a new record.'],
      ['email', 'Used to find the person in Dynamics.'],
    ],
  )
})

test('a field whose name is taken goes by another on the wire', () => {
  const add = ['success', 'syncAs', 'outcome'].map((marketo) => ({
    marketo,
    lead: `new_${marketo.toLowerCase()}`,
    type: 'string',
  }))
  const selection = selectionOf({ select: [], add })
  assert.deepEqual(
    outgoingFields(selection).map(({ serviceAttribute, marketo }) => [serviceAttribute, marketo]),
    [
      ['person_success', 'success'],
      ['person_syncAs', 'syncAs'],
      ['person_outcome', 'outcome'],
      ['email', 'email'],
    ],
  )
})

test('the id comes without being asked for, and counts as a field only where it travels', () => {
  const add = [{ marketo: 'id', lead: 'new_marketoid', type: 'integer', direction: 'to-dynamics' }]
  const selection = selectionOf({ select: [], add })
  assert.deepEqual(
    outgoingFields(selection).map(({ marketo }) => marketo),
    ['email'],
  )
  assert.equal(wireNames(selection).get('id'), 'id')
  assert.equal(wireNames(defaultSelection()).get('id'), undefined)
})

test('each type of Marketo’s becomes one of the interface’s', () => {
  const types = [
    'string',
    'text',
    'integer',
    'float',
    'boolean',
    'date',
    'datetime',
    'email',
    'phone',
    'url',
  ].concat(['currency', 'percent', 'score'])
  const add = types.map((type) => ({ marketo: `my_${type}`, lead: `new_${type}`, type }))
  const { fields } = serviceDefinition(selectionOf({ select: [], add })).invocationPayloadDef
  assert.deepEqual(
    fields.slice(0, types.length).map(({ dataType }) => dataType),
    ['string', 'text', 'integer', 'float', 'boolean', 'date', 'datetime', 'email', 'string', 'url'].concat([
      'float',
      'integer',
      'score',
    ]),
  )
})

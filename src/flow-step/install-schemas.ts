/**
 * What goes over the wire, for the install document. Members and their names are Adobe's: "Self-Service Flow Steps"
 * (service provider interface 1.0.0).
 */

const text = (description: string) => ({ type: 'string', description })
const flag = (description: string) => ({ type: 'boolean', description })
const list = (of: object, description: string) => ({ type: 'array', items: of, description })
const anything = (description: string) => ({ type: 'object', additionalProperties: true, description })
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const object = (properties: Record<string, object>, required: readonly string[] = [], more: object = {}) => ({
  type: 'object',
  properties,
  ...(required.length > 0 && { required }),
  ...more,
})

const invocation = {
  async: object(
    {
      token: text('Authorises the one callback of this chunk, and identifies a chunk that is sent again.'),
      batchid: text('Run of the campaign.'),
      apiCallBackKey: text('Returned as x-api-key of the callback.'),
      campaignId: { type: 'integer', format: 'int32', description: 'The campaign with the flow step.' },
      callbackUrl: { type: 'string', format: 'uri', description: 'Address of the callback.' },
      context: ref('context'),
      objectData: list(ref('objectData'), 'The people.'),
    },
    ['campaignId', 'callbackUrl'],
  ),
  context: object(
    {
      subscription: object(
        {
          munchkinId: text('Identifies the Marketo instance; the callback returns it.'),
          prefix: text('Name of the customer in Marketo.'),
          crmSyncStatus: text('State of Marketo’s own CRM sync.'),
        },
        ['munchkinId'],
      ),
      admin: anything('Global attributes; this service has none.'),
      campaign: anything('Id, name and type are kept for the activity log.'),
      program: anything('Id and name are kept for the activity log. Empty outside a program.'),
    },
    ['subscription'],
  ),
  objectData: object(
    {
      objectType: { type: 'string', enum: ['lead'] },
      objectContext: ref('leadData'),
      flowStepContext: anything('The person’s values of syncAs and assignTo.'),
      programMemberContext: anything('Not used.'),
      triggeringContext: anything('What started a trigger campaign. Empty in a batch campaign.'),
    },
    ['objectType', 'objectContext'],
  ),
  leadData: object({ id: { type: 'integer', format: 'int64', description: 'Marketo id.' } }, ['id'], {
    additionalProperties: true,
    description: 'One person: the id, and the mapped fields by the names of the service definition.',
  }),
}

const callback = {
  flowCallBack: object(
    {
      munchkinId: text('As received.'),
      objectData: list(ref('callbackData'), 'Every person of the chunk.'),
      errorCode: text('Set only when the chunk as a whole failed.'),
      errorMessage: text('Why.'),
    },
    ['munchkinId'],
  ),
  callbackData: object(
    {
      leadData: ref('leadData'),
      activityData: object(
        {
          success: flag('Whether the person is in Dynamics.'),
          reason: text('Why the person is not in Dynamics.'),
          errorCode: text('The failure code.'),
        },
        [],
        { additionalProperties: true, description: 'With the attributes of the service definition.' },
      ),
    },
    ['leadData'],
  ),
}

const definition = {
  i18nString: object({ en_US: { type: 'string' } }, ['en_US'], {
    additionalProperties: { type: 'string' },
    description: 'One text for each language, by locale.',
  }),
  fieldType: {
    type: 'string',
    enum: ['boolean', 'integer', 'date', 'datetime', 'email', 'float', 'score', 'string', 'url', 'text'],
  },
  attributeTexts: object({ name: text('Label.'), description: text('Help.') }),
  attribute: object(
    {
      apiName: text('Name in requests and callbacks.'),
      i18n: object({ en_US: ref('attributeTexts') }, ['en_US'], {
        additionalProperties: ref('attributeTexts'),
      }),
      dataType: ref('fieldType'),
      hasPicklist: flag('Whether getPicklist has choices for it.'),
      enforcePicklistSelect: flag('Whether only a listed choice may be entered.'),
    },
    ['apiName', 'i18n', 'dataType'],
  ),
  fieldMapping: object(
    {
      serviceAttribute: text('Name in requests and callbacks.'),
      suggestedMarketoAttribute: text('Field that Marketo preselects if name and type match.'),
      description: ref('i18nString'),
      dataType: ref('fieldType'),
      required: flag('Whether it must be mapped.'),
    },
    ['serviceAttribute', 'description', 'dataType'],
  ),
  serviceDefinition: object(
    {
      apiName: text('Name of service and activity.'),
      i18n: anything('Names of the step, its filter and its trigger, by locale.'),
      primaryAttribute: text('The flow attribute that the activity is about.'),
      invocationPayloadDef: object({
        globalAttributes: list(ref('attribute'), 'None.'),
        flowAttributes: list(ref('attribute'), 'Attributes that are set in the flow step.'),
        fields: list(ref('fieldMapping'), 'Fields that are sent to Dynamics.'),
        headers: list(anything('A header.'), 'None.'),
        userDrivenMapping: flag('false: the service defines the fields.'),
        programContext: flag('Whether Marketo sends the program.'),
        campaignContext: flag('Whether Marketo sends the campaign.'),
        triggerContext: flag('Whether Marketo sends the trigger.'),
        programMemberContext: flag('Whether Marketo sends the membership.'),
        subscriptionContext: flag('Whether Marketo sends the instance’s identifiers.'),
        myTokenContext: list({ type: 'string' }, 'None.'),
      }),
      callbackPayloadDef: object({
        attributes: list(ref('attribute'), 'Attributes of the activity.'),
        fields: list(ref('fieldMapping'), 'Fields that are written to the person.'),
        userDrivenMapping: flag('false: the service defines the fields.'),
      }),
    },
    ['apiName', 'i18n', 'primaryAttribute', 'invocationPayloadDef', 'callbackPayloadDef'],
  ),
}

const operation = {
  serviceStatus: object({
    info: list({ type: 'string' }, 'Checks that passed.'),
    warnings: list({ type: 'string' }, 'Conditions that may need attention.'),
    errors: list({ type: 'string' }, 'Checks that failed.'),
    deprecationMessage: text('Only while the service is being retired.'),
    deprecationDate: {
      type: 'string',
      format: 'date-time',
      description: 'The service is retired from this date.',
    },
  }),
  getPicklistRequest: object(
    {
      name: text('The attribute.'),
      type: { type: 'string', enum: ['flow', 'global', 'header'] },
      fieldMappingContext: anything('The customer’s mappings; not used.'),
    },
    ['name', 'type'],
  ),
  picklistObject: object(
    {
      choices: list(
        object(
          {
            displayValue: ref('i18nString'),
            submittedValue: text('The value that is sent when the choice is selected.'),
          },
          ['displayValue', 'submittedValue'],
        ),
        'At most 1,000.',
      ),
    },
    ['choices'],
  ),
}

export const installSchemas = { ...invocation, ...callback, ...definition, ...operation }

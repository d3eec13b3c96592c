import { Type } from 'typebox'
import { PREVIEW_ACTIONS, WAYS } from './control.ts'
import { oneOf, RecordId, RecordType } from './schemas.ts'

/** What the preview and the field report give. */

const Actions = Type.Object({ create: Type.Integer(), link: Type.Integer(), update: Type.Integer() })
const perRecordType = Type.Object({ lead: Actions, contact: Actions })

export const SyncPreview = Type.Object(
  {
    streams: Type.Array(
      Type.Object({
        stream: Type.String(),
        changes: Type.Integer({ description: 'Entries that were examined.' }),
        more: Type.Boolean({
          description: 'The stream has more entries: the counts cover only the first of them.',
        }),
      }),
    ),
    counts: Type.Object({ toDynamics: perRecordType, toMarketo: perRecordType }),
    items: Type.Array(
      Type.Object({
        way: oneOf(WAYS),
        action: oneOf(PREVIEW_ACTIONS, { description: 'link: linked to an existing person.' }),
        recordType: RecordType,
        recordId: RecordId,
        marketoId: Type.Optional(Type.Integer()),
        fields: Type.Array(Type.String(), { description: "Marketo's REST names; never a value." }),
      }),
      { description: 'The first items.' },
    ),
  },
  {
    $id: 'SyncPreview',
    examples: [
      {
        streams: [{ stream: 'marketo-changes', changes: 4, more: false }],
        counts: {
          toDynamics: { lead: { create: 0, link: 0, update: 1 }, contact: { create: 0, link: 0, update: 0 } },
          toMarketo: { lead: { create: 1, link: 0, update: 0 }, contact: { create: 0, link: 0, update: 0 } },
        },
        items: [
          {
            way: 'toDynamics',
            action: 'update',
            recordType: 'lead',
            recordId: '6f1c0d5e-0c1f-5c43-9d0a-3b8c5f1b2a10',
            marketoId: 4711,
            fields: ['title', 'phone'],
          },
        ],
      },
    ],
  },
)

const Reached = Type.Object({
  reached: Type.Boolean(),
  code: Type.Optional(Type.String()),
  advice: Type.Optional(Type.String({ description: 'Why it could not be reached, and what to do.' })),
})
const DIRECTIONS = ['both', 'to-dynamics', 'to-marketo', 'on-create'] as const
const verdict = {
  state: oneOf(['ok', 'narrowed', 'set-aside', 'unknown'], {
    description:
      'narrowed: synced, but not as selected, for example in one direction or without some values · set-aside: not synced · unknown: a side could not be reached.',
  }),
  code: Type.Optional(
    Type.String({
      description: 'Why it is narrowed or set aside, or a note about it; see docs/codes.md.',
    }),
  ),
  advice: Type.Optional(Type.String()),
  marketo: Type.Optional(
    Type.Object({ type: Type.String(), length: Type.Optional(Type.Integer()), updateable: Type.Boolean() }),
  ),
}
const MarketoName = Type.String({ description: "Marketo's REST name." })
const DynamicsValue = Type.Union([Type.String(), Type.Number(), Type.Boolean()])
const FieldLine = Type.Object({
  field: MarketoName,
  column: Type.String({ description: "Dynamics' logical name." }),
  selected: oneOf(DIRECTIONS, { description: 'The selected direction.' }),
  direction: Type.Optional(oneOf(DIRECTIONS, { description: 'The direction in which it is synced.' })),
  onInvalid: oneOf(['fail', 'omit'], {
    description:
      'Effect of a value that does not fit: fail rejects a new person, omit creates the record without it.',
  }),
  values: Type.Optional(
    Type.Array(Type.Object({ marketo: Type.String(), dynamics: DynamicsValue }), {
      description: "Marketo's words and what they stand for in Dynamics.",
    }),
  ),
  otherwise: Type.Optional(
    Type.Unsafe<string | number | boolean>({
      ...DynamicsValue,
      description: 'Treatment of other values: omit, fail, or the value that they are replaced with.',
    }),
  ),
  ...verdict,
  dynamics: Type.Optional(
    Type.Object({
      type: Type.String(),
      length: Type.Optional(Type.Integer()),
      required: Type.Boolean({ description: 'Business or system required.' }),
      updateable: Type.Boolean(),
    }),
  ),
})

export const SyncFields = Type.Object(
  {
    marketo: Reached,
    dynamics: Reached,
    fields: Type.Object({ lead: Type.Array(FieldLine), contact: Type.Array(FieldLine) }),
    systemFields: Type.Array(Type.Object({ field: MarketoName, ...verdict }), {
      description: 'Fields that the service itself fills in Marketo; npm run setup creates them.',
    }),
  },
  {
    $id: 'SyncFields',
    examples: [
      {
        marketo: { reached: true },
        dynamics: { reached: true },
        fields: {
          lead: [
            {
              field: 'title',
              column: 'jobtitle',
              selected: 'both',
              direction: 'both',
              onInvalid: 'fail',
              state: 'ok',
              marketo: { type: 'string', length: 255, updateable: true },
              dynamics: { type: 'String', length: 100, required: false, updateable: true },
            },
          ],
          contact: [],
        },
        systemFields: [
          {
            field: 'microsoftType',
            state: 'ok',
            marketo: { type: 'string', length: 255, updateable: true },
          },
        ],
      },
    ],
  },
)

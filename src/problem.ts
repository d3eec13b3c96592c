import type { Static } from 'typebox'
import { Type } from 'typebox'

/** What every error answer looks like: RFC 9457 with a stable machine code. */
export const Problem = Type.Object(
  {
    type: Type.Literal('about:blank'),
    title: Type.String({ description: 'The status in words.' }),
    status: Type.Integer(),
    detail: Type.String({ description: 'What is wrong with this request, in plain text.' }),
    code: Type.String({ description: 'Stable machine code, kebab-case.' }),
    requestId: Type.Optional(
      Type.String({ description: 'Identifies the request in the log of the service.' }),
    ),
    field: Type.Optional(Type.String({ description: 'The member or column at fault.' })),
    advice: Type.Optional(Type.String({ description: 'What to do next.' })),
    outcome: Type.Optional(
      Type.Literal('failed', { description: 'Only if Dynamics or one of its rules rejected the person.' }),
    ),
  },
  {
    $id: 'Problem',
    examples: [
      {
        type: 'about:blank',
        title: 'Bad Request',
        status: 400,
        detail: 'The body has an unknown member "force".',
        code: 'unknown-member',
        requestId: '0b7a3a52-6a4c-4b0f-9f0e-0d2f1f6a7c11',
        field: 'force',
      },
    ],
  },
)
export type Problem = Static<typeof Problem>

/** An OpenAPI response of this shape, for a route's `schema.response`. */
export function problemResponse(description: string) {
  return { description, content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } } }
}

interface RefusalDetail {
  field?: string
  advice?: string
  retryAfterMs?: number
}

/**
 * An answer as an error, for whoever refuses a request at an endpoint.
 * The message becomes the answer's `detail` and may reach the log: no person's data in it.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly status: number
  readonly code: string
  readonly field: string | undefined
  readonly advice: string | undefined
  /** When to send the same again. */
  readonly retryAfterMs: number | undefined
  constructor(status: number, code: string, detail: string, more: RefusalDetail = {}) {
    super(detail)
    this.status = status
    this.code = code
    this.field = more.field
    this.advice = more.advice
    this.retryAfterMs = more.retryAfterMs
  }
}

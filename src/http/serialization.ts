import SerializerSelector from '@fastify/fast-json-stringify-compiler'

const buildAtOnce = SerializerSelector()

/**
 * As Fastify's own, but a serializer is built when its answer is first sent: a start need not wait for those of answers
 * that most processes never give.
 */
export const buildSerializer: typeof buildAtOnce = (sharedSchemas, options) => {
  const build = buildAtOnce(sharedSchemas, options)
  return (answer) => {
    let serialize: ReturnType<typeof build> | undefined
    return (payload) => {
      serialize ??= build(answer)
      return serialize(payload)
    }
  }
}

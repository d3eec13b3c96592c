import SerializerSelector from '@fastify/fast-json-stringify-compiler'

const buildAtOnce = SerializerSelector()

/**
 * Like Fastify's own, but builds a serializer when its answer is first sent: most processes never send most of them, and
 * start sooner.
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

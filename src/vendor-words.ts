/** What reaches people of a vendor's message. */
const WORDS_MAX = 500
/** A plug-in's message with all its traces was seen to have 60 KB. */
const MESSAGE_MAX = 65_536

/**
 * A vendor's own words for people: the text without markup, control characters, exception names and stack traces,
 * its first 500 characters. undefined when nothing is left. May hold a person's data: never to be logged.
 * Takes time in proportion to the message, whatever it is made of.
 */
export function wordsOf(message: string): string | undefined {
  const text = withoutTrace(message.slice(0, MESSAGE_MAX))
    .replace(/<[^<>]*>/g, ' ')
    .replace(/&(?:lt|gt|amp|quot|apos|#39|nbsp);/gi, (entity) => ENTITIES[entity.toLowerCase()] ?? ' ')
    .replace(/[<>]/g, ' ')
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .replace(/^Exception Message: ?/i, '')
    .replace(/^(?:[A-Za-z_]\w*\.)+\w*(?:Exception|Fault)\b:? */, '')
  return text === '' ? undefined : shorten(text)
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&lt;': ' ',
  '&gt;': ' ',
  '&amp;': '&',
  '&quot;': '"',
  '&apos;': "'",
  '&#39;': "'",
}

/** Up to the first frame of .NET's stack trace, or the first label of Dataverse's own report. */
function withoutTrace(message: string): string {
  const at = message.search(
    /\sat [\w.\x60+<>[\],]+\(|--- End of |\bStack ?Trace\b|\bErrorCode: ?-?\d|\bHexErrorCode:|\bHelpLink:|\bTraceText:|\bActivity ?Id:/i,
  )
  return at < 0 ? message : message.slice(0, at)
}

/** Cuts no character in two. */
function shorten(text: string): string {
  if (text.length <= WORDS_MAX) return text
  return `${text.slice(0, WORDS_MAX - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}

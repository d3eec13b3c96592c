/** One setting's text to its value. A text that cannot be read adds a sentence and yields undefined. */

export type Problems = string[]

/** A file that a variable names, as it was found. `error` is Node's code, such as ENOENT. */
export type NamedFile = { path: string; text: string } | { path: string; error: string }

const API_KEY_LENGTH_MIN = 32
/** A random secret of that length has more, also one of hexadecimal digits. */
const API_KEY_CHARACTERS_MIN = 8

export function readInteger(
  name: string,
  text: string | undefined,
  range: { default: number; min: number; max: number },
  problems: Problems,
): number {
  if (text === undefined) return range.default
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (value >= range.min && value <= range.max) return value
  problems.push(`${name} is not a whole number from ${range.min} to ${range.max}.`)
  return range.default
}

export function readChoice<T extends string>(
  name: string,
  text: string | undefined,
  choices: readonly T[],
  fallback: T,
  problems: Problems,
): T {
  if (text === undefined) return fallback
  const chosen = choices.find((choice) => choice === text)
  if (chosen === undefined) problems.push(`${name} is not one of ${choices.join(', ')}.`)
  return chosen ?? fallback
}

/** `https://host[:port]`, or plain http on this machine: anything else would send secrets in the clear. */
export function readOrigin(name: string, text: string, problems: Problems): string {
  const url = URL.parse(text)
  const extra = url && (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '')
  if (!url || extra || !/^https?:$/.test(url.protocol)) {
    problems.push(`${name} is not an origin such as https://example.com, without path, query or user.`)
    return text
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    problems.push(`${name} uses plain http, which is accepted for loopback addresses only; use https.`)
  }
  return url.origin
}

/** As the URL parser writes it: every spelling of 127.0.0.1 comes out as dotted decimals. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
}

/** `name:secret` pairs, separated by commas or line breaks. The sentences count the pairs and never quote a secret. */
export function readApiKeys(text: string, problems: Problems): { name: string; secret: string }[] {
  const keys: { name: string; secret: string }[] = []
  for (const [index, pair] of text.split(/[,\n]/).entries()) {
    const [, name = '', secret = ''] = /^\s*([\w.-]+):(\S+)\s*$/.exec(pair) ?? []
    const which = `API_KEYS, pair ${index + 1}`
    if (name === '') {
      problems.push(`${which} is not name:secret, with a name of letters, digits, dots and dashes.`)
    } else if (secret.length < API_KEY_LENGTH_MIN) {
      problems.push(
        `${which} (${name}) has a secret of fewer than ${API_KEY_LENGTH_MIN} characters; make one with: openssl rand -hex 32`,
      )
    } else if (isGuessable(secret)) {
      problems.push(
        `${which} (${name}) has a secret that can be guessed: it has fewer than ${API_KEY_CHARACTERS_MIN} different characters, or repeats one piece; make one with: openssl rand -hex 32`,
      )
    } else if (keys.some((key) => key.name === name)) {
      problems.push(`${which} repeats the name ${name}; give every key a name of its own.`)
    } else if (keys.some((key) => key.secret === secret)) {
      problems.push(`${which} (${name}) repeats the secret of another key.`)
    } else keys.push({ name, secret })
  }
  return keys
}

function isGuessable(secret: string): boolean {
  // Only what repeats one piece is found in twice itself before its end.
  const repeatsPiece = `${secret}${secret}`.indexOf(secret, 1) < secret.length
  return repeatsPiece || new Set(secret).size < API_KEY_CHARACTERS_MIN
}

/** A sentence for each stranger who is most likely a misspelling. */
export function misspellings(strangers: readonly string[], known: readonly string[]): string[] {
  return strangers.flatMap((name) => {
    const meant = suggestName(name, known)
    return meant === undefined ? [] : [`${name} is not a variable of this service; ${meant} is.`]
  })
}

/** The known name that a stranger is most likely a misspelling of: at most two edits away. */
function suggestName(stranger: string, known: readonly string[]): string | undefined {
  return known.find((name) => editDistance(stranger, name) <= 2)
}

/** Insertions, deletions and substitutions between two short words (Levenshtein). */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...from].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...to].entries()) {
      const substituted = (row[j] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(substituted, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|[{}[\]:,]/gs

/** Whether an object in a valid JSON text has a key twice, which a parser would hide. */
export function hasDuplicateKey(json: string): boolean {
  const open: (Set<unknown> | undefined)[] = []
  let lastText = ''
  for (const [token] of json.matchAll(TOKEN)) {
    if (token === '{') open.push(new Set())
    else if (token === '[') open.push(undefined)
    else if (token === '}' || token === ']') open.pop()
    else if (token === ':') {
      const keys = open.at(-1)
      const key: unknown = JSON.parse(lastText)
      if (keys?.has(key)) return true
      keys?.add(key)
    } else if (token !== ',') lastText = token
  }
  return false
}

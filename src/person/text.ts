/** Source: Microsoft Dataverse, error 0x80040278: what XML 1.0 has no place for. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const refused = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g

/** Whether Dynamics refuses something of the text. */
export function holdsRefused(text: string): boolean {
  return text.search(refused) >= 0
}

/** A text without the characters that Dynamics refuses. A lone surrogate becomes U+FFFD. */
export function withoutRefused(text: string): string {
  return text.replace(refused, '').toWellFormed()
}

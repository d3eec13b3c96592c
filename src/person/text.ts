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

/** No language stacks as many; the last two become marks when they are normalised. Unicode's own bound: UAX #15, D3. */
const stackedMarks = /[\p{M}\uff9e\uff9f]{31}/u

/**
 * The text in Unicode's form NFKC. A text with more than 30 marks on one letter stays as it is: putting them in order
 * takes quadratic time.
 */
export function nfkc(text: string): string {
  return stackedMarks.test(text) ? text : text.normalize('NFKC')
}

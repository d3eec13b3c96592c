/** A Label as metadata carries it: one language, 1033. `name` is split at its capitals to look like a display name. */
export function label(name: string): Record<string, unknown> {
  const text = name.replaceAll('_', ': ').replace(/([a-z])([A-Z])/g, '$1 $2')
  return literalLabel(text)
}

export function literalLabel(text: string): Record<string, unknown> {
  const localized = { Label: text, LanguageCode: 1033, IsManaged: true }
  return { LocalizedLabels: [localized], UserLocalizedLabel: localized }
}

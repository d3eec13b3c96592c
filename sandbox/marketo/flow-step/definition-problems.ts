import { isMembers } from '../request.ts'
import { at, isText, listOf, show } from './look.ts'

/** Sentences about the parts of a service definition; each looks at one kind of part, wherever it is. */

type Path = readonly string[]

const LOCALE = /^[a-z]{2}_[A-Z]{2}$/
const FLAGS = ['hasPicklist', 'enforcePicklistSelect', 'required']

/** `names` are the texts that English must have; another language may have fewer. */
export function aboutLocales(value: unknown, where: string, names: readonly string[]): string[] {
  const locales = at(value, ['i18n'])
  if (!isMembers(locales) || !isMembers(locales.en_US)) return [`${where} must have en_US`]
  return Object.entries(locales).flatMap(([locale, texts]) => [
    ...(LOCALE.test(locale) ? [] : [`${where}.${locale} is no locale such as en_US`]),
    ...names
      .filter((name) => !isText(at(texts, [name]) ?? (locale === 'en_US' ? undefined : 'as in English')))
      .map((name) => `${where}.${locale}.${name} must be a text`),
  ])
}

export function aboutAttributes(value: unknown, path: Path, types: readonly string[]): string[] {
  return aboutItems(value, path, 'apiName', (item, where) => [
    ...aboutLocales(item, `${where}.i18n`, ['name']),
    ...aboutType(item, where, types),
    ...aboutItemFlags(item, where),
  ])
}

export function aboutFields(value: unknown, path: Path, types: readonly string[]): string[] {
  return aboutItems(value, path, 'serviceAttribute', (item, where) => {
    const suggested = at(item, ['suggestedMarketoAttribute'])
    return [
      ...(at(item, ['serviceAttribute']) === 'id' ? [`${where}.serviceAttribute is id, Marketo's own`] : []),
      ...aboutTexts(item, where, 'description'),
      ...aboutType(item, where, types),
      ...aboutItemFlags(item, where),
      ...(suggested === undefined || isText(suggested)
        ? []
        : [`${where}.suggestedMarketoAttribute must be a text`]),
    ]
  })
}

export function aboutHeaders(value: unknown, path: Path): string[] {
  return aboutItems(value, path, 'name', (item, where) => [
    ...(at(item, ['description']) === undefined ? [] : aboutTexts(item, where, 'description')),
    ...aboutItemFlags(item, where),
  ])
}

/** Names of My Tokens go without their braces and their prefix. */
export function aboutTokens(value: unknown, path: Path): string[] {
  return aboutList(value, path).concat(
    listOf(at(value, path)).flatMap((token, index) =>
      isText(token) && !/[{}]|^my\./.test(token)
        ? []
        : [`${path.join('.')}[${index}] is ${show(token)}: it must be a token's name without {{my.}}`],
    ),
  )
}

export function aboutFlags(value: unknown, where: string, names: readonly string[]): string[] {
  return names.flatMap((name) => {
    const flag = at(value, [where, name])
    return flag === undefined || typeof flag === 'boolean' ? [] : [`${where}.${name} must be true or false`]
  })
}

function aboutItems(
  value: unknown,
  path: Path,
  key: string,
  more: (item: unknown, where: string) => string[],
): string[] {
  const seen = new Set<unknown>()
  const items = listOf(at(value, path)).flatMap((item, index) => {
    const where = `${path.join('.')}[${index}]`
    if (!isMembers(item)) return [`${where} must be an object`]
    const name = item[key]
    const isTwice = seen.has(name)
    seen.add(name)
    return [
      ...(isText(name) ? [] : [`${where}.${key} must be a text`]),
      ...(isTwice ? [`${where}.${key} ${show(name)} is there twice`] : []),
      ...more(item, where),
    ]
  })
  return [...aboutList(value, path), ...items]
}

function aboutList(value: unknown, path: Path): string[] {
  const list = at(value, path)
  return list === undefined || Array.isArray(list) ? [] : [`${path.join('.')} must be a list`]
}

function aboutType(item: unknown, where: string, types: readonly string[]): string[] {
  const type = at(item, ['dataType'])
  return types.some((known) => known === type)
    ? []
    : [`${where}.dataType is ${show(type)}: it must be one of ${types.join(', ')}`]
}

function aboutItemFlags(item: unknown, where: string): string[] {
  return FLAGS.flatMap((name) => {
    const flag = at(item, [name])
    return flag === undefined || typeof flag === 'boolean' ? [] : [`${where}.${name} must be true or false`]
  })
}

/** Translations of one text; English is the fallback of all. */
function aboutTexts(item: unknown, where: string, name: string): string[] {
  const texts = at(item, [name])
  if (!isMembers(texts) || !isText(texts.en_US)) return [`${where}.${name}.en_US is missing`]
  return Object.entries(texts)
    .filter(([locale, text]) => !LOCALE.test(locale) || !isText(text))
    .map(([locale]) => `${where}.${name}.${locale} must be a locale such as en_US, with a text`)
}

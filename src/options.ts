/** What the options of tasks, jobs and workers have in common. */
import { InvalidOptionError, UnknownOptionError } from './errors.ts'
import { indexedTagPrefix, isIndexed } from './job.ts'
import { nearest } from './nearest.ts'

/**
 * Refuses options that do not exist, naming the nearest that does.
 *
 * @throws UnknownOptionError, InvalidOptionError
 */
export function checkOptions(options: object, known: readonly string[], where: string): void {
  if (typeof options !== 'object' || options === null) throw new InvalidOptionError(where, options, 'an object')
  for (const option of Object.keys(options)) {
    if (!known.includes(option)) throw new UnknownOptionError(option, where, nearest(option, known), known)
  }
}

const namePattern = /^[\w.:/@-]{1,200}$/

/** Names of tasks and queues: they stand in URLs, on command lines and in routes. @throws InvalidOptionError */
export function checkName(name: unknown, where: string, example: string): string {
  if (typeof name === 'string' && namePattern.test(name)) return name

  throw new InvalidOptionError(where, name, `letters, digits and . _ : / @ - only, at most 200, such as "${example}"`)
}

/** @throws InvalidOptionError */
export const checkQueue = (name: unknown, where: string): string => checkName(name, where, 'email')

/** @throws InvalidOptionError */
export function checkTexts(texts: unknown, where: string): readonly string[] {
  const isText = (text: unknown) => typeof text === 'string' && text !== '' && text.length <= 200
  if (Array.isArray(texts) && texts.every(isText)) return texts as string[]

  throw new InvalidOptionError(where, texts, 'an array of texts of 1 to 200 characters')
}

/** @throws InvalidOptionError */
export function checkTags(tags: unknown, where: string): readonly string[] {
  const known = checkTexts(tags, where)
  const reserved = known.find(isIndexed)
  if (reserved === undefined) return known

  throw new InvalidOptionError(
    where,
    reserved,
    `without tags that begin with "${indexedTagPrefix}", which Errand sets itself`,
  )
}

/** @throws InvalidOptionError */
export function checkOneOf(value: unknown, known: readonly string[], where: string): void {
  if (known.includes(value as string)) return
  const listed = known.map((one) => `'${one}'`)

  throw new InvalidOptionError(where, value, `${listed.slice(0, -1).join(', ')} or ${listed.at(-1)}`)
}

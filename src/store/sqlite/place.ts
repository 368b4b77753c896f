/** What a `sqlite:` URL says: the path of a file, and behind a question mark how to keep it. */
import { StoreOpenError } from '../../errors.ts'
import { checkOneOf, checkOptions } from '../../options.ts'
import { yesOrNo } from '../option-values.ts'

export interface SqlitePlace {
  readonly path: string
  readonly synchronous?: 'full' | 'normal'
  readonly allowNetworkFileSystem?: boolean
}

/** @throws StoreOpenError, UnknownOptionError, InvalidOptionError */
export function readSqliteUrl(url: string): SqlitePlace {
  const [path = '', query = ''] = url.slice('sqlite:'.length).split(/\?(.*)/s)
  if (path === '' || path.startsWith('//')) {
    throw new StoreOpenError(
      `"${url}" names no file. Expected "sqlite:" followed by a path, relative as in "sqlite:data/errand.db" or absolute as in "sqlite:/var/lib/app/errand.db".`,
    )
  }
  const options = Object.fromEntries(new URLSearchParams(query))
  checkOptions(options, ['synchronous', 'allowNetworkFileSystem'], `"${url}"`)
  const { synchronous, allowNetworkFileSystem } = options
  if (synchronous !== undefined) checkOneOf(synchronous, ['full', 'normal'], `\`synchronous\` of "${url}"`)

  return {
    path,
    ...(synchronous !== undefined && { synchronous: synchronous as 'full' | 'normal' }),
    ...(allowNetworkFileSystem !== undefined && {
      allowNetworkFileSystem: yesOrNo(allowNetworkFileSystem, `\`allowNetworkFileSystem\` of "${url}"`),
    }),
  }
}

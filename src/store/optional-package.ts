/** Packages that only the stores of one engine need. */
import { StoreOpenError } from '../errors.ts'

export interface OptionalPackage {
  readonly name: string
  /** What needs it, for people: 'Redis'. */
  readonly engine: string
  /** The oldest one that will do. */
  readonly oldest: string
}

/** @throws StoreOpenError when it is not installed, cannot be loaded, or is another one than it is called */
export async function loadOptional<Loaded>(
  { name, engine, oldest }: OptionalPackage,
  load: () => Promise<Loaded>,
  isUsable: (loaded: Loaded) => boolean,
): Promise<Loaded> {
  const install = `Install it beside errand: \`npm install ${name}\`.`
  const loaded = await load().catch((cause: Error & { code?: string }) => {
    const why =
      cause.code === 'ERR_MODULE_NOT_FOUND' ? 'which is not installed' : `which cannot be loaded (${cause.message})`
    throw new StoreOpenError(`A store on ${engine} needs the package "${name}", ${why}. ${install}`, { cause })
  })
  if (isUsable(loaded)) return loaded

  throw new StoreOpenError(
    `A store on ${engine} needs the package "${name}" ${oldest} or newer, and what was found under that name is something else. ${install}`,
  )
}

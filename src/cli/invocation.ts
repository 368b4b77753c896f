/** One call of the command line: what was said for all commands, and the app it is about. */
import type { Errand } from '../errand.ts'
import { errandDefaults } from '../errand-options.ts'
import { StoreOpenError } from '../errors.ts'
import type { LoadedApp } from './app/load.ts'
import { Output, type Form } from './output/output.ts'

/** Options that every command takes. */
export interface GlobalOptions {
  readonly app?: string
  readonly store?: string
  readonly output: Form
  readonly quiet?: boolean
  readonly verbose?: boolean
  readonly yes?: boolean
}

export class Invocation {
  readonly options: GlobalOptions
  readonly out: Output
  readonly #given: Errand<any> | undefined
  readonly #opened: Errand<any>[] = []

  /** `given` is the app that runs itself; without one it is looked for. */
  constructor(options: GlobalOptions, given?: Errand<any>) {
    this.options = options
    this.out = new Output(options)
    this.#given = given
  }

  /** The app with its tasks. @throws AppError when there is none, or not exactly one */
  async app(file: string | undefined = this.options.app): Promise<LoadedApp> {
    const { loadApp } = await import('./app/load.ts')
    const loaded = this.#given ? ownApp(this.#given) : await loadApp(process.cwd(), file)
    this.#opened.push(loaded.errand)
    if (this.options.store !== undefined) loaded.errand.useStore(this.options.store)

    return loaded
  }

  /**
   * For commands that look at jobs and need no task: the app if there is one, since it knows its store; with `--store`,
   * or where there is no app, the store alone.
   */
  async jobs(): Promise<Errand<any>> {
    const { errand, alone } = await this.any()
    const missing = alone ? await errand.missing() : undefined
    if (missing !== undefined) throw new StoreOpenError(`${missing} ${nameYours}`)

    return errand
  }

  /** Likewise, also where there is no store yet. `alone`: without an app. */
  async any(): Promise<{ readonly errand: Errand<any>; readonly alone: boolean }> {
    if (this.#given || this.options.app !== undefined) return { ...(await this.app()), alone: false }
    if (this.options.store !== undefined) return this.#storeAlone(this.options.store)
    const { findApp } = await import('./app/find.ts')
    if (findApp(process.cwd())) return { ...(await this.app()), alone: false }

    return this.#storeAlone(process.env['ERRAND_STORE'] ?? errandDefaults.store)
  }

  async #storeAlone(url: string): Promise<{ errand: Errand<any>; alone: boolean }> {
    const { Errand } = await import('../errand.ts')
    const errand = new Errand<any>({ store: url })
    this.#opened.push(errand)

    return { errand, alone: true }
  }

  async close(): Promise<void> {
    await Promise.all(this.#opened.map((errand) => errand.close()))
  }
}

const ownApp = (errand: Errand<any>): LoadedApp => ({ errand, files: process.argv[1] ? [process.argv[1]] : [] })

export const nameYours = 'Name yours with --store or ERRAND_STORE, or the app that uses it with --app.'

/** Looking must not make a store: an empty answer from a mistyped path would be believed. */
export async function refuseMissingStore(url: string, advice: string): Promise<void> {
  const { missingAt } = await import('../store/open.ts')
  const missing = await missingAt(url)
  if (missing !== undefined) throw new StoreOpenError(`${missing} ${advice}`)
}

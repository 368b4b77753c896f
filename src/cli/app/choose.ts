/** Which export of the app's modules is the app. */
import { Errand } from '../../errand.ts'
import { AppError } from '../failures.ts'
import { lookedFor } from './find.ts'

export interface LoadedModule {
  /** As people would write the path. */
  readonly name: string
  readonly exports: Readonly<Record<string, unknown>>
}

const preferred = ['errand', 'default'] as const

/** The Errand of one module: `errand`, else the default export, else every other. */
function candidates({ exports }: LoadedModule): Errand<any>[] {
  for (const name of preferred) {
    const value = exports[name]
    if (value instanceof Errand) return [value]
  }
  return Object.values(exports).filter((value): value is Errand<any> => value instanceof Errand)
}

/** Made by another copy of the package, whose class is not ours. */
const isForeign = (value: unknown) =>
  value !== null && typeof value === 'object' && value.constructor?.name === 'Errand' && !(value instanceof Errand)

const listed = (modules: readonly LoadedModule[]) => modules.map(({ name }) => name).join(', ')

/** @throws AppError when there is none, or more than one */
export function chooseApp(modules: readonly LoadedModule[]): Errand<any> {
  const found = [...new Set(modules.flatMap(candidates))]
  if (found.length === 1) return found[0]!
  if (found.length > 1) {
    throw new AppError(
      `Found ${found.length} apps in ${listed(modules)}. Export the one to use as \`errand\`, or name its file with --app.`,
    )
  }
  if (modules.some(({ exports }) => Object.values(exports).some(isForeign))) {
    throw new AppError(
      `The app of ${listed(modules)} was made by another copy of the errand package than the one that runs this command. ` +
        "Run the project's own: npx errand.",
    )
  }
  throw new AppError(
    `${listed(modules)} ${modules.length === 1 ? 'exports' : 'export'} no app. ` +
      'Add `export const errand = new Errand({ … })`, or export the one your tasks are defined with. ' +
      `Looked for, in this order: ${lookedFor}.`,
  )
}

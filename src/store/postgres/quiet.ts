/** Whether a store has nothing under way: for tests, whose clocks stand still meanwhile. */
import { inSchema } from './migrate.ts'
import type { News } from './news.ts'
import type { Statements } from './statements.ts'
import type { Waking } from './waking.ts'

export interface Insides {
  readonly statements: Statements
  readonly waking: Waking
  readonly news: News
  readonly hearing: () => Promise<void> | undefined
  readonly schema: string
}

const insides = new WeakMap<object, Insides>()

export function noteInsides(store: object, parts: Insides): void {
  insides.set(store, parts)
}

/** Resolves when all that this store has asked is answered, and all that was told by then is heard: for tests. */
export async function quiet(store: object): Promise<void> {
  const { statements, waking, news, hearing, schema } = insides.get(store)!
  do {
    await hearing()
    await waking.idle()
    await statements.idle()
  } while (statements.busy)
  if (statements.closed || !news.listening) return

  const heard = news.expected('quiet')
  await statements.all('select pg_notify($1, $2)', [inSchema('errand.news', schema), 'lquiet'])
  await heard
}

/** What people ask for: of jobs, by their ids, and of whole queues and limits. What each does is in migrations/0006. */
import { checkChange } from '../checked-times.ts'
import type { Store } from '../store.ts'
import { atOf, inOf } from './encode.ts'
import { queuesIn } from './inserter.ts'
import { setLimit } from './limits.ts'
import { sparesOf, type TurnParts } from './turn.ts'

type Commands = Pick<Store, 'change' | 'cancel' | 'retry' | 'remove' | 'release' | 'pause' | 'limit'>

interface Answers<Answer> {
  readonly answers: Answer[]
  readonly arrivals: string | null
}

/** `moved`: a job may have come back to an earlier place in its line. */
export function commandsOf({ env, clock, statements, waking }: TurnParts, moved: () => void): Commands {
  async function command<Answer>(
    name: 'change' | 'cancel' | 'retry' | 'remove' | 'release',
    ids: readonly string[],
    { results = null, change = null }: { results?: readonly (string | null)[] | null; change?: object | null } = {},
  ): Promise<Answer[]> {
    if (ids.length === 0) return []
    moved()
    const text = 'select * from errand.command($1, $2, $3, $4, $5, $6)'
    const values = [clock().now, sparesOf(env), name, ids, results, change && JSON.stringify(change)]
    const { answers, arrivals } = await statements.one<Answers<Answer>>(text, values)
    waking.wake(queuesIn(arrivals))
    return answers
  }

  return {
    change: async (ids, wanted) => {
      checkChange(ids, wanted)
      const { due, ...change } = wanted
      return command('change', ids, { change: { ...change, dueAt: atOf(due), dueIn: inOf(due) } })
    },
    cancel: (ids) => command('cancel', ids),
    retry: (ids) => command('retry', ids),
    remove: (ids) => command('remove', ids),

    release: (held) =>
      command(
        'release',
        held.map(({ id }) => id),
        { results: held.map(({ result }) => result) },
      ),

    async pause(queue, paused) {
      await statements.all('select errand.pause($1, $2)', [queue, paused])
      if (paused) return
      const rows = await statements.all<{ no: number }>('select no from errand.queue where name = $1', [queue])
      waking.wake(rows.map(({ no }) => no))
    },

    async limit(name, value) {
      waking.wake(await setLimit(statements, name, value))
    },
  }
}

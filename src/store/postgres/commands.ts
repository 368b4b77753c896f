/** What people ask for: of jobs, by their ids, and of whole queues and limits. What each does is in migrations/0006. */
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
  async function command<Answer>(name: string, ...values: readonly unknown[]): Promise<Answer[]> {
    moved()
    const all = [clock().now, ...values.map((value) => value ?? null)]
    const places = all.map((_, at) => `$${at + 1}`).join(', ')
    const text = `select * from errand.${name}(${places})`
    const { answers, arrivals } = await statements.one<Answers<Answer>>(text, all)
    waking.wake(queuesIn(arrivals))
    return answers
  }

  return {
    change: (ids, { rank, due, input, version }) => command('change', ids, rank, atOf(due), inOf(due), input, version),
    cancel: (ids) => command('cancel', ids),
    retry: (ids) => command('retry', ids),
    remove: (ids) => command('remove', ids),

    release: (held) =>
      command(
        'release',
        held.map(({ id }) => id),
        held.map(({ result }) => result),
        sparesOf(env),
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

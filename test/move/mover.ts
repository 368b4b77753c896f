/**
 * A mover in a process of its own, which may end itself right before or after one of its calls to a store, or be
 * killed from outside.
 */
import { systemEnv } from '../../src/env.ts'
import { move } from '../../src/move/move.ts'
import type { Store } from '../../src/store/store.ts'
import { engines } from '../faults/engine.ts'

/** A store of the fault lanes. */
export interface Side {
  readonly engine: string
  readonly place: string
}

export interface MoverPlan {
  readonly from: Side
  readonly to: Side
  /** Dies at its n-th call of a member that moves something. */
  readonly death?: { readonly call: number; readonly when: 'before' | 'after' }
  readonly follow?: boolean
}

const plan = JSON.parse(process.argv[2]!) as MoverPlan
let calls = 0

const die = () => process.kill(process.pid, 'SIGKILL')

/** A store whose calls are counted, where one of them is the last thing that happens. */
function deadly(store: Store): Store {
  const moving = Object.fromEntries(
    Object.entries(store.moving).map(([name, call]) => [
      name,
      async (...args: unknown[]) => {
        const here = ++calls === plan.death?.call && plan.death.when
        if (here === 'before') die()
        const answer = await (call as (...given: unknown[]) => Promise<unknown>)(...args)
        if (here === 'after') die()
        return answer
      },
    ]),
  )
  return new Proxy(store, {
    get(target, name) {
      if (name === 'moving') return moving
      const value = Reflect.get(target, name, target) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

const open = async ({ engine, place }: Side) => ({
  store: deadly(await engines[engine]!.open(place, systemEnv(), 'full')),
  name: place,
})

process.on('disconnect', die)
const report = await move({
  from: await open(plan.from),
  to: await open(plan.to),
  env: systemEnv(),
  follow: plan.follow ?? false,
  waitMs: 20_000,
  onProgress: (so) => void process.send?.(so),
})
process.send?.({ ...report, finished: true }, () => process.exit(0))

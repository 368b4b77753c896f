/** Before a move begins: whether it makes sense, and what must stand in both stores for it. */
import { MoveRefusedError } from '../errors.ts'
import type { LimitRecord, Store } from '../store/store.ts'

/** A store, and its name for people. */
export interface Side {
  readonly store: Store
  readonly name: string
}

/**
 * Remembers in the source where its jobs go. Queues that are paused there are paused in the destination first, and limits that were
 * set there by hand are set, once: whoever changes them during the move is not overruled by a mover that begins again.
 *
 * @throws MoveRefusedError where source and destination are one, or either is busy with another move
 */
export async function agree(from: Side, to: Side): Promise<void> {
  const [source, destination] = [from.store.moving, to.store.moving]
  const [here, there] = [await source.status(), await destination.status()]
  if (here.identity === there.identity) {
    throw new MoveRefusedError(
      `${from.name} and ${to.name} are the same store. Name another one as the destination of the move.`,
    )
  }
  if (there.to) {
    throw new MoveRefusedError(
      `${to.name} is itself being moved, to ${there.to.name}. Finish that first: errand move --from ${to.name} --to ${there.to.name}`,
    )
  }
  if (!here.to) {
    await pauseAlike(from.store, to.store)
    await limitAlike(from.store, to.store)
  }

  const target = await source.begin({ identity: there.identity, name: to.name })
  if (target.identity === there.identity) return
  throw new MoveRefusedError(
    `${from.name} is being moved to ${target.name} already, and not all has arrived. Finish that first: ` +
      `errand move --from ${from.name} --to ${target.name}`,
  )
}

async function pauseAlike(from: Store, to: Store): Promise<void> {
  for (const { queue, paused } of await from.counts()) if (paused) await to.pause(queue, true)
}

/** What somebody has set in the destination by hand stays. */
async function limitAlike(from: Store, to: Store): Promise<void> {
  const set = new Set<string>()
  for await (const { name, pinned } of limitsOf(to)) if (pinned) set.add(name)
  for await (const { name, pinned, slots, tokens, perMs } of limitsOf(from)) {
    if (!pinned || set.has(name)) continue
    await to.limit(name, {
      ...(slots !== undefined && { slots }),
      ...(tokens !== undefined && { tokens }),
      ...(perMs !== undefined && { perMs }),
    })
  }
}

async function* limitsOf(store: Store): AsyncGenerator<LimitRecord> {
  const limit = 500
  for (let page = await store.listLimits({ limit }); page.length > 0;) {
    yield* page
    page = page.length < limit ? [] : await store.listLimits({ limit, after: page.at(-1)!.name })
  }
}

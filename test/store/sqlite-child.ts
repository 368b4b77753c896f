/** One of several processes on a store: enqueues so many jobs, or runs jobs until it is told to end. */
import { SqliteStore } from '../../src/store/sqlite/sqlite.ts'
import { aJob, aSettlement, aTurn, aWorker, succeeded } from '../../src/testing/conformance/builders.ts'

const [role, path, name, count] = process.argv.slice(2) as [string, string, string, string]
const store = new SqliteStore({ path })
let ending = false
process.on('message', () => (ending = true))

async function produce(): Promise<string[]> {
  const ids = Array.from({ length: Number(count) }, (_, n) => `${name}-${n}`)
  for (let from = 0; from < ids.length; from += 20) {
    await Promise.all(ids.slice(from, from + 20).map((id) => store.insert([[aJob({ id })]])))
  }
  return ids
}

async function work(): Promise<string[]> {
  const incarnation = await store.join(aWorker({ name }))
  const ran: string[] = []
  while (!ending) {
    const answer = await store.turn(aTurn({ incarnation }))
    if (answer.gone) throw new Error('The worker was believed dead.')

    ran.push(...answer.claimed.map(({ id }) => id))
    const settled = answer.claimed.map((claim) => aSettlement(claim, succeeded))
    if (settled.length > 0) await store.turn(aTurn({ incarnation, settled, room: [] }))
    else await store.wait(incarnation, ['default'], 100, new AbortController().signal)
  }
  return ran
}

const ids = await (role === 'produce' ? produce() : work())
await store.close()
process.send?.(ids)
process.disconnect?.()

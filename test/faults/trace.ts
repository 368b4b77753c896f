/**
 * What each process asked of its store and was told, with the times: for whoever looks for the cause of a broken promise.
 *
 * With `ERRAND_FAULTS_TRACE=folder` scenes keep their ledgers there, and beside them a `.trace` of each process.
 */
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Store } from 'errand'
import { ledgerNow } from './ledger.ts'

const longestText = 300
const folder = process.env['ERRAND_FAULTS_TRACE']

/** Where this scene's ledger is to be kept, if it is. */
export function keptLedger(scene: string): string | undefined {
  if (!folder) return undefined
  const kept = join(folder, scene)
  mkdirSync(kept, { recursive: true })

  return kept
}

/** The same store, with each call written down when it begins and when it is answered. */
export function traced(store: Store, ledger: string, by: string): Store {
  if (!folder) return store
  let calls = 0
  const write = (text: string) => appendFileSync(join(ledger, `${by}.trace`), `${ledgerNow().toFixed(1)} ${text}\n`)

  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function' || name === 'events' || name === 'close') return value
      return (...args: unknown[]) => {
        const call = `${++calls} ${String(name)}`
        write(`${call} ${textOf(args)}`)
        const answer: unknown = Reflect.apply(value, target, args)
        if (answer instanceof Promise) {
          answer.then(
            (told) => write(`${call} -> ${textOf(told)}`),
            (error: unknown) => write(`${call} failed: ${String(error)}`),
          )
        }
        return answer
      }
    },
  })
}

const textOf = (value: unknown) => (JSON.stringify(value) ?? '').slice(0, longestText)

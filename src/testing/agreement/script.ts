/**
 * A script: what happened to a store, as plain values.
 *
 * It names jobs by their ids, workers by the order in which they joined and claims by
 * their position among those a worker knows, so that a script with any of its commands
 * left out is still a script. Scripts are generated, played on two engines, cut down
 * when the engines disagree, and kept as JSON.
 */
import type { Outcome } from '../../outcome.ts'
import type {
  ControlMessage,
  GivenBack,
  JobChange,
  JobQuery,
  LimitQuery,
  NewJob,
  Report,
  Room,
  ScheduleStore,
  Store,
  UpkeepLimits,
} from '../../store/store.ts'

/** Picks one of the claims that a worker believes to hold, or, of all ever seen, one that is probably stale. */
export type Pick = { readonly held: number } | { readonly ever: number }

export interface ScriptedSettlement {
  readonly claim: Pick
  readonly outcome: Outcome
  readonly ranMs: number
  readonly followUps?: readonly NewJob[]
}

export type ScriptedReport = Report extends infer R
  ? R extends Report
    ? Omit<R, 'claim'> & { claim: Pick }
    : never
  : never

/** One call of a member of the contract. A worker is the number of its `join` in the script. */
export type Call =
  | {
      do: 'insert'
      calls: readonly (readonly NewJob[])[]
      /** Whose handler inserts the first of them. */
      startedBy?: { readonly worker: number; readonly claim: Pick }
    }
  | { do: 'join'; slots: number; leaseMs: number }
  | {
      do: 'turn'
      worker: number
      settled: readonly ScriptedSettlement[]
      givenBack: readonly (Omit<GivenBack, 'claim'> & { readonly claim: Pick })[]
      room: readonly Room[]
      /** The answer never arrives. */
      lost?: boolean
    }
  | { do: 'resync' | 'leave'; worker: number }
  | { do: 'wait'; worker: number; queues: readonly string[]; ms: number }
  | { do: 'report'; worker: number; reports: readonly ScriptedReport[] }
  | { do: 'settled'; ids: readonly string[] }
  | { do: 'change'; ids: readonly string[]; change: JobChange }
  | { do: 'cancel' | 'retry' | 'remove' | 'get'; ids: readonly string[] }
  | { do: 'release'; held: readonly { readonly id: string; readonly result: string | null }[] }
  | { do: 'history' | 'members'; id: string }
  | { do: 'find'; query: JobQuery }
  | { do: 'schedules.due'; limit: number }
  | { do: 'counts' | 'workers' | 'now' | 'inspect' | 'schedules.list' | 'events' | 'close' }
  | { do: 'stats'; minutes: number }
  | { do: 'pause'; queue: string; paused: boolean }
  | { do: 'limit'; name: string; value: Parameters<Store['limit']>[1] }
  | { do: 'listLimits'; query: LimitQuery }
  | { do: 'upkeep'; limits: Partial<UpkeepLimits> }
  | { do: 'schedules.put'; schedules: Parameters<ScheduleStore['put']>[0] }
  | { do: 'schedules.pause'; name: string; paused: boolean }
  | { do: 'schedules.remove' | 'schedules.get'; names: readonly string[] }
  /** Fires at the schedule's own time, or beside it. */
  | { do: 'schedules.fire'; name: string; late?: boolean; nextInMs: number | null; job?: NewJob }
  | { do: 'send'; worker: number | 'all'; message: ControlMessage }

/** What happens to the world, and the comparison of all there is to see. */
export type Happening =
  | { do: 'advance'; ms: number }
  /** As in life: every second some workers give a sign, and upkeep looks after the store. */
  | { do: 'pass'; ms: number; alive: readonly number[] }
  | { do: 'jump'; ms: number }
  | { do: 'look' }

export type Command = Call | Happening
export type Script = readonly Command[]

type MethodOf<T> = {
  [K in keyof T]-?: NonNullable<T[K]> extends (...args: never[]) => unknown ? K & string : never
}[keyof T]

/** Every member of the contract that can be called. */
export type Member = MethodOf<Store> | `schedules.${MethodOf<ScheduleStore>}`

/**
 * Numbers that the contract fixes. Memory and SQLite read them here; statements, the scripts of Redis and the functions of PostgreSQL
 * have them written out, and the conformance suite holds all four to them.
 */
import type { UpkeepLimits } from './store.ts'

const dayMs = 24 * 3_600_000

/** How long the ids of pruned jobs are remembered. */
export const goneMs: number = 2 * dayMs
/** How long moved jobs and the tickets of arrived ones are remembered. */
export const movesMs: number = 7 * dayMs
/** How long statistics are kept. */
export const statsMs: number = 14 * dayMs

/** A shorter lease is taken for this long when it is judged whether the store was silent, and is extended to it. */
export const usualLeaseMs: number = 8_000

const crashesAllowed = 2

/** What one call of upkeep does at most, where nothing else is said. Engines with a server take portions of their own. */
export const upkeepDefaults: UpkeepLimits = { promote: 200, rescue: 200, expire: 200, spread: 500, prune: 500 }

/** One crash more and it is lost, so a worker holds one such job at a time. */
export const isSuspect = (job: { readonly crashes: number }): boolean => job.crashes >= crashesAllowed

/** It has taken more workers with it than any job may. */
export const isLost = (job: { readonly crashes: number }): boolean => job.crashes > crashesAllowed

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { objectQueries } from '../../src/store/sqlite/statements.ts'
import { arrayQueries } from '../../src/store/sqlite/queries/places.ts'
import { Connection } from '../../src/store/sqlite/connection.ts'
import { join } from 'node:path'
import { aFolder } from './sqlite-files.ts'

/**
 * Allowed to read a whole table, each because that table is small by nature: what runs at this moment,
 * workers and listeners that are alive, queues, schedules, limits in use, jobs on their way.
 */
const smallTables = new Set([
  'claimedBy',
  'runningCounts',
  'holdsSuspect',
  'liveIncarnations',
  'silent',
  'goneOnes',
  'extendLeases',
  'otherListener',
  'forgetListeners',
  'forgetAllListeners',
  'queues',
  'counters',
  'schedules',
  'forgetStarts',
  'queuesOfRate',
  'someOpenRates',
  'forgetEvents',
  'messages',
  'leavingCount',
  'leavingSchedules',
  'aside',
  'asideAndFree',
  'newMessages',
])
/** Reads a table to its first rows or from its end. */
const firstRow = new Set([
  'unusual',
  'nextMoments',
  'firstMoments',
  'anyStep',
  'anyEdge',
  'anyPinned',
  'firstReleasing',
  'firstToReopen',
  'oldestGone',
  'forgetGone',
  'firstReopening',
  'lastEvent',
  'dataVersion',
  'anyLeaving',
  'anyDeparted',
  'leavingInOrder',
  'someTightRates',
  'readyToLeave',
  'throttledToLeave',
  'parkedToLeave',
  'gatheredToLeave',
  'delayedToLeave',
])

test('no hot statement reads a whole table or sorts', (t) => {
  const connection = new Connection({
    path: join(aFolder(t), 'errand.db'),
    synchronous: 'full',
    allowNetworkFileSystem: false,
    fileSystemType: () => 0,
  })
  const plans = Object.entries({ ...objectQueries, ...arrayQueries })
    .filter(
      ([name, sql]) => !smallTables.has(name) && !firstRow.has(name) && /^\s*(select|insert|update|delete)/.test(sql),
    )
    .flatMap(([name, sql]) =>
      connection.db
        .prepare(`explain query plan ${sql}`)
        .all()
        .map(({ detail }) => `${name}: ${String(detail)}`),
    )

  const slow = plans.filter((line) =>
    /\bSCAN (?!(s|json_each|(\(subquery-\d+\))|CONSTANT ROW|1 CONSTANT ROW|\d+-ROW VALUES CLAUSE))|USE TEMP B-TREE/.test(
      line,
    ),
  )

  assert.deepEqual(slow, [])
  assert.ok(plans.length > 100)
  connection.close()
})

/**
 * A step of ours inside a transaction of the caller's, on the caller's own connection.
 *
 * What it writes is there if and only if that transaction is committed. Workers hear of it as they hear of any
 * commit of another connection.
 */
import { realpathSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { Env } from '../../env.ts'
import { shown, TransactionError } from '../../errors.ts'
import { inodeOf } from './connection.ts'
import { Names } from './names.ts'
import { isBusy } from './sqlite-errors.ts'
import { prepareWhenUsed, type Query, type Statements } from './statements.ts'
import { Step } from './step.ts'

/** As much of better-sqlite3's connection as is used here. */
interface BetterSqlite {
  readonly inTransaction: boolean
  prepare(sql: string): Query & { raw(on: boolean): Query }
  exec(sql: string): unknown
}

interface Caller {
  readonly inTransaction: boolean
  readonly sql: Statements
  exec(sql: string): unknown
  pragma(name: string): Record<string, unknown>[]
}

const prepared = new WeakMap<object, Statements>()

/**
 * Runs `body` as a step of the open transaction; what it wrote is undone if it throws, and the rest of the
 * transaction is not.
 *
 * @throws TransactionError where it is no transaction on this store's file, or cannot have the write lock
 */
export function inTransactionOf<T>(env: Env, path: string, transaction: unknown, body: (step: Step) => T): T {
  const caller = callerOf(transaction)
  checkCaller(caller, path)

  try {
    caller.exec('savepoint errand')
    const answer = carryOut(env, caller.sql, body)
    caller.exec('release errand')
    return answer
  } catch (error) {
    if (caller.inTransaction) caller.exec('rollback to errand; release errand')
    if (!isBusyFor(error)) throw error
    throw new TransactionError(
      `Another process is writing to ${path}, and this transaction cannot wait for it now. Nothing of Errand's was written in it. ` +
        `Start the transaction with BEGIN IMMEDIATE, so that it has the write lock before it reads.`,
      { cause: error },
    )
  }
}

function carryOut<T>(env: Env, sql: Statements, body: (step: Step) => T): T {
  const listened = sql.otherListener.get('', env.monotonic()) !== undefined
  // Numbers learned in a transaction that may be rolled back are not to be remembered.
  const step = new Step({ env, sql, names: new Names(sql), listened, light: false })
  const answer = body(step)
  step.finish()
  if (step.events?.length) sql.addEvent.run(step.now, JSON.stringify(step.events))
  return answer
}

function callerOf(transaction: unknown): Caller {
  if (transaction instanceof DatabaseSync) return nodeCaller(transaction)
  if (isBetterSqlite(transaction)) return betterCaller(transaction)

  throw new TransactionError(
    `Expected \`tx\` to be a node:sqlite DatabaseSync or a better-sqlite3 Database with an open transaction, got ${shown(transaction)}.`,
  )
}

function nodeCaller(db: DatabaseSync): Caller {
  const arrays = (sql: string) => {
    const statement = db.prepare(sql)
    statement.setReturnArrays(true)
    return statement
  }
  return {
    inTransaction: db.isTransaction,
    sql: statementsOf(db, { objects: (sql) => db.prepare(sql), arrays }),
    exec: (sql) => db.exec(sql),
    pragma: (name) => db.prepare(`pragma ${name}`).all() as Record<string, unknown>[],
  }
}

function betterCaller(db: BetterSqlite): Caller {
  return {
    inTransaction: db.inTransaction,
    sql: statementsOf(db, { objects: (sql) => db.prepare(sql), arrays: (sql) => db.prepare(sql).raw(true) }),
    exec: (sql) => db.exec(sql),
    pragma: (name) => db.prepare(`pragma ${name}`).all() as Record<string, unknown>[],
  }
}

function statementsOf(db: object, preparer: Parameters<typeof prepareWhenUsed>[0]): Statements {
  const sql = prepared.get(db) ?? prepareWhenUsed(preparer)
  prepared.set(db, sql)
  return sql
}

function isBetterSqlite(value: unknown): value is BetterSqlite {
  return (
    typeof value === 'object' && value !== null && 'inTransaction' in value && 'prepare' in value && 'exec' in value
  )
}

function checkCaller(caller: Caller, path: string): void {
  if (!caller.inTransaction) {
    throw new TransactionError(
      'The connection passed as `tx` has no open transaction. Run BEGIN IMMEDIATE on it first.',
    )
  }
  const file = caller.pragma('database_list').find(({ name }) => name === 'main')?.file as string | undefined
  if (!file || inodeOf(realpathSync(file)) !== inodeOf(path)) {
    throw new TransactionError(
      `The connection passed as \`tx\` is on ${file ? shown(file) : 'no file'}, and the store is ${shown(path)}. One transaction ` +
        `cannot span two files: open the connection on the store's file, or enqueue without \`tx\`.`,
    )
  }
  // NORMAL keeps the promise that the jobs exist exactly if the rest of the transaction does.
  if (caller.pragma('synchronous')[0]!.synchronous === 0) {
    throw new TransactionError(
      'The connection passed as `tx` runs with synchronous=OFF, with which a power cut can damage the whole store. ' +
        'Run `pragma synchronous = full` on it, or `normal`.',
    )
  }
}

/** better-sqlite3 names the code where node:sqlite numbers it. */
const isBusyFor = (error: unknown) =>
  isBusy(error) || String((error as { code?: unknown }).code).startsWith('SQLITE_BUSY')

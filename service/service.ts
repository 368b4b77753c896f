/** Puts the API's parts together and sets going what runs beside the requests. No port, no worker, no mail server. */
import { mkdirSync, rmSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Context } from 'hono'
import { systemEnv } from 'errand'
import type { Logger } from 'pino'
import { makeApp, type AppParts } from './app.ts'
import { AccessTokens } from './auth/access-tokens.ts'
import { Accounts } from './auth/accounts.ts'
import { deriveKeys } from './auth/keys.ts'
import { Passwords } from './auth/passwords.ts'
import { Resets } from './auth/resets.ts'
import { Sessions } from './auth/sessions.ts'
import { openDatabase } from './database/database.ts'
import { Outbox } from './database/outbox.ts'
import { Sources } from './data/data-sources.ts'
import { dataFolders, type DataFolders } from './data/folders.ts'
import type { Mailbox } from './email/mailbox/mailbox.ts'
import { SentLog } from './email/sent-log.ts'
import { rateLimits, type RateLimits } from './http/limits.ts'
import { openJobs } from './jobs.ts'
import type { Settings } from './settings.ts'
import { Follower } from './tasks/follower.ts'
import { TaskRecords } from './tasks/records.ts'
import { lostTask } from './tasks/task-of-job.ts'

export interface ServiceOptions {
  readonly settings: Settings & { readonly secretKey: string; readonly baseUrl: string }
  readonly log: Logger
  readonly mailbox?: Mailbox | undefined
  readonly limits?: RateLimits
  readonly uploadBytes?: number
  readonly now?: () => number
  /** The network address a request came from. */
  readonly addressOf: (c: Context) => string
}

export type Service = ReturnType<typeof openService>

export const uploadBytes = 1024 ** 3

export function openService(options: ServiceOptions) {
  const closing = new AbortController()
  const parts = openParts(options)
  const { database, jobs, outbox, records, follower } = parts
  const { errand } = jobs

  return {
    app: makeApp(appParts(options, parts, closing.signal)),
    database,
    errand,
    outbox,
    follower,
    records,
    jobs,
    /** Says what must be known before the first request: what was left half-way, and how the tasks stand. */
    async start(): Promise<void> {
      await errand.open()
      await outbox.sweep(0)
      await follower.start()
      outbox.start()
    },
    /** Ends open streams. What is being answered is answered. */
    refuseNew: () => closing.abort(),
    async stop(): Promise<void> {
      closing.abort()
      await outbox.stop()
      await follower.stop()
      await errand.close()
      await database.destroy()
    },
  }
}

type Parts = ReturnType<typeof openParts>

/** What keeps things: the database, the job store, and what ties them together. */
function openParts({ settings, log, now = Date.now }: ServiceOptions) {
  const folders = dataFolders(settings.dataDir)
  prepareFolders(folders)
  const database = openDatabase(join(settings.dataDir, 'service.db'))
  const jobs = openJobs(settings.storeUrl)
  const { errand } = jobs

  const outbox: Outbox = new Outbox({ database, errand, log, now, onRefused: (id) => endRefused(id) })
  const records = new TaskRecords(database, outbox, now)
  const endRefused = async (id: string) => {
    const row = await records.row(id)
    if (row) await records.change(row, { ...lostTask(now()), error: 'The task could not be accepted.' })
  }

  return { folders, database, jobs, outbox, records, follower: new Follower({ errand, records, log, now }) }
}

/** What the routes work with. */
function appParts(options: ServiceOptions, { jobs, ...parts }: Parts, closing: AbortSignal): AppParts {
  const { settings, now = Date.now } = options
  const { database, outbox, folders } = parts
  const env = systemEnv()
  const id = () => env.id()
  const passwords = new Passwords()
  const sessions = new Sessions(database, now)

  return {
    ...parts,
    errand: jobs.errand,
    log: options.log,
    now,
    id,
    sessions,
    accounts: new Accounts({ database, outbox, passwords, id, now }),
    resets: new Resets({ database, outbox, passwords, id, now }),
    tokens: new AccessTokens(deriveKeys(settings.secretKey).access, settings.accessTokenMinutes, now),
    sources: new Sources(database, folders, now),
    sent: new SentLog(database, now),
    limits: options.limits ?? rateLimits,
    uploadBytes: options.uploadBytes ?? uploadBytes,
    mailbox: options.mailbox,
    addressOf: options.addressOf,
    closing,
    secure: settings.baseUrl.startsWith('https:'),
    isAlive: async (caller) => (await sessions.callerOf(caller)) !== undefined,
  }
}

/** Makes the folders, and removes what uploads left that were cut short. */
function prepareFolders({ uploads, results }: DataFolders): void {
  for (const folder of [uploads, results]) mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const name of readdirSync(uploads)) if (name.endsWith('.part')) rmSync(join(uploads, name), { force: true })
}

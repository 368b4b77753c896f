/**
 * The worker process: runs the tasks of the service. Started and watched by start.ts, which tells it by message when
 * to stop. It never outlives its parent: when the line between them breaks, it ends.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deriveKeys } from './auth/keys.ts'
import { removeUnfinished } from './data/old-files.ts'
import { dataFolders } from './data/folders.ts'
import { handleDataTasks } from './data/tasks.ts'
import { openDatabase } from './database/database.ts'
import { smtpSender } from './email/smtp.ts'
import { handleEmailTasks } from './email/tasks.ts'
import { openJobs, workerSlots } from './jobs.ts'
import type { WorkerSettings } from './supervisor.ts'
import { logEvents, workerLog } from './worker-log.ts'

/** What running jobs get when the service stops, before they are given back for the next start. */
const graceMs = 5_000
/** Whoever is told to stop has ended by then, whatever is in the way. */
const longestStopMs = 9_000

async function run(settings: WorkerSettings): Promise<void> {
  const log = workerLog(settings.logLevel)
  const folders = dataFolders(settings.dataDir)
  mkdirSync(folders.results, { recursive: true, mode: 0o700 })
  await removeUnfinished(folders)
  const database = openDatabase(join(settings.dataDir, 'service.db'))
  const jobs = openJobs(settings.storeUrl)
  const { reset: resetKey } = deriveKeys(settings.secretKey)

  logEvents(jobs.errand, log)
  handleEmailTasks(jobs, {
    database,
    resetKey,
    send: smtpSender(settings.smtp, settings.fromEmail),
    fromEmail: settings.fromEmail,
    baseUrl: settings.baseUrl,
  })
  handleDataTasks(jobs, folders)
  const worker = jobs.errand.worker({
    queues: workerSlots,
    grace: graceMs,
    lease: settings.workerLeaseSeconds * 1_000,
  })
  await worker.start()
  const pidFile = join(settings.dataDir, 'worker.pid')
  writeFileSync(pidFile, `${process.pid}\n`)
  process.send?.('ready')

  await stopAsked()
  setTimeout(() => process.exit(1), longestStopMs).unref()
  await worker.stop({ abandon: true })
  await jobs.errand.close()
  await database.destroy()
  // Another worker may have been started in the meantime.
  if (existsSync(pidFile) && readFileSync(pidFile, 'utf8').trim() === String(process.pid)) rmSync(pidFile)
}

function stopAsked(): Promise<void> {
  return new Promise((resolve) => {
    process.on('message', (message) => {
      if (message === 'stop') resolve()
    })
    process.on('SIGTERM', () => resolve())
  })
}

// Lines that nobody reads any more are no reason to stay, nor to fail: see 'disconnect'.
process.stdout.on('error', () => {})
process.stderr.on('error', () => {})
// Ctrl-C reaches every process of the terminal; it is the parent that says when to stop.
process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit(1))
// It may have ended while this module was loading.
if (!process.connected) process.exit(1)
process.once('message', (settings) => {
  run(settings as WorkerSettings).then(
    () => process.exit(0),
    (error: unknown) => {
      console.error(error instanceof Error ? error.message : error)
      process.exit(1)
    },
  )
})

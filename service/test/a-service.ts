/** A service for tests: real parts in a temporary folder, jobs in memory, and a worker in the same process if wanted. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { pino } from 'pino'
import { deriveKeys } from '../auth/keys.ts'
import { dataFolders } from '../data/folders.ts'
import { handleDataTasks } from '../data/tasks.ts'
import { Mailbox } from '../email/mailbox/mailbox.ts'
import { smtpSender, type SendMail } from '../email/smtp.ts'
import { handleEmailTasks } from '../email/tasks.ts'
import { rateLimits, type RateLimits } from '../http/limits.ts'
import { workerSlots } from '../jobs.ts'
import { openService, type Service } from '../service.ts'
import { readSettings } from '../settings.ts'
import { initOf, type Request, signedIn } from './requests.ts'

export const secretKey = '5e8c1a94f0b7d26335c9ea71082bd46f9907c3581be2a6fd4490d87e136b52ca'

export interface TestOptions {
  readonly now?: () => number
  readonly limits?: Partial<RateLimits>
  readonly uploadBytes?: number
  /** Where requests seem to come from. */
  readonly address?: string
  /** Without it, tasks stay pending. */
  readonly worker?: boolean
  readonly send?: SendMail
  readonly withoutMailbox?: boolean
  /** A folder that outlives the service. */
  readonly dataDir?: string
}

export interface TestService extends Service {
  readonly dataDir: string
  /** Everything that was logged, as one text. */
  readonly logged: () => string
  readonly mailbox: Mailbox | undefined
  readonly startWorker: () => Promise<void>
  readonly request: Request
  /** Registers an account and signs in. */
  signIn(email?: string): Promise<string>
}

export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'errand-service-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))

  return folder
}

export async function aService(t: TestContext, options: TestOptions = {}): Promise<TestService> {
  const dataDir = options.dataDir ?? temporaryFolder(t)
  const settings = readSettings({ DATA_DIR: dataDir, STORE_URL: 'memory:', BASE_URL: 'http://127.0.0.1:8000' })
  const lines: string[] = []
  const log = pino({ level: 'debug', base: null }, { write: (line: string) => void lines.push(line) })
  const mailbox = options.withoutMailbox ? undefined : new Mailbox(join(dataDir, 'mailbox'))
  const port = await mailbox?.start()
  const address = options.address ?? '127.0.0.1'
  const service = openService({
    settings: { ...settings, secretKey, baseUrl: settings.baseUrl! },
    log,
    mailbox,
    addressOf: () => address,
    limits: { ...rateLimits, ...options.limits },
    ...(options.now && { now: options.now }),
    ...(options.uploadBytes && { uploadBytes: options.uploadBytes }),
  })

  const startWorker = async () => {
    handleEmailTasks(service.jobs, {
      database: service.database,
      send:
        options.send ??
        smtpSender({ host: '127.0.0.1', port: port!, username: undefined, password: undefined }, settings.fromEmail),
      fromEmail: settings.fromEmail,
      baseUrl: settings.baseUrl!,
      resetKey: deriveKeys(secretKey).reset,
      ...(options.now && { now: options.now }),
    })
    handleDataTasks(service.jobs, dataFolders(dataDir))
    await service.errand.worker({ queues: workerSlots }).start()
  }
  await service.start()
  if (options.worker !== false) await startWorker()
  t.after(async () => {
    await service.stop()
    await mailbox?.stop()
  })

  const request: Request = async (method, path, requestOptions) =>
    service.app.request(`http://127.0.0.1${path}`, initOf(method, requestOptions))

  return {
    ...service,
    dataDir,
    mailbox,
    startWorker,
    request,
    logged: () => lines.join(''),
    signIn: (email) => signedIn(request, email),
  }
}

/** Reads a task until it is final. Waits by its event stream, so for no longer than it takes. */
export async function finished(service: TestService, token: string, taskId: string): Promise<Record<string, any>> {
  const stream = await service.request('GET', `/tasks/${taskId}/events`, { token })
  await stream.text()

  return (await service.request('GET', `/tasks/${taskId}`, { token })).json() as Promise<Record<string, any>>
}

/** Waits for what another part will do. Asks again and again, since nothing tells. */
export async function eventually<T>(look: () => Promise<T | undefined>, ms = 5_000): Promise<T> {
  const until = Date.now() + ms
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (Date.now() > until) throw new Error('It did not happen in time.')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

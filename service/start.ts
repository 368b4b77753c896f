/** `npm start`: the API, its worker and, without a mail server, the development mailbox, until a signal ends them. */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createAdaptorServer } from '@hono/node-server'
import { getConnInfo } from '@hono/node-server/conninfo'
import { pino } from 'pino'
import { prepareDataFolder, takeDataFolder } from './data-folder.ts'
import { Mailbox } from './email/mailbox/mailbox.ts'
import { keptSecretKey } from './secret-key.ts'
import { openService, type Service } from './service.ts'
import { environment, isLoopback, readSettings, type Settings, type SmtpSettings } from './settings.ts'
import { Supervisor } from './supervisor.ts'

const workerStartMs = 10_000
/** What requests get to end when the service stops. */
const requestGraceMs = 3_000

interface Running {
  readonly service: Service
  readonly server: Server
  readonly supervisor: Supervisor
  readonly mailbox: Mailbox | undefined
}

/** One clear line for a start that cannot be. */
class StartError extends Error {}

async function start(): Promise<Running> {
  const settings = readSettings(environment())
  if (settings.storeUrl.startsWith('memory:')) {
    throw new StartError(
      'STORE_URL: "memory:" is inside one process, and the worker is another. Leave it out, or name a file.',
    )
  }
  prepareDataFolder(settings.dataDir)
  takeDataFolder(settings.dataDir)
  const secretKey = settings.secretKey ?? keptSecretKey(settings.dataDir)
  const log = pino({ level: settings.logLevel, base: null }, process.stderr)
  const { server, serve } = await listening(settings)
  const baseUrl = settings.baseUrl ?? urlOf(settings.host, server)

  const mailbox = settings.smtp ? undefined : new Mailbox(join(settings.dataDir, 'mailbox'))
  const smtp: SmtpSettings = settings.smtp ?? {
    host: '127.0.0.1',
    port: await mailbox!.start(),
    username: undefined,
    password: undefined,
  }
  const service = openService({
    settings: { ...settings, secretKey, baseUrl },
    log,
    mailbox: isLoopback(settings.host) ? mailbox : undefined,
    addressOf: (c) => getConnInfo(c).remote.address ?? 'unknown',
  })
  await service.start()
  const { dataDir, storeUrl, fromEmail, workerLeaseSeconds, logLevel } = settings
  const supervisor = new Supervisor({
    log,
    settings: { dataDir, storeUrl, baseUrl, secretKey, smtp, fromEmail, workerLeaseSeconds, logLevel },
  })

  serve(service)
  await Promise.race([supervisor.start(), wait(workerStartMs)])
  announce(settings, server, baseUrl)
  return { service, server, supervisor, mailbox }
}

/** Takes the port before anything else is done. Requests that come before the service is ready wait for it. */
async function listening({ host, port }: Settings) {
  const { promise: service, resolve: serve } = Promise.withResolvers<Service>()
  const server = createAdaptorServer({
    fetch: async (request, env) => (await service).app.fetch(request, env),
    serverOptions: { requestTimeout: 60 * 60 * 1000, headersTimeout: 15_000, keepAliveTimeout: 5_000 },
  }) as Server
  server.setTimeout(120_000)

  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new StartError(portTrouble(error, host, port))))
    server.listen(port, host, resolve)
  })
  return { server, serve }
}

function portTrouble({ code }: NodeJS.ErrnoException, host: string, port: number): string {
  if (code === 'EADDRINUSE')
    return `PORT: ${port} on ${host} is in use by another program. Stop it, or set PORT to a free one.`
  if (code === 'EACCES') return `PORT: ${port} may not be used by this account. Set PORT to one above 1023.`

  return `HOST: cannot listen on ${host}:${port} (${code}).`
}

function urlOf(host: string, server: Server): string {
  const { port } = server.address() as AddressInfo
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host

  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`
}

function announce(settings: Settings, server: Server, baseUrl: string): void {
  const url = urlOf(settings.host, server)
  const account = `"email": "you@example.com", "password": "correct horse battery"`

  const mailbox = isLoopback(settings.host)
    ? `, and the e-mails at ${url}/mailbox`
    : `. E-mails are only kept in ${settings.dataDir}/mailbox: set SMTP_SERVER to send them`
  const lines = [
    `ready ${url}`,
    `  curl -s ${url}/register --json '{${account}}'`,
    `  curl -s ${url}/token --json '{${account}}'`,
    `Then ${url}/docs${settings.smtp ? '' : mailbox}`,
    ...(baseUrl === url ? [] : [`Links in e-mails begin with ${baseUrl}`]),
  ]

  console.log(lines.join('\n'))
}

/** Takes no more requests, lets the open ones end, then the worker's jobs. */
async function stop({ service, server, supervisor, mailbox }: Running): Promise<void> {
  service.refuseNew()
  const closed = new Promise((resolve) => server.close(resolve))
  // A connection whose last answer has just ended would stay open for a next request.
  const sweep = setInterval(() => server.closeIdleConnections(), 50)
  await Promise.all([Promise.race([closed, wait(requestGraceMs)]), supervisor.stop()])
  clearInterval(sweep)
  server.closeAllConnections()
  await mailbox?.stop()
  await service.stop()
}

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms).unref())

const expectedErrors: ReadonlySet<string> = new Set(['SettingsError', 'DataFolderError', 'MigrationError'])

function fail(error: unknown): never {
  const { name, message, stack } = error as Error
  const expected = error instanceof StartError || expectedErrors.has(name) || 'code' in (error as object)
  console.error(expected ? message : stack)
  process.exit(1)
}

// A terminal that was closed must not end the service in the middle of its work.
for (const output of [process.stdout, process.stderr]) output.on('error', () => {})

const starting = start()
let stopping = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // Whoever asks twice does not want to wait.
    if (stopping) process.exit(130)
    stopping = true
    starting.then(stop).then(() => process.exit(0), fail)
  })
}
starting.catch(fail)

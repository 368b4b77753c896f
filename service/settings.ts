/**
 * Settings, from the environment and a `.env` file; the environment wins.
 *
 * Each is checked at the start, and what is wrong is said in one line per setting, never with its value
 * where that may be a secret.
 */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { z } from 'zod'
import { isAddress } from './email/address.ts'
import { secretKeyFault } from './secret-key.ts'

export interface Settings {
  /** The address served. Only this machine can reach the default. */
  readonly host: string
  /** 0 takes any free one. */
  readonly port: number
  /** Everything the service keeps is below this folder. */
  readonly dataDir: string
  /** Where jobs are kept. */
  readonly storeUrl: string
  /** How people reach the service: links in e-mails begin with it, whatever a request's Host header says. */
  readonly baseUrl: string | undefined
  /** Left out: one is generated and kept in a file under the data folder. */
  readonly secretKey: string | undefined
  readonly accessTokenMinutes: number
  /** Left out: the development mailbox receives all mail. */
  readonly smtp: SmtpSettings | undefined
  readonly fromEmail: string
  /** For how long a worker may be silent before its tasks are taken over. */
  readonly workerLeaseSeconds: number
  readonly logLevel: string
}

export interface SmtpSettings {
  readonly host: string
  readonly port: number
  readonly username: string | undefined
  readonly password: string | undefined
}

export class SettingsError extends Error {
  override readonly name = 'SettingsError'
}

/** An empty value in a `.env` file means the same as none. */
const optional = <T extends z.ZodType>(schema: T) => z.preprocess((value) => (value === '' ? undefined : value), schema)
const wholeNumber = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, `expected a whole number from ${least} to ${most}`)
    .transform(Number)
    .refine((value) => value >= least && value <= most, `expected a whole number from ${least} to ${most}`)

const settingsSchema = z.object({
  HOST: optional(
    z
      .string()
      .regex(/^[\w.:-]+$/, 'expected a host name or an address')
      .default('127.0.0.1'),
  ),
  PORT: optional(wholeNumber(0, 65_535).default(8000)),
  DATA_DIR: optional(z.string().default('./data')),
  STORE_URL: optional(z.string().optional()),
  BASE_URL: optional(
    z.url({ protocol: /^https?$/, error: 'expected a URL such as https://tasks.example.com' }).optional(),
  ),
  SECRET_KEY: optional(z.string().optional()).superRefine((value, context) => {
    const fault = value === undefined ? undefined : secretKeyFault(value)
    if (fault) context.addIssue({ code: 'custom', message: fault })
  }),
  ACCESS_TOKEN_EXPIRE_MINUTES: optional(wholeNumber(1, 1_440).default(30)),
  SMTP_SERVER: optional(
    z
      .string()
      .regex(/^[\w.:-]+$/, 'expected a host name or an address')
      .optional(),
  ),
  SMTP_PORT: optional(wholeNumber(1, 65_535).default(587)),
  SMTP_USERNAME: optional(z.string().optional()),
  SMTP_PASSWORD: optional(z.string().optional()),
  FROM_EMAIL: optional(z.string().refine(isAddress, 'expected an e-mail address').default('noreply@example.com')),
  WORKER_LEASE_SECONDS: optional(wholeNumber(1, 3_600).default(8)),
  LOG_LEVEL: optional(
    z.enum(['debug', 'info', 'warn', 'error', 'silent'], 'expected debug, info, warn, error or silent').default('info'),
  ),
})

const schema = settingsSchema.superRefine(({ SMTP_USERNAME, SMTP_PASSWORD }, context) => {
  if ((SMTP_USERNAME === undefined) === (SMTP_PASSWORD === undefined)) return
  const [missing, given] =
    SMTP_PASSWORD === undefined ? ['SMTP_PASSWORD', 'SMTP_USERNAME'] : ['SMTP_USERNAME', 'SMTP_PASSWORD']
  context.addIssue({
    code: 'custom',
    path: [missing],
    message: `is missing, but ${given} is set. Set both or neither.`,
  })
})

/**
 * Reads the settings from these variables.
 *
 * @throws SettingsError, with a line for each setting that cannot be used.
 */
export function readSettings(variables: Readonly<Record<string, string | undefined>>): Settings {
  const parsed = schema.safeParse(variables)
  if (!parsed.success) {
    throw new SettingsError(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('\n'))
  }
  const given = parsed.data
  const dataDir = resolve(given.DATA_DIR)

  return {
    host: given.HOST,
    port: given.PORT,
    dataDir,
    storeUrl: given.STORE_URL ?? `sqlite:${join(dataDir, 'errand.db')}`,
    baseUrl: given.BASE_URL?.replace(/\/+$/, ''),
    secretKey: given.SECRET_KEY,
    accessTokenMinutes: given.ACCESS_TOKEN_EXPIRE_MINUTES,
    smtp: given.SMTP_SERVER
      ? { host: given.SMTP_SERVER, port: given.SMTP_PORT, username: given.SMTP_USERNAME, password: given.SMTP_PASSWORD }
      : undefined,
    fromEmail: given.FROM_EMAIL,
    workerLeaseSeconds: given.WORKER_LEASE_SECONDS,
    logLevel: given.LOG_LEVEL,
  }
}

/** The environment, completed from a `.env` file in the working folder where there is one. */
export function environment(file = '.env'): Record<string, string | undefined> {
  return { ...dotEnv(file), ...process.env }
}

function dotEnv(file: string): Record<string, string | undefined> {
  try {
    return parseEnv(readFileSync(file, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw new SettingsError(`${file}: cannot be read (${(error as Error).message})`)
  }
}

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}

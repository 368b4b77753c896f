/** What a server's refusal means: whether anything has happened, and whether repeating helps. */

/**
 * `busy`: not now, nothing has happened. `moved`: not here, nothing has happened; the place must be looked up anew.
 * `unloaded`: the script must be sent along. `full`: no memory for new data. `failed`: a script stopped on its way, so that
 * what it had written by then stays. `too new`: newer processes keep the store in a form that is not known here. `refused`: not ever.
 */
export type Refusal = 'busy' | 'moved' | 'unloaded' | 'full' | 'failed' | 'too new' | 'refused'

const codes: Readonly<Record<string, Refusal>> = {
  LOADING: 'busy',
  BUSY: 'busy',
  TRYAGAIN: 'busy',
  // A slot on its way to another node. Following it there would split a step in two.
  ASK: 'busy',
  CLUSTERDOWN: 'busy',
  NOREPLICAS: 'busy',
  MASTERDOWN: 'moved',
  READONLY: 'moved',
  MOVED: 'moved',
  // Those who wait at a server that is no longer the master are sent away.
  UNBLOCKED: 'moved',
  NOSCRIPT: 'unloaded',
  OOM: 'full',
  TOONEW: 'too new',
  // It cannot write to its disk, and so takes no writes at all.
  MISCONF: 'refused',
}

/** Redis 7 names the script behind what was refused to it, Redis 6 before that. */
const insideScript = /user_script/
const codeInside = /@user_script: ?\d+: -?([A-Z]+)\b/

export function refusalOf(message: string): Refusal {
  const code = (codeInside.exec(message) ?? /^-?([A-Z]+)/.exec(message))?.[1] ?? ''
  const known = codes[code]
  // These stop a script at its first write at the latest, so nothing has happened then either.
  if (known !== undefined) return known

  return insideScript.test(message) ? 'failed' : 'refused'
}

/** Of a store that is too new: which form it has, and the latest that is known here. */
export function layoutsIn(message: string): { readonly found: number; readonly known: number } {
  const [, found, known] = /TOONEW (\d+) (\d+)/.exec(message) ?? []

  return { found: Number(found), known: Number(known) }
}

/** Of those who cannot sign in, and will not be able to in a moment. */
const isSignInRefusal = (message: string): boolean =>
  /^(WRONGPASS|NOAUTH|NOPERM|ERR (AUTH|invalid password|Client sent AUTH|DB index|invalid DB index|SELECT))/i.test(
    message,
  )

/** Of a server that is another kind of one than was asked for. */
const isNoCluster = (message: string) => message.includes('cluster support disabled')
const isNoSentinel = (message: string) => /unknown command .sentinel/i.test(message)

/** What would be answered in a moment too. */
export const isLasting = (message: string): boolean =>
  isSignInRefusal(message) || isNoCluster(message) || isNoSentinel(message)

/** Of a place where no server is, or another one than Redis: to wait longer would not help. */
export function adviceOnPlace(why: string, where: string): string | undefined {
  if (/\bENOTFOUND\b/.test(why)) return 'no host of that name is known: check host and port in the URL'
  if (/^(Protocol error|Unknown RESP type)/.test(why))
    return 'what answers there does not speak Redis: check host and port in the URL'
  const secure = where.startsWith('rediss:')
  if (secure && /^no connection within|TLS connection|wrong version number/.test(why))
    return 'if the server is up, see whether it speaks TLS at that port: `rediss:` is for one that does'
  if (!secure && why === 'the connection was closed')
    return 'if the server is up, see whether it is Redis at that port, and whether it wants TLS, which is `rediss:`'
  return undefined
}

/** Without the database that was asked for, a connection would speak to number 0. */
export class DatabaseRefusedError extends Error {
  readonly advice: string

  /** @param said the server's own words @param databases how many it has, where it tells */
  constructor(said: string, db: number, databases: number | undefined, options?: { cause?: unknown }) {
    super(said, options)
    const range = databases === undefined ? '' : `, and the server has ${databases}: 0 to ${databases - 1}`
    this.advice = `Database ${db} was asked for${range}. Choose one that it has, or tell stores apart by "?prefix=".`
  }
}

/** What to do about a refusal that repeating does not change. */
export function adviceOn(error: Error): string {
  const { message } = error
  if (error instanceof DatabaseRefusedError) return error.advice
  if (/^(WRONGPASS|NOAUTH|ERR (AUTH|invalid password))/i.test(message))
    return 'Correct the user and password in the URL.'
  if (isNoCluster(message)) return 'It is a server by itself: leave out "?cluster", or name nodes of the Cluster.'
  if (isNoSentinel(message))
    return 'It is no Sentinel: name the Sentinels, whose usual port is 26379, or leave out "?sentinel=".'
  if (message.startsWith('NOPERM')) return 'Give the user the right to it: see "Rights" in docs/guide/redis.md.'
  if (message.startsWith('MISCONF')) return 'The server cannot write to its disk: free space there, or see its log.'
  if (message.startsWith('WRONGTYPE')) return 'A key of another program has this name: choose another `prefix`.'
  if (/DB index|SELECT/.test(message)) return 'Choose a database that the server has, and in a Cluster none.'
  return 'See what the server says, and its log.'
}

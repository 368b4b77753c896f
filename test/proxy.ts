/**
 * A TCP proxy for the faults that a network has: it passes, delays, swallows, and cuts at a chosen moment.
 *
 * It knows no protocol. A test that means one request among many says by which bytes to know it.
 */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** Tells the request that is meant, from bytes on their way to the server. */
export type Meant = (bytes: Buffer) => boolean

export interface Proxy {
  readonly port: number
  /** How many connections pass through it now. */
  readonly connections: number
  /** How many there have been. */
  readonly connected: number
  /** New connections go to this port. */
  target(port: number): void
  /** Whatever was asked for before is over: all passes, at once. Swallowed bytes stay lost, with their connections. */
  pass(): void
  /** Holds back for so long what comes from either side. */
  delay(ms: number): void
  /** Takes everything and gives nothing, from now on: no end is told either. New connections are taken too. */
  blackHole(): void
  /** Ends all connections; takes no new ones before `pass`. */
  refuse(): void
  /** Ends all connections. */
  cut(): void
  /** Ends the connection that brings the next such request, which the server never sees. Resolves when that has happened. */
  cutBeforeRequest(meant?: Meant): Promise<void>
  /** The next such request is carried out, and its connection ends when the reply has come here. Resolves then. */
  cutBeforeReply(meant?: Meant): Promise<void>
  /** Resolves with the next such request, when it has come here. Nothing happens to it. */
  request(meant?: Meant): Promise<void>
  stop(): Promise<void>
}

interface Trap {
  readonly kind: 'before request' | 'before reply' | 'none'
  readonly meant: Meant
  readonly sprung: () => void
}

interface Pair {
  readonly client: Socket
  readonly server: Socket
  /** Its request has passed: what the server says next ends it. */
  trap?: Trap
  /** It was there when everything was swallowed: passing half of a stream would be a new kind of fault. */
  deaf?: boolean
}

/** Passes connections to this port of this machine. */
export async function startProxy(targetPort: number): Promise<Proxy> {
  const pairs = new Set<Pair>()
  const traps = new Set<Trap>()
  const waiting = new Map<Socket, Promise<void>>()
  let mode: 'pass' | 'black hole' | 'refuse' = 'pass'
  let target = targetPort
  let delayMs = 0
  let connected = 0

  const end = (pair: Pair) => {
    pairs.delete(pair)
    pair.client.destroy()
    pair.server.destroy()
  }
  const cut = () => {
    for (const pair of pairs) end(pair)
  }
  /** Later bytes never overtake earlier ones, also when the delay has become shorter. */
  const hand = (to: Socket, bytes: Buffer) => {
    const held = waiting.get(to)
    if (delayMs === 0 && !held) return void to.write(bytes)
    const passed = Promise.all([held, sleep(delayMs)]).then(() => {
      if (to.writable) to.write(bytes)
      if (waiting.get(to) === passed) waiting.delete(to)
    })
    waiting.set(to, passed)
  }

  function onRequest(pair: Pair, bytes: Buffer): void {
    if (pair.deaf) return
    const trap = [...traps].find(({ meant }) => meant(bytes))
    if (trap) traps.delete(trap)
    if (trap?.kind === 'none') trap.sprung()
    if (trap?.kind === 'before request') {
      end(pair)
      return trap.sprung()
    }
    if (trap?.kind === 'before reply') pair.trap = trap
    hand(pair.server, bytes)
  }

  function onReply(pair: Pair, bytes: Buffer): void {
    if (pair.deaf) return
    if (!pair.trap) return hand(pair.client, bytes)
    end(pair)
    pair.trap.sprung()
  }

  const server = createServer((client) => {
    if (mode === 'refuse') return client.destroy()
    const pair: Pair = { client, server: connect(target, '127.0.0.1'), deaf: mode === 'black hole' }
    pairs.add(pair)
    connected++
    client.on('data', (bytes: Buffer) => onRequest(pair, bytes))
    pair.server.on('data', (bytes: Buffer) => onReply(pair, bytes))
    for (const socket of [client, pair.server]) {
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        if (!pair.deaf) end(pair)
      })
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  const trap = (kind: Trap['kind'], meant: Meant = () => true) =>
    new Promise<void>((sprung) => void traps.add({ kind, meant, sprung }))

  return {
    port,
    get connections() {
      return pairs.size
    },
    get connected() {
      return connected
    },
    target(port) {
      target = port
    },
    pass() {
      mode = 'pass'
      delayMs = 0
      traps.clear()
    },
    delay(ms) {
      delayMs = ms
    },
    blackHole() {
      mode = 'black hole'
      for (const pair of pairs) pair.deaf = true
    },
    refuse() {
      mode = 'refuse'
      cut()
    },
    cut,
    cutBeforeRequest: (meant) => trap('before request', meant),
    cutBeforeReply: (meant) => trap('before reply', meant),
    request: (meant) => trap('none', meant),
    async stop() {
      cut()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Requests with this text in them, in whatever case. */
export const saying = (text: string): Meant => {
  const wanted = text.toLowerCase()

  return (bytes) => bytes.toString('latin1').toLowerCase().includes(wanted)
}

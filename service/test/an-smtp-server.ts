/** A real SMTP server for tests, which refuses, falls silent or breaks off when told to. */
import { createServer, type AddressInfo, type Server } from 'node:net'
import type { TestContext } from 'node:test'
import PostalMime, { type Email } from 'postal-mime'
import { SMTPServer } from 'smtp-server'
import type { SmtpSettings } from '../settings.ts'

interface Received {
  readonly mailFrom: string
  readonly rcptTo: readonly string[]
  readonly raw: string
  readonly email: Email
}

interface Behaviour {
  readonly refuse?: { readonly step: 'MAIL' | 'RCPT' | 'DATA'; readonly code: number; readonly times?: number }
  /** Takes the connection and never says a word. */
  readonly silent?: boolean
  /** Closes the connection at once. */
  readonly breakOff?: boolean
}

export async function anSmtpServer(t: TestContext, behaviour: Behaviour = {}) {
  const received: Received[] = []
  const server = behaviour.silent || behaviour.breakOff ? aBrokenServer(behaviour) : aWorkingServer(behaviour, received)
  // A sender that is killed resets its connection.
  server.on('error', () => {})
  const port = await new Promise<number>((resolve) => {
    const listener = server.listen(0, '127.0.0.1', () => resolve((listener.address() as AddressInfo).port)) as Server
  })
  t.after(() => new Promise<void>((resolve) => void server.close(() => resolve())))
  const settings: SmtpSettings = { host: '127.0.0.1', port, username: undefined, password: undefined }

  return { settings, received }
}

function aBrokenServer({ breakOff }: Behaviour): Server {
  return createServer((socket) => {
    socket.on('error', () => {})
    if (breakOff) socket.destroy()
    // A client that has given up must not keep the server open.
    socket.on('end', () => socket.destroy())
  })
}

function aWorkingServer({ refuse }: Behaviour, received: Received[]): SMTPServer {
  let left = refuse?.times ?? Infinity
  const verdict = (step: string) =>
    refuse?.step === step && left-- > 0 ? Object.assign(new Error('refused'), { responseCode: refuse.code }) : undefined

  return new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    closeTimeout: 100,
    onMailFrom: (_address, _session, callback) => callback(verdict('MAIL')),
    onRcptTo: (_address, _session, callback) => callback(verdict('RCPT')),
    onData: (stream, session, callback) => {
      const receive = async () => {
        const raw = Buffer.concat((await stream.toArray()) as Buffer[])
        const refused = verdict('DATA')
        const { mailFrom, rcptTo } = session.envelope
        if (!refused) {
          received.push({
            mailFrom: mailFrom ? mailFrom.address : '',
            rcptTo: rcptTo.map(({ address }) => address),
            raw: raw.toString(),
            email: await PostalMime.parse(raw),
          })
        }
        callback(refused)
      }
      // A sender that is killed breaks off in the middle.
      receive().catch((error: Error) => callback(error))
    },
  })
}

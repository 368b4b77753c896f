import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { after, before, beforeEach, test } from 'node:test'
import { saying, startProxy, type Proxy } from './proxy.ts'

/** Answers each word with itself, and remembers it. */
const heard: string[] = []
const sockets = new Set<Socket>()
const server = createServer((socket) => {
  sockets.add(socket)
  socket.on('error', () => {})
  socket.on('data', (bytes) => {
    heard.push(String(bytes))
    socket.write(bytes)
  })
})
let proxy: Proxy

before(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  proxy = await startProxy((server.address() as AddressInfo).port)
})
beforeEach(() => {
  heard.length = 0
  proxy.pass()
})
after(async () => {
  await proxy.stop()
  for (const socket of sockets) socket.destroy()
  server.close()
})

async function connected(): Promise<Socket> {
  const socket = connect(proxy.port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** The answer, or 'closed' where there is none any more. */
async function ask(socket: Socket, word: string): Promise<string> {
  const answer = Promise.race([
    once(socket, 'data').then(([bytes]) => String(bytes)),
    once(socket, 'close').then(() => 'closed'),
  ])
  socket.write(word)
  return answer
}

test('what is asked passes, and so does the answer', async () => {
  const socket = await connected()

  assert.equal(await ask(socket, 'hello'), 'hello')
  socket.destroy()
})

test('a request cut before it passes is never heard', async () => {
  const socket = await connected()
  const cut = proxy.cutBeforeRequest(saying('SECOND'))

  const answers = [await ask(socket, 'first'), await ask(socket, 'second')]

  await cut
  assert.deepEqual(answers, ['first', 'closed'])
  assert.deepEqual(heard, ['first'])
})

test('a request cut before its reply has been heard', async () => {
  const socket = await connected()
  const cut = proxy.cutBeforeReply()

  const answer = await ask(socket, 'word')

  await cut
  assert.equal(answer, 'closed')
  assert.deepEqual(heard, ['word'])
})

test('a black hole takes all and ends nothing, and only new connections pass again', async () => {
  const old = await connected()
  assert.equal(await ask(old, 'before'), 'before')
  proxy.blackHole()
  const swallowed = ask(old, 'swallowed')
  proxy.pass()

  const young = await connected()
  assert.equal(await ask(young, 'after'), 'after')

  assert.deepEqual(heard, ['before', 'after'])
  assert.equal(old.destroyed, false)
  old.destroy()
  young.destroy()
  assert.equal(await swallowed, 'closed')
})

test('connections are refused until they are to pass again', async () => {
  const old = await connected()
  const closed = once(old, 'close')
  proxy.refuse()
  await closed

  const refused = await connected()
  assert.equal(await ask(refused, 'word'), 'closed')
  proxy.pass()
  const taken = await connected()

  assert.equal(await ask(taken, 'word'), 'word')
  taken.destroy()
})

test('what is delayed comes later, and in its order', async () => {
  const socket = await connected()
  proxy.delay(30)
  const began = performance.now()

  const first = await ask(socket, 'slow')
  const tookMs = performance.now() - began
  socket.write('one ')
  await proxy.request()
  proxy.delay(0)
  socket.write('two')
  let text = ''
  for await (const bytes of socket) if ((text += String(bytes)) === 'one two') break

  assert.equal(first, 'slow')
  assert.ok(tookMs >= 55, `${tookMs} ms`)
})

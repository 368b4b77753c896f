import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { Mailbox } from '../email/mailbox/mailbox.ts'
import { smtpSender } from '../email/smtp.ts'
import { aService, temporaryFolder } from './a-service.ts'

const letter = {
  to: 'bob@example.com',
  subject: 'Hi <script>alert(1)</script>',
  body: '<img src=x onerror=alert(1)> & "text"',
  messageId: '<1@example.com>',
}

async function aMailbox(t: Parameters<typeof temporaryFolder>[0], limits?: { messages: number; messageBytes: number }) {
  const folder = join(temporaryFolder(t), 'mailbox')
  const mailbox = new Mailbox(folder, limits)
  const port = await mailbox.start()
  t.after(() => mailbox.stop())

  return {
    folder,
    mailbox,
    send: smtpSender({ host: '127.0.0.1', port, username: undefined, password: undefined }, 'noreply@example.com'),
  }
}

test('what is sent arrives, newest first, and is there after a restart', async (t) => {
  const { mailbox, send, folder } = await aMailbox(t)
  await send(letter)
  await send({ ...letter, subject: 'second' })

  const again = await new Mailbox(folder).messages()

  assert.deepEqual(again, await mailbox.messages())
  assert.deepEqual(
    again.map(({ subject }) => subject),
    ['second', letter.subject],
  )
  assert.deepEqual(
    [again[1]!.to, again[1]!.from, again[1]!.messageId],
    [['bob@example.com'], 'noreply@example.com', '<1@example.com>'],
  )
})

test('the mailbox keeps so many messages, and none that is too large', async (t) => {
  const { mailbox, send } = await aMailbox(t, { messages: 3, messageBytes: 5_000 })
  for (let number = 0; number < 5; number += 1) await send({ ...letter, subject: `${number}` })

  await assert.rejects(send({ ...letter, body: 'x '.repeat(5_000) }), { retryable: false })

  assert.deepEqual(
    (await mailbox.messages()).map(({ subject }) => subject),
    ['4', '3', '2'],
  )
})

test('the page shows what strangers wrote as text', async (t) => {
  const service = await aService(t)
  const token = await service.signIn()
  const sent = await service.request('POST', '/tasks/email/send', {
    token,
    json: { to_email: letter.to, subject: letter.subject, body: letter.body },
  })
  const { task_id } = (await sent.json()) as { task_id: string }
  await (await service.request('GET', `/tasks/${task_id}/events`, { token })).text()

  const response = await service.request('GET', '/mailbox')
  const page = await response.text()
  const list = (await (await service.request('GET', '/mailbox/messages?to=bob@example.com')).json()) as Record<
    string,
    any
  >[]

  assert.ok(page.includes('&lt;script&gt;') && !page.includes('<script') && !page.includes('<img'))
  assert.match(response.headers.get('Content-Security-Policy')!, /^default-src 'none'/)
  assert.deepEqual([list.length, list[0]!['subject'], list[0]!['text'].trim()], [1, letter.subject, letter.body])
  assert.equal((await service.request('GET', `/mailbox/messages/${list[0]!['id']}`)).status, 200)
  assert.equal((await service.request('GET', '/mailbox/messages/..%2f..%2fservice.db')).status, 404)
})

const paths = ['/mailbox', '/mailbox/messages', '/mailbox/messages/1']

test('the mailbox is a page for browsers and JSON for who asks for it', async (t) => {
  const service = await aService(t)
  await service.signIn('ann@example.com')
  const typeFor = async (accept: string) =>
    (await service.request('GET', '/mailbox', { headers: { Accept: accept } })).headers.get('Content-Type')

  assert.match((await typeFor('application/json'))!, /^application\/json/)
  for (const accept of ['*/*', 'text/html,application/xhtml+xml,*/*;q=0.8', 'text/html, application/json;q=0.5'])
    assert.match((await typeFor(accept))!, /^text\/html/, accept)
})

test('with a mail server set there is no mailbox', async (t) => {
  const service = await aService(t, { withoutMailbox: true, worker: false })

  for (const path of paths) assert.equal((await service.request('GET', path)).status, 404)
})

test('requests from another machine, or by another name, find no mailbox', async (t) => {
  const elsewhere = await aService(t, { address: '192.0.2.7', worker: false })
  const here = await aService(t, { worker: false })

  for (const path of paths) {
    assert.equal((await elsewhere.request('GET', path)).status, 404)
    assert.equal((await here.app.request(`http://rebound.example${path}`)).status, 404)
  }
  assert.equal((await here.app.request('http://localhost:8000/mailbox')).status, 200)
})
